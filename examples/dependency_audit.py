"""The functions that dependency-audit.yaml calls: plain Python, the standard library alone.

Everything is read from what is installed here; nothing is imported from the distributions,
and no network is used. A distribution that is broken is a finding, never a failure.
"""

import csv
import os
import platform
import re
import sys
import tempfile
from collections import Counter
from email.message import Message
from email.parser import HeaderParser
from importlib.metadata import PathDistribution
from pathlib import Path

SUFFIXES = (".dist-info", ".egg-info")
MEANINGS = {
    "missing-metadata": "there is no metadata file, or it is empty",
    "unreadable-metadata": "the metadata cannot be read",
    "no-version": "the metadata names no version",
    "no-licence": "no licence is stated, neither as a field nor as a classifier",
    "no-summary": "there is no one-line summary",
    "no-file-list": "the installer left no list of files, so nothing can be checked",
    "files-missing": "files that were installed are gone",
    "installed-twice": "the same name is installed more than once on the import path",
}
# Classifiers and older fields, as the expressions that newer distributions state.
SAME_LICENCE = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
SERIOUS = {"missing-metadata", "unreadable-metadata", "no-version", "files-missing", "installed-twice"}


def list_distributions() -> dict:
    """Return every distribution on the import path, sorted by name and place.

    These are the folders (for very old installers: files) that importlib.metadata looks at.
    """
    entries = dict.fromkeys(Path(entry or ".").resolve() for entry in sys.path)
    places = sorted({place for entry in entries for place in _metadata_folders(entry)})
    named = {place: _identity(place) for place in places}
    installed = {identity for place, identity in named.items() if place.suffix == ".dist-info"}
    # An editable install leaves a second folder beside its source; that is the same distribution.
    found = [
        {"name": identity[0], "location": str(place)}
        for place, identity in named.items()
        if place.suffix == ".dist-info" or identity not in installed
    ]
    return {
        "distributions": sorted(found, key=lambda item: (_normal(item["name"]), item["location"])),
        "python": platform.python_version(),
        "prefix": sys.prefix,
        "system": platform.platform(aliased=True, terse=True),
    }


def examine(name: str, location: str) -> dict:
    """Return what can be said about one distribution: version, licence, size, files and findings."""
    distribution = PathDistribution(Path(location))
    metadata, findings = _metadata(distribution)
    files, missing = _files(distribution)
    version = _text(metadata, "Version")
    licence = _licence(metadata)
    summary = _text(metadata, "Summary")
    if not findings:
        findings += [] if version else ["no-version"]
        findings += [] if licence else ["no-licence"]
        findings += [] if summary else ["no-summary"]
    if files is None:
        findings.append("no-file-list")
    if missing:
        findings.append("files-missing")
    return {
        "name": name,
        "version": version,
        "licence": licence,
        "summary": summary,
        "requirements": len(metadata.get_all("Requires-Dist") or []),
        "size": sum(files.values()) if files else 0,
        "files": len(files) if files is not None else None,
        "missing_files": missing,
        "findings": findings,
        "location": location,
    }


def summarise(distributions: list, large: int) -> dict:
    """Join what was found about each: totals, licences, and what needs attention.

    large: the number of distributions to list as the largest.
    """
    counts = Counter(_normal(one["name"]) for one in distributions)
    for one in distributions:
        if counts[_normal(one["name"])] > 1:
            one["findings"].append("installed-twice")
    total = sum(one["size"] for one in distributions)
    biggest = max((one["size"] for one in distributions), default=0) or 1
    rows = [_row(one, biggest) for one in distributions]
    by_size = sorted(rows, key=lambda row: (-row["size"], _normal(row["name"])))
    licences = Counter(one["licence"] or "not stated" for one in distributions)
    findings = Counter(finding for one in distributions for finding in one["findings"])
    return {
        "distributions": rows,
        "count": len(rows),
        "files": sum(one["files"] or 0 for one in distributions),
        "size": total,
        "size_text": size_text(total),
        "attention": [row for row in rows if row["findings"]],
        "serious": sum(1 for row in rows if row["serious"]),
        "largest": by_size[:large],
        "licences": [
            {"name": name, "count": count, "percent": round(100 * count / len(rows))}
            for name, count in sorted(licences.items(), key=lambda pair: (-pair[1], pair[0].lower()))
        ],
        "findings": [
            {"code": code, "count": count, "meaning": MEANINGS[code], "serious": code in SERIOUS}
            for code, count in sorted(findings.items(), key=lambda pair: (-pair[1], pair[0]))
        ],
    }


