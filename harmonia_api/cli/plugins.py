"""`harmonia plugins`."""

import sys

from harmonia_api.cli.printing import print_json, print_table
from harmonia_api.cli.text import clean
from harmonia_api.settings import read_settings
from harmonia_core.host import PluginRow, load_plugins


def list_plugins(json: bool) -> int:
    """Print one row for each plugin that was found, whatever became of it."""
    report = load_plugins(read_settings()).report
    if json:
        print_json({"plugins": [row.as_json() for row in report]})
        return 0
    print_table(("PLUGIN", "DISTRIBUTION", "STATUS", "CONTRIBUTES"), [_row(row) for row in report])
    for row in report.quarantined:
        print(
            f"\n{row.name} of {row.distribution} {row.version}: "
            f"refused at {row.stage}: {clean(row.error or '')}"
        )
    if report.quarantined:
        print(f"\n{len(report.quarantined)} cannot be used; everything else runs.", file=sys.stderr)
    return 0


def _row(row: PluginRow) -> tuple[str, ...]:
    what = "; ".join(
        f"{kind.replace('_', ' ')}: {', '.join(names)}" for kind, names in row.contributes.items()
    )
    return row.name, f"{row.distribution} {row.version}".rstrip(), row.status, what or f"({row.group})"
