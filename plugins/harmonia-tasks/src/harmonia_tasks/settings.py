"""Settings of the standard task types (section `plugins.tasks`)."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Prefixes = Annotated[tuple[str, ...], BeforeValidator(_split)]


class TasksSettings(BaseModel):
    """Hold what the standard task types may do.

    python_modules: prefixes of the modules whose callables `python` may call; `pkg` allows
        `pkg` and `pkg.sub`. As text: separated by commas. Empty = none.
    output_limit: bytes of the JSON that a callable in a process may return, and of a rendered text.
    render_timeout: seconds after which a rendering is ended.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    python_modules: Prefixes = ()
    output_limit: int = Field(default=16 * 1024 * 1024, ge=1)
    render_timeout: float = Field(default=10.0, gt=0)
