"""Settings from the environment: `HARMONIA_*` and where data lies. Only hosts read these."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harmonia_core import Problem, StateUnavailable
from harmonia_core.host import KernelSettings, ProblemsError

PREFIX = "HARMONIA_"
PLUGINS = "HARMONIA_PLUGINS__"


class SettingsInvalid(ProblemsError):
    """Refuse an environment in which settings have impossible values."""

    code = "settings-invalid"
    subject = "The environment"


def read_settings(environment: Mapping[str, str] = os.environ) -> KernelSettings:
    """Return the settings of `HARMONIA_<FIELD>` and `HARMONIA_PLUGINS__<NAME>__<FIELD>`.

    Lists are separated by commas, `HARMONIA_PLUGIN_FILES` like PATH, `HARMONIA_RETENTION` is JSON;
    empty is not set.
    Raises SettingsInvalid, naming every variable with an impossible value.
    """
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX) and value}
    values: dict[str, Any] = {"plugins": _plugins(given)}
    for field in KernelSettings.model_fields:
        text = given.get(PREFIX + field.upper())
        if text is not None and field != "plugins":
            values[field] = _split(field, text)
    try:
        return KernelSettings.model_validate(values)
    except ValidationError as error:
        raise SettingsInvalid(_problems(error)) from None


def data_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for data, `$HARMONIA_DATA_DIR` or `~/.harmonia`; it may not exist yet."""
    return Path(environment.get("HARMONIA_DATA_DIR") or "~/.harmonia").expanduser().absolute()


def default_store(environment: Mapping[str, str] = os.environ, *, make: bool = True) -> str:
    """Return the URL of the default store: `$HARMONIA_DB`, or a file in the data folder.

    Unless told not to, that folder is made, for this user alone; StateUnavailable if it cannot be.
    """
    if environment.get("HARMONIA_DB"):
        return environment["HARMONIA_DB"]
    folder = data_folder(environment)
    url = f"sqlite:///{folder / 'harmonia.db'}"
    if not make:
        return url
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        advice = "set HARMONIA_DATA_DIR or HARMONIA_DB, or give --db"
        raise StateUnavailable(f"The folder {folder} cannot be made ({reason}); {advice}.") from error
    return url


def _split(field: str, text: str) -> Any:
    if field == "plugin_files":
        return [Path(part).expanduser() for part in text.split(os.pathsep) if part]
    if KernelSettings.model_fields[field].annotation == tuple[str, ...]:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _plugins(given: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    sections: dict[str, dict[str, Any]] = {}
    for name, text in given.items():
        plugin, _, field = name.removeprefix(PLUGINS).lower().partition("__")
        if name.startswith(PLUGINS) and plugin and field:
            sections.setdefault(plugin, {})[field] = _value(text)
    return sections


def _value(text: str) -> Any:
    """Return a list or an object if the text is one in JSON; the plugin's model reads anything else."""
    if text[0] in "[{":
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _problems(error: ValidationError) -> Iterator[Problem]:
    for fault in error.errors(include_url=False):
        name, *place = fault["loc"]
        variable = PREFIX + str(name).upper()
        variable += "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
        yield Problem("setting-invalid", variable, f"{fault['msg']}, not {fault['input']!r}")
