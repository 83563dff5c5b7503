"""Read files in pages: JSON lines, CSV with a header, and JSON arrays, from any byte on where an item begins.

A page holds no more than it is asked for and about a mebibyte of the file, so a file may have any size.
"""

import codecs
import csv
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

from harmonia_core import PermanentError

PAGE_BYTES = 1024 * 1024
"""Bytes of a file after which a page ends."""
ITEM_BYTES = 8 * 1024 * 1024
"""Bytes that one item may have."""
CHUNK = 64 * 1024
_SPACE = " \t\r\n"


class Page(NamedTuple):
    """Hold items, and at which byte the next page begins; None behind the last item."""

    items: list[Any]
    offset: int | None


def lines_page(file: BinaryIO, offset: int, count: int, delimiter: str) -> Page:
    """Read JSON lines; empty ones are passed over."""
    items: list[Any] = []
    source = _Lines(file, offset)
    while len(items) < count and source.offset - offset < PAGE_BYTES:
        begins = source.offset
        line = next(source, None)
        if line is None:
            return Page(items, None)
        if line.strip():
            items.append(_value(line, begins))
    return Page(items, source.rest())


def csv_page(file: BinaryIO, offset: int, count: int, delimiter: str) -> Page:
    """Read CSV whose first row names the columns; an item is an object of texts by column."""
    source = _Lines(file, 0)
    header = next(_rows(source, delimiter), [])
    if len(set(header)) < len(header) or not all(header):
        raise _malformed(0, "the first row does not name each column, or one twice")
    if offset:
        source = _Lines(file, offset)
    items: list[Any] = []
    begins = source.offset
    width = sum(map(len, header))
    rows = _rows(source, delimiter)
    while len(items) < count and source.offset - begins + len(items) * width < PAGE_BYTES:
        place = source.offset
        row = next(rows, None)
        if row is None:
            return Page(items, None)
        if len(row) != len(header):
            raise _malformed(place, f"a row of {len(row)} values, for {len(header)} columns")
        items.append(dict(zip(header, row, strict=True)))
    return Page(items, source.rest())


def json_page(file: BinaryIO, offset: int, count: int, delimiter: str) -> Page:
    """Read a JSON array; an offset lies behind one of its items."""
    scan, items = _Scan(file, offset), list[Any]()
    if not offset:
        scan.expect("[")
    while len(items) < count and scan.offset - offset < PAGE_BYTES:
        sign = scan.sign()
        if sign == "]":
            scan.end()
            return Page(items, None)
        if offset or items:
            scan.expect(",")
        items.append(scan.value())
    if scan.sign() == "]":
        scan.end()
        return Page(items, None)
    return Page(items, scan.offset)


READERS: Mapping[str, Callable[[BinaryIO, int, int, str], Page]] = {
    "jsonl": lines_page,
    "csv": csv_page,
    "json": json_page,
}


def _malformed(offset: int, reason: str) -> PermanentError:
    return PermanentError(f"At byte {offset:,}: {reason}.", "file-malformed")


def _too_large(offset: int) -> PermanentError:
    return PermanentError(f"At byte {offset:,}: an item of more than {ITEM_BYTES:,} bytes.", "item-too-large")


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_constant)


def _value(text: str, offset: int) -> Any:
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise _malformed(offset, str(error)) from None


def _rows(source: "_Lines", delimiter: str) -> Iterator[list[str]]:
    """Yield the rows that are not empty."""
    place = source.offset
    try:
        for row in csv.reader(source, delimiter=delimiter, strict=True):
            if row:
                yield row
            place = source.offset
    except csv.Error as error:
        raise _malformed(place, str(error)) from None


class _Lines(Iterator[str]):
    """Yield lines as text. offset: of the next one, in bytes."""

    def __init__(self, file: BinaryIO, offset: int) -> None:
        self.offset, self._file = offset, file
        file.seek(offset)

    def __next__(self) -> str:
        line = self._file.readline(ITEM_BYTES + 1)
        if not line:
            raise StopIteration
        if len(line) > ITEM_BYTES:
            raise _too_large(self.offset)
        begins, self.offset = self.offset, self.offset + len(line)
        try:
            return line.decode("utf-8-sig" if not begins else "utf-8")
        except UnicodeDecodeError as error:
            raise _malformed(begins + error.start, "no UTF-8") from None

    def rest(self) -> int | None:
        """Return the offset of what follows, None if that is nothing."""
        return self.offset if self._file.peek(1) else None  # type: ignore[attr-defined]


class _Scan:
    """Read the parts of a JSON array. offset: behind what was taken last, in bytes."""

    def __init__(self, file: BinaryIO, offset: int) -> None:
        if not offset:
            file.seek(0)
            offset = len(codecs.BOM_UTF8) if file.read(3) == codecs.BOM_UTF8 else 0
        file.seek(offset)
        self.offset, self._file = offset, file
        self._text, self._place = "", 0
        self._decode = codecs.getincrementaldecoder("utf-8")().decode

    def sign(self) -> str:
        """Return the next character that is no space, without taking it."""
        while True:
            text = self._text
            while self._place < len(text) and text[self._place] in _SPACE:
                self._place += 1
            self._take()
            if self._text:
                return self._text[0]
            if not self._more(CHUNK):
                raise _malformed(self.offset, "the array does not end")

    def expect(self, sign: str) -> None:
        """Take a character that must come next."""
        found = self.sign()
        if found != sign:
            raise _malformed(self.offset, f"{sign!r} is missing, there is {found!r}")
        self._place = 1
        self._take()

    def value(self) -> Any:
        """Take one value."""
        self.sign()
        size, whole = CHUNK, False
        while True:
            try:
                found, end = _DECODER.raw_decode(self._text)
                if end < len(self._text) or whole:  # a number may go on in what is not read yet
                    self._place = end
                    self._take()
                    return found
            except RecursionError:
                raise _malformed(self.offset, "nested too deeply") from None
            except ValueError as error:
                if whole:
                    raise _malformed(self.offset, str(error)) from None
            if len(self._text) > ITEM_BYTES:
                raise _too_large(self.offset)
            whole = not self._more(size)
            size *= 2

    def end(self) -> None:
        """Take the end of the array, behind which nothing may stand."""
        self.expect("]")
        while self._text.strip(_SPACE) == "":
            self._place = len(self._text)
            self._take()
            if not self._more(CHUNK):
                return
        raise _malformed(self.offset, "something stands behind the array")

    def _take(self) -> None:
        """Leave behind what was read."""
        self.offset += len(self._text[: self._place].encode())
        self._text, self._place = self._text[self._place :], 0

    def _more(self, size: int) -> bool:
        data = self._file.read(size)
        try:
            self._text += self._decode(data, final=not data)
        except UnicodeDecodeError:
            raise _malformed(self.offset, "no UTF-8 from here on") from None
        return bool(data)
