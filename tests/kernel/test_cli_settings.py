"""Settings from the environment."""

from pathlib import Path

import pytest

from harmonia_api.settings import SettingsInvalid, data_folder, default_store, read_settings
from harmonia_core.host import KernelSettings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert read_settings({}) == KernelSettings()
    assert read_settings({"HARMONIA_MAP_WINDOW": "", "OTHER": "x"}) == KernelSettings()


def test_every_setting_can_be_given() -> None:
    settings = read_settings(
        {
            "HARMONIA_PLUGIN_FILES": "a.py:/b/c.py:",
            "HARMONIA_DISABLED_PLUGINS": "sql, tasks",
            "HARMONIA_ENV_ALLOW": "HOME",
            "HARMONIA_STRICT_PLUGINS": "yes",
            "HARMONIA_MAP_WINDOW": "7",
            "HARMONIA_CANCEL_GRACE": "0.5",
            "HARMONIA_PLUGINS__TASKS__PYTHON_MODULES": "a,b",
            "HARMONIA_PLUGINS__OTHER__LIST": '["x", 1]',
            "HARMONIA_PLUGINS__OTHER__TEXT": "[not json",
        }
    )
    assert settings.plugin_files == (Path("a.py"), Path("/b/c.py"))
    assert settings.disabled_plugins == ("sql", "tasks")
    assert (settings.env_allow, settings.strict_plugins) == (("HOME",), True)
    assert (settings.map_window, settings.cancel_grace) == (7, 0.5)
    assert settings.plugins == {
        "tasks": {"python_modules": "a,b"},
        "other": {"list": ["x", 1], "text": "[not json"},
    }


def test_every_impossible_value_is_named_at_once() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        read_settings(
            {"HARMONIA_MAP_WINDOW": "0", "HARMONIA_STRICT_PLUGINS": "perhaps", "HARMONIA_THREADS": "4"}
        )
    assert {one.path for one in caught.value.problems} == {"HARMONIA_MAP_WINDOW", "HARMONIA_STRICT_PLUGINS"}


def test_data_lies_in_the_named_folder_or_at_home(tmp_path: Path) -> None:
    assert data_folder({}) == Path.home() / ".harmonia"
    folder = tmp_path / "a" / "b"
    assert default_store({"HARMONIA_DATA_DIR": str(folder)}) == f"sqlite:///{folder}/harmonia.db"
    named = {"HARMONIA_DATA_DIR": "/nowhere", "HARMONIA_DB": "postgresql://host/db"}
    assert default_store(named) == "postgresql://host/db"
    assert folder.stat().st_mode & 0o777 == 0o700
