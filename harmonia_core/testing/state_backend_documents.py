"""What a state backend owes plugins: versioned documents, indexed fields, cursors, streams."""

import pytest

from harmonia_core.contracts.rows import Document, DocumentWrite, StreamAppend, Unit
from harmonia_core.contracts.state_backend import DocumentQuery, StateBackend
from harmonia_core.errors import VersionConflict
from harmonia_core.testing.state_backend_rows import NAMESPACE, put


async def keys(backend: StateBackend, *where: tuple[str, str | float | None], order: str = "") -> list[str]:
    """Return the keys of all documents that match, read page by page."""
    found: list[str] = []
    cursor = None
    while True:
        query = DocumentQuery(NAMESPACE, "things", where, order, limit=2, cursor=cursor)
        page, cursor = await backend.find_documents(query)
        found += [document.key for document in page]
        if cursor is None:
            return found
        assert len(page) == 2


class DocumentTests:
    """Judge documents and streams."""

    async def test_a_document_counts_its_versions(self, backend: StateBackend) -> None:
        for value in ('{"a": [1, 2.5, null, "ü"]}', "12345678901234567890", '"text"'):
            await backend.commit(Unit(documents=[put("k", value)]))
        assert await backend.document(NAMESPACE, "things", "k") == Document("k", "text", 3)
        await backend.commit(Unit(documents=[put("k", "12345678901234567890")]))
        assert await backend.document(NAMESPACE, "things", "k") == Document("k", 12345678901234567890, 4)
        await backend.commit(Unit(documents=[put("k", None), put("unknown", None)]))
        assert await backend.document(NAMESPACE, "things", "k") is None

    async def test_a_version_demanded_is_compared(self, backend: StateBackend) -> None:
        await backend.commit(Unit(documents=[put("k", "1", if_version=0)]))
        for wrong in (0, 2):
            with pytest.raises(VersionConflict, match="version 1"):
                await backend.commit(Unit(documents=[put("new", "1"), put("k", "2", if_version=wrong)]))
        with pytest.raises(VersionConflict):
            await backend.commit(Unit(documents=[put("k", None, if_version=2)]))
        assert await backend.document(NAMESPACE, "things", "new") is None
        await backend.commit(Unit(documents=[put("k", "2", 1), put("k", "3", 2), put("k", None, 3)]))
        await backend.commit(Unit(documents=[put("k", "4", if_version=0)]))
        assert await backend.document(NAMESPACE, "things", "k") == Document("k", 4, 1)

    async def test_namespaces_and_collections_keep_apart(self, backend: StateBackend) -> None:
        writes = [
            DocumentWrite("default", "a", "k", "1", None, {"f": "x"}),
            DocumentWrite("default", "b", "k", "2", None, {"f": "x"}),
            DocumentWrite("team", "a", "k", "3", None, {"f": "x"}),
        ]
        await backend.commit(Unit(documents=writes))
        for write in writes:
            query = DocumentQuery(write.namespace, write.collection, (("f", "x"),), "f")
            page, _ = await backend.find_documents(query)
            assert [str(document.value) for document in page] == [write.value]

    async def test_documents_are_found_by_fields(self, backend: StateBackend) -> None:
        writes = [
            put("a", "1", state="open", size=1),
            put("b", "1", state="open", size=2.5),
            put("c", "1", state=None, size=1.0),
            put("d", "1", state="", size=-1),
            put("e", "1"),
        ]
        await backend.commit(Unit(documents=writes))
        assert await keys(backend) == ["a", "b", "c", "d", "e"]
        assert await keys(backend, order="-") == ["e", "d", "c", "b", "a"]
        assert await keys(backend, ("state", "open")) == ["a", "b"]
        assert await keys(backend, ("state", "open"), ("size", 2.5)) == ["b"]
        assert await keys(backend, ("size", 1)) == ["a", "c"]
        assert await keys(backend, ("size", "1")) == []
        assert await keys(backend, ("state", None)) == ["c"]
        assert await keys(backend, ("state", "")) == ["d"]
        assert await keys(backend, ("unknown", "x")) == []

    async def test_fields_follow_the_document(self, backend: StateBackend) -> None:
        await backend.commit(Unit(documents=[put("a", "1", state="open"), put("b", "1", state="open")]))
        await backend.commit(Unit(documents=[put("a", "2", state="shut"), put("b", None)]))
        assert await keys(backend, ("state", "open")) == []
        assert await keys(backend, ("state", "shut")) == ["a"]

    async def test_an_order_puts_nothing_before_numbers_before_text(self, backend: StateBackend) -> None:
        values = [None, -1e300, -2.5, -1, 0, 0.5, 1, 2, 10, 1e300, "", "1", "Z", "a", "aa", "é", "日"]
        writes = [put(f"k{place:02}", "1", f=value) for place, value in enumerate(values)]
        await backend.commit(Unit(documents=[*writes[::2], *writes[1::2][::-1], put("none", "1")]))
        expected = [f"k{place:02}" for place in range(len(values))]
        assert await keys(backend, order="f") == expected
        assert await keys(backend, order="-f") == expected[::-1]

    async def test_equal_values_are_ordered_by_key(self, backend: StateBackend) -> None:
        writes = [put(key, "1", f="same", g=1.0) for key in "cabed"]
        await backend.commit(Unit(documents=writes))
        assert await keys(backend, ("g", 1), order="f") == list("abcde")
        assert await keys(backend, ("g", 1), order="-f") == list("edcba")

    async def test_a_stream_is_read_in_the_order_of_its_appends(self, backend: StateBackend) -> None:
        appends = [StreamAppend(NAMESPACE, "log", str(number)) for number in range(5)]
        await backend.commit(Unit(appends=[*appends[:3], StreamAppend(NAMESPACE, "other", '{"x": 1}')]))
        await backend.commit(Unit(appends=appends[3:]))
        assert await backend.stream(NAMESPACE, "log") == [(1, 0), (2, 1), (3, 2), (4, 3), (5, 4)]
        assert await backend.stream(NAMESPACE, "log", after=1, limit=2) == [(2, 1), (3, 2)]
        assert await backend.stream(NAMESPACE, "log", after=5) == []
        assert await backend.stream(NAMESPACE, "other") == [(1, {"x": 1})]
        assert await backend.stream("team", "log") == []
