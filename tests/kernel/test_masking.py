"""Masking: every known form, in one piece or in many, and nothing else touched."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harmonia_core.engine.masking import MASK, Masker, forms_of
from harmonia_core.model.outcomes import ErrorInfo

SECRETS = st.text(min_size=4, max_size=12)


@pytest.mark.parametrize("secret", ["p@ss w/rd", "q\"\\\n\tö'", "aaaa", "0123456789", "ключ-42", "%41%42"])
def test_every_form_is_masked(secret: str) -> None:
    raw = secret.encode()
    forms = [
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
    ]
    masker = Masker([secret])
    for form in forms:
        assert masker.text(f"<{form}>") == f"<{MASK}>", form


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("before", [b"", b"u", b"us", b"usr", b"user"])
@given(secret=st.text(min_size=6, max_size=12), after=st.binary(max_size=4))
def test_base64_is_found_in_every_alignment(encode: object, before: bytes, secret: str, after: bytes) -> None:
    raw = secret.encode()
    text = encode(before + raw + after).decode()  # type: ignore[operator]
    shift = len(before) % 3
    masked = Masker([secret]).text(text)
    assert MASK in masked
    # At most the digits that share bits with the neighbours are left of it.
    assert len(masked.replace(MASK, "")) <= len(encode(before + bytes(shift) + after)) + 6  # type: ignore[operator]


def test_text_without_a_secret_is_the_same_object() -> None:
    text, value = "nothing here", {"a": ["nothing", 1, None, 1.5, True]}
    masker = Masker(["hunter2"])
    assert masker.text(text) is text and masker.json(value) is value


def test_overlapping_and_neighbouring_secrets_leave_nothing() -> None:
    masker = Masker(["abcd", "cdef"])
    assert masker.text("xabcdefx") == "x***x"
    assert masker.text("abcdabcd") == "******"
    assert Masker(["aaaa"]).text("aaaaaa-b") == "***-b"


def test_a_secret_of_several_lines_is_masked_line_by_line() -> None:
    masker = Masker(["-----BEGIN KEY-----\nMIIEowIBAAKCAQEA\n-----END KEY-----"])
    assert masker.text("one: MIIEowIBAAKCAQEA.") == "one: ***."


def test_json_is_masked_in_keys_and_values_and_whole_numbers() -> None:
    masker = Masker(["1234", "hunter2"])
    value = {"hunter2": ["x hunter2 y", {"n": 1234}], "n": 51234, "f": 1234.5}
    assert masker.json(value) == {"***": ["x *** y", {"n": "***"}], "n": 51234, "f": 1234.5}


def test_an_error_is_masked_whole() -> None:
    secret = "hunter2"
    error = ErrorInfo("task", secret, secret, True, None, {secret: 1}, secret, secret, secret)
    assert "hunter2" not in str(Masker(["hunter2"]).error(error))
    plain = ErrorInfo("task", "x", "y")
    assert Masker(["hunter2"]).error(plain) == plain


@given(secret=SECRETS, before=st.text(max_size=8), after=st.text(max_size=8), data=st.data())
def test_a_stream_cut_anywhere_is_masked_like_the_whole(
    secret: str, before: str, after: str, data: st.DataObject
) -> None:
    form = data.draw(st.sampled_from(sorted(forms_of(secret))))
    text = before + form + after
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    masker = Masker([secret])
    stream = masker.text_stream()
    assert "".join([*map(stream.feed, pieces), stream.flush()]) == masker.text(text)


@given(
    secrets=st.lists(st.text("ab", min_size=4, max_size=6), min_size=1, max_size=3),
    pieces=st.lists(st.text("abc", max_size=6), max_size=12),
)
def test_a_stream_full_of_overlapping_secrets_is_masked_like_the_whole(
    secrets: list[str], pieces: list[str]
) -> None:
    masker = Masker(secrets)
    text, stream, bytes_stream = "".join(pieces), masker.text_stream(), masker.byte_stream()
    expected = masker.text(text)
    assert "".join([*map(stream.feed, pieces), stream.flush()]) == expected
    as_bytes = [bytes_stream.feed(piece.encode()) for piece in pieces]
    assert b"".join([*as_bytes, bytes_stream.flush()]).decode() == expected


def test_a_stream_holds_back_no_more_than_what_may_become_a_secret() -> None:
    stream = Masker(["hunter2"]).text_stream()
    assert stream.feed("line one\n") == "line one\n"
    assert stream.feed("line hun") == "line "
    assert stream.feed("gry") == "hungry"
    assert stream.feed("hunter") == "" and stream.flush() == "hunter"
