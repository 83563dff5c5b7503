"""Settings of the standard task types (section `plugins.tasks`)."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

if TYPE_CHECKING:
    from harmonia_tasks.http.connections import Connection


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _trusted(entries: tuple[str, ...]) -> tuple[str, ...]:
    if entries:
        from harmonia_net import Guard  # only if there is anything to judge

        Guard(entries)
    return entries


def _proxy(held: SecretStr | None) -> SecretStr | None:
    if held is None:
        return None
    from harmonia_tasks.http.proxies import checked  # only if there is anything to judge

    return checked(held)


def _connections(sections: dict[str, Any]) -> "dict[str, Connection]":
    """Read connections; their models are imported only if there are any: every command reads settings."""
    if not sections:
        return {}
    from harmonia_tasks.http.connections import read_connections

    return read_connections(sections)


Prefixes = Annotated[tuple[str, ...], BeforeValidator(_split)]
Trusted = Annotated[tuple[str, ...], BeforeValidator(_split), AfterValidator(_trusted)]


class TasksSettings(BaseModel):
    """Hold what the standard task types may do.

    shell: whether `shell` may run commands.
    allow_loopback: whether `http` may reach this machine itself.
    http_trusted: what `http` may reach although it is not public: `host`, `host:port`, `*.suffix`, a
        CIDR range. http_ports: ports of everything else. connections: named ones, by name.
        http_proxy: URL of a proxy, which may hold credentials, or `environment` for HTTPS_PROXY and its kin.
    python_modules: prefixes of the modules whose callables `python` may call; `pkg` allows
        `pkg` and `pkg.sub`. As text: separated by commas. Empty = none.
    read_folders: folders below which `read` may read files. As text: separated by commas. Empty = none.
    output_limit: bytes of the JSON that a callable in a process may return, of a rendered text, of each
        stream that a command writes, and of a body that `http` holds.
    render_timeout: seconds after which a rendering is ended.
    max_cpu_seconds, max_memory_bytes: what a process of `shell` and `python` may use at most,
        each one for itself; a task may ask for less. None = no limit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    shell: bool = False
    allow_loopback: bool = False
    http_trusted: Trusted = ()
    http_ports: Annotated[tuple[int, ...], BeforeValidator(_split)] = (80, 443, 8080, 8443)
    http_proxy: Annotated[SecretStr | None, AfterValidator(_proxy)] = None
    connections: Annotated[dict[str, Any], AfterValidator(_connections)] = Field(default_factory=dict)
    python_modules: Prefixes = ()
    read_folders: Prefixes = ()
    output_limit: int = Field(default=16 * 1024 * 1024, ge=1)
    render_timeout: float = Field(default=10.0, gt=0)
    max_cpu_seconds: int | None = Field(default=None, ge=1)
    max_memory_bytes: int | None = Field(default=None, ge=1)
