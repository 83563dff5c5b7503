"""Which database on which server: a URL as libpq takes it, and a name for messages without its password."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from harmonia_core import StateUnavailable


@dataclass(frozen=True, slots=True)
class Address:
    """Hold what libpq connects with.

    parameters: may hold a password, so they are never shown. local: the server is on this machine.
    """

    parameters: Mapping[str, str] = field(repr=False)
    local: bool = False

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Read `postgresql://user:password@host:port/database?option=value`.

        What is left out comes from libpq's environment variables and files.
        """
        try:
            found = conninfo_to_dict(url)
        except ProgrammingError:
            # Neither the URL nor libpq's words are repeated: a password may stand anywhere in them.
            raise StateUnavailable(
                "The URL of the database is not one that PostgreSQL understands; give "
                "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, special characters percent-encoded."
            ) from None
        parameters = {name: str(value) for name, value in found.items() if value is not None}
        return cls(parameters, _is_local(parameters))

    def __str__(self) -> str:
        found = self.parameters
        host = found.get("host") or found.get("hostaddr") or "the local socket"
        port = found.get("port", "").strip(",")
        port = port and f":{port}"
        return f"{found.get('dbname', 'of the user')!r} on {host}{port}"


def _is_local(parameters: Mapping[str, str]) -> bool:
    hosts = parameters.get("hostaddr") or parameters.get("host") or ""
    return all(_is_loopback(host) for host in hosts.split(","))


def _is_loopback(host: str) -> bool:
    if host in ("", "localhost") or host.startswith(("/", "@")):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
