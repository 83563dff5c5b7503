"""Named connections: where an administrator says a service is, and how it is spoken to.

They come from settings alone, so their addresses are trusted. What is secret in them is
masked in everything that a task says, and left out of every repr.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from harmonia_core import PermanentError
from harmonia_tasks.http import addresses, proxies
from harmonia_tasks.http.headers import fault

_SOUNDS_SECRET = re.compile(r"auth|cookie|credential|key|password|secret|signature|token", re.IGNORECASE)
_SCHEME = re.compile(r"(?:ApiKey|Basic|Bearer|Token) +(.*)", re.IGNORECASE)
_SHORTEST = 4


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


class Tls(_Section):
    """Say how the server is verified and who we are. ca_file, client_cert, client_key: PEM files."""

    verify: bool = True
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    min_version: Literal["1.2", "1.3"] = "1.2"


class Login(_Section):
    """Hold a user's name and password."""

    username: str
    password: SecretStr


class Connection(_Section):
    """Describe a service.

    headers: sent with every request; a value is secret if the name sounds like it (authorization,
        key, token, …). secret_headers: always secret. bearer, basic: for the Authorization header.
    proxy: URL, may hold credentials, or `environment`.
    """

    base_url: str
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    secret_headers: dict[str, SecretStr] = Field(default_factory=dict)
    bearer: SecretStr | None = None
    basic: Login | None = None
    tls: Tls = Tls()
    proxy: Annotated[SecretStr | None, AfterValidator(proxies.checked)] = None

    @field_validator("base_url")
    @classmethod
    def _is_whole(cls, url: str) -> str:
        try:
            addresses.resolve(url, None)
        except PermanentError as error:
            raise ValueError(str(error)) from None
        if "?" in url or "#" in url:
            raise ValueError("a base URL has no query and no fragment")
        return url

    @model_validator(mode="after")
    def _can_be_sent_and_masked(self) -> Self:
        for name, value in self.sent().items():
            if found := fault(name, value):
                raise ValueError(found[1])
        if any(len(value) < _SHORTEST for value in self.secrets()):
            raise ValueError(f"a secret under {_SHORTEST} characters cannot be masked")
        return self

    def sent(self) -> dict[str, str]:
        """Return the headers that go with every request, secrets in the clear."""
        found = {name: held.get_secret_value() for name, held in (self.headers | self.secret_headers).items()}
        if self.bearer is not None:
            found["Authorization"] = f"Bearer {self.bearer.get_secret_value()}"
        elif self.basic is not None:
            found["Authorization"] = f"Basic {self._pair()}"
        return found

    def secret_names(self) -> frozenset[str]:
        """Return the names of headers that must not follow a redirect to another origin."""
        return frozenset(name for name in self.sent() if self._is_secret(name))

    def secrets(self) -> tuple[str, ...]:
        """Return every text that must not be seen: whole values, and what stands behind `Bearer`."""
        values = self._values()
        return tuple({*values, *(match[1] for value in values if (match := _SCHEME.match(value)))})

    def _values(self) -> list[str]:
        values = [value for name, value in self.sent().items() if self._is_secret(name)]
        if self.basic is not None:
            values += [self.basic.password.get_secret_value(), self._pair()]
        return [*values, *proxies.secrets(self.proxy)]

    def _is_secret(self, name: str) -> bool:
        return name in self.secret_headers or _SOUNDS_SECRET.search(name) is not None

    def _pair(self) -> str:
        assert self.basic is not None
        pair = f"{self.basic.username}:{self.basic.password.get_secret_value()}"
        return b64encode(pair.encode()).decode()


def read_connections(sections: Mapping[str, Any]) -> dict[str, Connection]:
    """Return connections by name; raise ValueError that says all that is wrong, and no value."""
    found: dict[str, Connection] = {}
    faults: list[str] = []
    for name, section in sections.items():
        try:
            found[name] = Connection.model_validate(section)
        except ValidationError as error:
            for one in error.errors(include_url=False, include_input=False, include_context=False):
                faults.append(f"{'.'.join(map(str, (name, *one['loc'])))}: {one['msg']}")
    if faults:
        raise ValueError("; ".join(faults))
    return found