def write_report(folder: str, name: str, text: str) -> dict:
    """Write a file whole or not at all; doing it again gives the same file. Return path and size."""
    target = Path(folder).expanduser().resolve() / name
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    print(f"wrote {target}")
    return {"path": str(target), "size": target.stat().st_size}


def size_text(size: int) -> str:
    """Return a number of bytes for people."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def _metadata_folders(entry: Path) -> list:
    try:
        return [place for place in entry.iterdir() if place.suffix in SUFFIXES]
    except OSError:  # an archive, or a folder that is not there
        return []


def _identity(place: Path) -> tuple:
    """Return name and version; the name from the folder's own name if the metadata is broken."""
    metadata, _ = _metadata(PathDistribution(place))
    name = _text(metadata, "Name") or place.stem.partition("-")[0] or place.name
    return name, _text(metadata, "Version")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _metadata(distribution: PathDistribution) -> tuple:
    """Return the headers of the metadata and the findings about it as a whole."""
    try:
        candidates = (distribution.read_text(name) for name in ("METADATA", "PKG-INFO", ""))
        text = next((text for text in candidates if text), "")
    except (OSError, UnicodeError):
        return Message(), ["unreadable-metadata"]
    return HeaderParser().parsestr(text), [] if text.strip() else ["missing-metadata"]


def _text(metadata: Message, key: str) -> str | None:
    value = " ".join(str(metadata.get(key) or "").split())
    return None if value in ("", "UNKNOWN") else value


def _licence(metadata: Message) -> str | None:
    """Return the licence, under one name where several are in use."""
    stated = _stated_licence(metadata)
    return SAME_LICENCE.get(stated, stated) if stated else None


def _stated_licence(metadata: Message) -> str | None:
    """Return the expression, else a short field, else the classifiers."""
    expression, field = _text(metadata, "License-Expression"), _text(metadata, "License")
    if expression:
        return expression
    classifiers = [str(text) for text in metadata.get_all("Classifier") or []]
    named = [text.split("::")[-1].strip() for text in classifiers if text.startswith("License ::")]
    named = [name for name in named if name != "OSI Approved"]
    if field and len(field) <= 40:
        return field
    if named:
        return " / ".join(named)
    return f"{field[:40]}…" if field else None


def _files(distribution: PathDistribution) -> tuple:
    """Return the installed files with their sizes (None without a list), and how many are gone."""
    listed = _listed(distribution)
    if listed is None:
        return None, 0
    sizes, missing = {}, 0
    for name in listed:
        try:
            sizes[name] = os.stat(distribution.locate_file(name)).st_size
        except (OSError, ValueError):
            # Byte code comes and goes with the interpreter.
            missing += 0 if name.endswith(".pyc") else 1
    return sizes, missing


def _listed(distribution: PathDistribution) -> list | None:
    try:
        record = distribution.read_text("RECORD")
        if record is not None:
            return sorted({row[0] for row in csv.reader(record.splitlines()) if row and row[0]})
    except (OSError, UnicodeError, csv.Error):
        pass
    return None


def _row(one: dict, biggest: int) -> dict:
    return {
        **one,
        "size_text": size_text(one["size"]) if one["files"] is not None else "unknown",
        "share": round(100 * one["size"] / biggest),
        "serious": bool(SERIOUS & set(one["findings"])),
        "tags": [{"code": code, "serious": code in SERIOUS} for code in one["findings"]],
    }
