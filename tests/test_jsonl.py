"""JSON Lines of the command line: one line for one line, whatever the bytes."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener import jsonl


def lines(content: bytes) -> list[jsonl.Line]:
    return list(jsonl.read(io.BytesIO(content)))


def test_good_lines() -> None:
    [one, two] = lines('﻿{"text":"añ"}\r\n{"text":"b"}'.encode())
    assert (one.number, one.data, one.error) == (1, {"text": "añ"}, None)
    assert (two.number, two.data) == (2, {"text": "b"})
    assert lines(b"") == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the line is empty"),
        (b"   ", "the line is empty"),
        (b"{", "not JSON: "),
        (b'{"text": "a"} b', "not JSON: "),
        (b"7", "expected a JSON object, found a number"),
        (b"[]", "expected a JSON object, found a list"),
        (b"null", "expected a JSON object, found null"),
        (b'"a"', "expected a JSON object, found a string"),
        (b"true", "expected a JSON object, found a boolean"),
        (b"{}", "the object has no 'text'"),
        (b'{"text": null}', "'text' must be a string, found null"),
        (b'{"text": 4}', "'text' must be a string, found a number"),
        (b'{"text": {}}', "'text' must be a string, found an object"),
        (b'{"text": "\xff"}', "not UTF-8: byte 11 is 0xff"),
        (b"[" * 100_000, "not JSON: nested too deeply"),
        (b'{"text": "a", "n": NaN}', "not JSON: NaN is no JSON value"),
        (b'{"text": "a", "n": -Infinity}', "not JSON: -Infinity is no JSON value"),
        (b'{"text": "a", "n": 1e999}', "not JSON: 1e999 is too large a number"),
        (b'{"text": "a", "n": ' + b"9" * 5000 + b"}", "not JSON: "),
    ],
)
def test_a_bad_line_is_an_error_in_its_place(content: bytes, reason: str) -> None:
    found = lines(b'{"text":"a"}\n' + content + b'\n{"text":"c"}\n')
    assert [line.number for line in found] == [1, 2, 3]
    assert found[0].error is None
    assert found[2].error is None
    assert found[1].error is not None
    assert found[1].error.startswith(reason)


def test_only_a_line_feed_ends_a_line() -> None:
    text = "uno\u2028dos\u2029tres\x85cuatro\x0bcinco\rseis"
    [line] = lines(json.dumps({"text": text}, ensure_ascii=False).encode())
    assert line.data["text"] == text


@given(st.lists(st.binary(max_size=60).map(lambda b: b.replace(b"\n", b" ")), max_size=20))
def test_as_many_lines_out_as_in(rows: list[bytes]) -> None:
    content = b"".join(row + b"\n" for row in rows)
    assert [line.number for line in lines(content)] == list(range(1, len(rows) + 1))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers()
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values, max_size=4), st.text())
def test_what_is_written_can_be_read(data: dict[str, Any], text: str) -> None:
    given_object = data | {"text": text}
    written = jsonl.dumps(given_object)
    assert written.endswith(b"\n")
    assert written.count(b"\n") == 1
    [line] = lines(written)
    assert line.error is None
    assert line.data == given_object


def test_a_lone_surrogate_comes_back_as_it_was() -> None:
    [line] = lines(jsonl.dumps({"text": "a\ud83db"}))
    assert line.data["text"] == "a\ud83db"


@given(st.lists(st.integers(), max_size=40), st.integers(1, 9))
def test_batches_keep_order_and_lose_nothing(rows: list[int], size: int) -> None:
    made = list(jsonl.batches((jsonl.Line(n, {}) for n in rows), size))
    assert [line.number for batch in made for line in batch] == rows
    assert all(len(batch) == size for batch in made[:-1])
    assert all(1 <= len(batch) <= size for batch in made)
