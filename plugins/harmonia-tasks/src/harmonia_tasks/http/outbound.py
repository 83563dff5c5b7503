"""Where `http` may go, and by which client, as the settings say. harmonia_net loads on first use."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from harmonia_core import PermanentError, TaskError
from harmonia_tasks.http import proxies
from harmonia_tasks.settings import TasksSettings

if TYPE_CHECKING:
    from harmonia_net import Client, ClientOptions, Guard, NetError
    from harmonia_tasks.http.connections import Connection

PREFIX = "HARMONIA_PLUGINS__TASKS__"
USER_AGENT = "harmonia"
CONNECTIONS = 100
"""As many as a map's items in flight by default, and all kept: opening them anew costs a third more."""


class Outbound:
    """Hold the ways out of one engine: one set of connections for all, one for each named connection."""

    def __init__(self, settings: TasksSettings) -> None:
        self._settings = settings
        self._options: dict[str, ClientOptions] = {}

    @property
    def connections(self) -> "Mapping[str, Connection]":
        """Return the named connections."""
        found: Mapping[str, Connection] = self._settings.connections
        return found

    @property
    def output_limit(self) -> int:
        """Return how many bytes of bodies may be held and given as output."""
        return self._settings.output_limit

    def connection(self, name: str | None) -> "Connection | None":
        """Return a connection, None without a name; raise PermanentError `connection-unknown`."""
        if not name:
            return None
        found: Connection | None = self.connections.get(name)
        if found is None:
            known = ", ".join(sorted(self.connections)) or "none"
            message = f"No connection is named {name!r}; known: {known}. They are set in {PREFIX}CONNECTIONS."
            raise PermanentError(message, "connection-unknown", category="validation")
        return found

    def proxy_secrets(self) -> tuple[str, ...]:
        """Return what must not be seen of the proxy that holds where a connection names none."""
        return proxies.secrets(self._settings.http_proxy)

    def judge(self, url: str) -> None:
        """Raise TaskError `address-refused` for a URL whose text gives away that it may not be called."""
        from harmonia_net import NetError

        try:
            self._guard().check_url(url)
        except NetError as error:
            raise as_task_error(error) from None

    async def client(self, name: str | None) -> "Client":
        """Return the client for a connection, or for everything else; it is closed with the event loop."""
        from harmonia_net import shared

        options = self._options.get(name or "")
        if options is None:
            options = self._options[name or ""] = self._make(self.connection(name))
        return await shared(options)

    def _make(self, connection: "Connection | None") -> "ClientOptions":
        from harmonia_net import ClientOptions, ProxyOptions, TlsOptions

        held = (connection and connection.proxy) or self._settings.http_proxy
        proxy = held.get_secret_value() if held else None
        found = proxy == proxies.FROM_ENVIRONMENT
        return ClientOptions(
            guard=self._guard(),
            tls=TlsOptions(**dict(connection.tls)) if connection else TlsOptions(),
            proxy=ProxyOptions(url=None if found else proxy, from_environment=found),
            user_agent=USER_AGENT,
            max_connections=CONNECTIONS,
            max_keepalive=CONNECTIONS,
        )

    def _guard(self) -> "Guard":
        from harmonia_net import Guard, SettingNames

        settings = self._settings
        names = SettingNames(f"{PREFIX}HTTP_TRUSTED", f"{PREFIX}ALLOW_LOOPBACK", f"{PREFIX}HTTP_PORTS")
        return Guard(settings.http_trusted, settings.allow_loopback, frozenset(settings.http_ports), names)


def as_task_error(error: "NetError") -> TaskError:
    """Return a fault of a call as the error of the task."""
    return TaskError(
        str(error), error.code, error.category, error.retryable, error.retry_after, error.details()
    )
