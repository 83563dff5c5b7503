"""Commands that plugins add to `harmonia`; plugins are loaded only for a word that is none of our own."""

from collections.abc import Collection, Iterator, Sequence

from harmonia_api.settings import read_settings
from harmonia_core.host import CliCommand, load_plugins


def run_plugin_command(words: Sequence[str], own: Collection[str]) -> int | None:
    """Run the command that the first word names and return its exit code; None if no plugin adds it.

    own: names that `harmonia` itself uses; a plugin cannot take them over.
    """
    if not words or words[0].startswith("-") or words[0] in own:
        return None
    found = next((command for command in _commands() if command.name == words[0]), None)
    return None if found is None else found.run(words[1:])


def _commands() -> Iterator[CliCommand]:
    for _, faces in load_plugins(read_settings()).registry.items("faces"):
        yield from faces.commands
