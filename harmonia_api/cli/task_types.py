"""`harmonia task-types [NAME]`."""

from typing import Any

from harmonia_api.cli.printing import NARROW, indented, print_json, print_table, terminal_width
from harmonia_api.settings import read_settings
from harmonia_core.host import Plugins, load_plugins

KIND = "task_types"


def list_types(json: bool) -> int:
    """Print every task type with the first line of its description and where it comes from."""
    plugins = load_plugins(read_settings())
    types = [_described(plugins, name) for name in plugins.registry.names(KIND)]
    if json:
        print_json({"task_types": types})
    else:
        wide = (terminal_width() or NARROW) >= NARROW
        header = ("TYPE", *(("FROM",) if wide else ()), "WHAT IT DOES")
        print_table(header, [_row(one, wide) for one in types])
    return 0


def describe_type(name: str, json: bool) -> int:
    """Print one task type whole; raise PluginNotFound, naming the nearest."""
    described = _described(load_plugins(read_settings()), name)
    if json:
        print_json(described)
        return 0
    print(f"{name}  ({_origin(described)})\n")
    print(described["description"] or "(no description)")
    print(f"\nidempotent: {'yes' if described['idempotent'] else 'no: never repeated without asking'}")
    for field in ("timeout", "heartbeat_timeout"):
        print(f"{field}: {described[field] if described[field] is not None else 'none'}")
    print(
        f"retry_policy: {indented(described['retry_policy']) if described['retry_policy'] else 'one attempt'}"
    )
    for field in ("input_schema", "output_schema"):
        print(f"\n{field}: {indented(described[field]) if described[field] else 'any JSON'}")
    return 0


def _row(described: dict[str, Any], wide: bool) -> tuple[str, ...]:
    origin = (_origin(described),) if wide else ()
    return described["name"], *origin, described["description"].partition("\n")[0]


def _origin(described: dict[str, Any]) -> str:
    return f"{described['origin']['distribution']} {described['origin']['version']}".rstrip()


def _described(plugins: Plugins, name: str) -> dict[str, Any]:
    found = plugins.registry.get(KIND, name)
    origin = plugins.registry.origin(KIND, name)
    return {
        "name": found.name,
        "description": found.description,
        "input_schema": found.input_model.model_json_schema() if found.input_model else None,
        "output_schema": found.output_model.model_json_schema() if found.output_model else None,
        "idempotent": found.idempotent,
        "timeout": found.timeout,
        "heartbeat_timeout": found.heartbeat_timeout,
        "retry_policy": dict(found.retry_policy) if found.retry_policy else None,
        "origin": {"plugin": origin.plugin, "distribution": origin.distribution, "version": origin.version},
    }
