"""The input of `shell`, checked."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from harmonia_tasks.process_limits import ProcessLimits

INHERITED = ("PATH", "HOME", "LANG", "LC_*", "TZ", "TMPDIR")
"""Names of environment variables that a command gets; `*` at the end stands for anything."""
SHELL = "/bin/sh"
_NAME = re.compile(r"[^=\0]+")
_COMMAND = {
    "anyOf": [
        {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 1},
        {"type": "string"},
    ]
}


def _text(value: Any) -> Any:
    """Take numbers as their text; refuse what no process can be given."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("a text for a process cannot contain NUL")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("a text for a process must be encodable as UTF-8") from None
    return value


def _command(value: Any) -> str | tuple[str, ...]:
    """Check the whole: a fault inside a union would be taken for the author's where an expression stands."""
    if isinstance(value, str):
        return str(_text(value))
    if not isinstance(value, list | tuple):
        raise ValueError("a command is a list: the program and its arguments; or, with `shell`, one text")
    words = tuple(_text(word) for word in value)
    if not words or words[0] == "":
        raise ValueError("a command begins with the name of a program")
    wrong = [f"word {n} is {value[n]!r:.50}" for n, word in enumerate(words) if not isinstance(word, str)]
    if wrong:
        raise ValueError(f"a command consists of texts and numbers, but {', '.join(wrong)}")
    return words


def _shell(value: Any) -> Any:
    if not isinstance(value, bool) and not (isinstance(value, str) and value.startswith("/")):
        raise ValueError("`shell` is true, false or the absolute path of a shell")
    return value


def _exits(value: Any) -> Any:
    codes = value if isinstance(value, list | tuple) else [value]
    if value != "any" and not (codes and all(type(code) is int and 0 <= code <= 255 for code in codes)):
        raise ValueError("`expected_exit` is a list of exit codes from 0 to 255, or `any`")
    return value if value == "any" else tuple(codes)


def _variable(value: Any) -> Any:
    if isinstance(value, str) and not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} cannot name an environment variable")
    return value


def _encoding(value: Any) -> Any:
    try:
        "".encode(value)
    except (LookupError, TypeError):
        raise ValueError(f"{value!r} is no text encoding that is known") from None
    return value


Text = Annotated[str, BeforeValidator(_text)]
Variable = Annotated[str, BeforeValidator(_variable), BeforeValidator(_text)]


class ShellLimits(ProcessLimits):
    """Limits of a command.

    file_bytes: of a file that it writes. open_files, processes: numbers; processes counts all of the user's.
    output_bytes: of each stream that is kept or logged.
    """

    file_bytes: int | None = Field(default=None, ge=1)
    open_files: int | None = Field(default=None, ge=3)
    processes: int | None = Field(default=None, ge=1)
    output_bytes: int | None = Field(default=None, ge=1)


class ShellInput(BaseModel):
    """Input of `shell`.

    command: the program and its arguments, each handed over as it is. With `shell`: one text, a script.
    shell: false; true for `/bin/sh`; or the absolute path of a shell.
    stdin: a text; a kept artifact, by its reference; or anything else as JSON; null is an empty input.
    env: environment variables; inherit_env: those of the engine that the command gets, too.
    cwd: the working folder; without it, the engine's.
    expected_exit: the exit codes of success, or `any` (a signal then counts as 128 and its number).
    stdout: what becomes of it: `text`, `json`, `lines` (a list), `artifact`, `discard`.
    stderr: `log` (line by line, as it comes), `text`, `stdout` (into it), `discard`.
    log_stdout: whether the lines of stdout go to the log, too.
    artifact, media_type: of the artifact.
    encoding: of all texts; undecodable: `replace` what is none, or end with an `error`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: Annotated[str | tuple[str, ...], PlainValidator(_command), WithJsonSchema(_COMMAND)]
    shell: Annotated[bool | Text, BeforeValidator(_shell)] = False
    stdin: Any = None
    env: dict[Variable, Text] = Field(default_factory=dict)
    inherit_env: tuple[Variable, ...] = INHERITED
    cwd: Text | None = None
    expected_exit: Annotated[Literal["any"] | tuple[int, ...], BeforeValidator(_exits)] = (0,)
    stdout: Literal["text", "json", "lines", "artifact", "discard"] = "text"
    stderr: Literal["log", "text", "stdout", "discard"] = "log"
    log_stdout: bool = False
    artifact: str = Field(default="stdout", min_length=1, max_length=255)
    media_type: str = "application/octet-stream"
    encoding: Annotated[str, BeforeValidator(_encoding)] = "utf-8"
    undecodable: Literal["replace", "error"] = "replace"
    limits: ShellLimits = ShellLimits()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if isinstance(self.command, str) and not self.shell:
            raise ValueError(
                "without `shell`, a command is a list: the program and its arguments; "
                "say `shell: true` for a script"
            )
        if self.shell and not isinstance(self.command, str):
            raise ValueError("with `shell`, a command is one text; hand data over in `env`, as $NAME")
        return self

    def argv(self) -> list[str]:
        """Return the program and its arguments."""
        if isinstance(self.command, tuple):
            return list(self.command)
        return [self.shell if isinstance(self.shell, str) else SHELL, "-c", self.command]
