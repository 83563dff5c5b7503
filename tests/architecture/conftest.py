"""The product's modules as syntax trees, found by globbing: what lands tomorrow is judged tomorrow."""

import ast
import configparser
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Module:
    """A module of the product: its dotted name, its file and its syntax tree."""

    name: str
    path: Path

    @cached_property
    def source(self) -> str:
        return self.path.read_text("utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source, str(self.path))

    @property
    def place(self) -> str:
        return str(self.path.relative_to(ROOT))

    def within(self, *packages: str) -> bool:
        """Tell whether the module is one of these packages or lies inside one."""
        return any(self.name == package or self.name.startswith(f"{package}.") for package in packages)


@dataclass(frozen=True)
class Distribution:
    """A distribution of the repository: its folder and its setup.cfg."""

    folder: Path

    @cached_property
    def setup(self) -> configparser.ConfigParser:
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(self.folder / "setup.cfg", "utf-8")
        return parser

    @property
    def name(self) -> str:
        return self.setup["metadata"]["name"]

    def lines(self, section: str, key: str) -> list[str]:
        """Return the lines of a list in setup.cfg, without comments."""
        text = self.setup.get(section, key, fallback="")
        return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]

    @property
    def is_library(self) -> bool:
        """Tell whether this is a distribution that others import: it has no entry points."""
        return self.folder != ROOT and not self.setup.has_section("options.entry_points")

    @property
    def packages(self) -> list[Path]:
        """Return the folders of the top-level packages."""
        home = self.folder if self.folder == ROOT else self.folder / "src"
        names = ["harmonia_core", "harmonia_api"] if self.folder == ROOT else ["*"]
        found = [path for name in names for path in home.glob(name)]
        return sorted(path for path in found if (path / "__init__.py").exists())


def find_distributions() -> list[Distribution]:
    plugins = sorted(path.parent for path in ROOT.glob("plugins/*/setup.cfg"))
    return [Distribution(ROOT), *map(Distribution, plugins)]


def find_modules() -> Iterator[Module]:
    for distribution in find_distributions():
        for package in distribution.packages:
            for path in sorted(package.rglob("*.py")):
                parts = path.relative_to(package.parent).with_suffix("").parts
                yield Module(".".join(parts).removesuffix(".__init__"), path)


@pytest.fixture(scope="session")
def distributions() -> list[Distribution]:
    """Return the root distribution and every one under plugins/."""
    found = find_distributions()
    assert len(found) >= 3
    return found


@pytest.fixture(scope="session")
def product() -> list[Module]:
    """Return every module of every distribution, tests and examples excluded."""
    found = list(find_modules())
    assert {"harmonia_core", "harmonia_api", "harmonia_sql", "harmonia_tasks"} <= {m.name for m in found}
    return found


@pytest.fixture(scope="session")
def pure_seeds(distributions: list[Distribution]) -> list[str]:
    """Return the engine's pure modules that setup.cfg names; what they import is pure as well."""
    return distributions[0].lines("importlinter:contract:engine-pure", "source_modules")
