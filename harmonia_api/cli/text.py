"""Plain text for people: on one line, of a length, with numbers and times. Pure."""

_CONTROL = dict.fromkeys((*range(32), *range(127, 160)), " ")


def clean(text: str) -> str:
    """Return a text on one line, without control characters: what tasks say must not steer a terminal."""
    return " ".join(text.translate(_CONTROL).split())


def harmless(text: str) -> str:
    """Return a text without control characters, its spaces as they are: columns and indentation stay."""
    return text.translate(_CONTROL)


def cut(text: str, width: int | None) -> str:
    """Return a text of at most `width` characters, marked where it was cut."""
    return text if width is None or len(text) <= width else text[: max(0, width - 1)] + "…"


def duration(seconds: float) -> str:
    """Return a length of time for people: `0.04 s`, `12.3 s`, `4 m 05 s`, `2 h 07 m`."""
    seconds = max(0.0, seconds)
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} m"


def counted(number: int, word: str) -> str:
    """Return a number with its word, in the plural where it is one."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def size(number: float) -> str:
    """Return a number of bytes for people: `512 B`, `3.4 MB`, `1.2 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
