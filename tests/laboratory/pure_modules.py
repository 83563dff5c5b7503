"""Which modules are pure: read from the import contracts, and from what those modules import."""

import configparser
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ("engine-pure", "pure-libraries")


def seeds() -> set[str]:
    """Return the modules and packages that setup.cfg calls pure."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", "utf-8")
    return {
        name
        for contract in CONTRACTS
        for name in parser[f"importlinter:contract:{contract}"]["source_modules"].split()
    }


def pure_modules() -> list[str]:
    """Return the pure modules: what the contracts name, what lies in it, what of the engine it reaches."""
    graph = grimp.build_graph("harmonia_core", cache_dir=None)
    named = {name for seed in seeds() for name in (seed, *graph.find_descendants(seed))}
    reached = {name for one in named for name in graph.find_upstream_modules(one)}
    return sorted(named | {name for name in reached if name.startswith("harmonia_core.engine.")})


def path_of(module: str) -> Path:
    """Return the file of a module of the kernel."""
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
