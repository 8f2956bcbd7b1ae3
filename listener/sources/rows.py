"""Rows of JSON Lines and CSV files: any size, any encoding, one bad line is one problem.

Memory is bounded: files are read line by line, and lines and records have a longest length.
"""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson
from charset_normalizer import from_bytes

from listener.errors import ImportError_

# A text of 2,000,000 characters with every one of them escaped as \uXXXX.
MAX_LINE = 12_100_000
# A quote that is not closed must not swallow the file.
MAX_RECORD_LINES = 1000
_SAMPLE = 65_536
_TOO_LONG = "\x00too long\x00"
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")

# Byte order marks, the longer ones first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What exports of customer systems and spreadsheets are written in.
_LIKELY = [
    *("cp1252", "latin_1", "iso8859_15", "cp1250", "iso8859_2", "cp1251", "koi8_r", "cp1253"),
    *("cp1254", "cp1255", "cp1256", "mac_roman", "cp437", "cp850", "gb18030", "big5"),
    *("shift_jis", "euc_jp", "euc_kr"),
]


@dataclass(frozen=True, slots=True)
class Encoding:
    """`note` says what people should know: empty for UTF-8."""

    name: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """How the records of a file are written. `columns` of CSV in lower case, as its header says."""

    kind: Literal["jsonl", "csv"]
    delimiter: str = ","
    columns: tuple[str, ...] = ()


class Line(NamedTuple):
    number: int  # from 1
    text: str  # with its line end


class Record(NamedTuple):
    """`row`, or the `reason` why there is none. `raw` is the record as written."""

    number: int
    raw: str
    row: dict[str, Any] | None
    reason: str = ""


# ---------------------------------------------------------------------------- encoding


def detect(path: Path) -> Encoding:
    """The encoding of a file, after one pass over it. Raises OSError."""
    with path.open("rb") as file:
        start = file.read(4096)
        for mark, name in _MARKS:
            if start.startswith(mark):
                note = (
                    ""
                    if name == "utf-8-sig"
                    else f"read as {name.upper()} (its first bytes say so)"
                )
                return Encoding(name, note)
        if wide := _wide(start):
            return Encoding(wide, f"read as {wide.upper()} (every other byte is zero)")
        file.seek(0)
        good, bad, sample = _count_lines(file)
    if not bad:
        return Encoding("utf-8")
    if good >= bad:
        return Encoding("utf-8", f"{bad} line(s) are not UTF-8, as the rest of the file is")
    name = _guess(sample)
    return Encoding(name, f"read as {name} (it is not UTF-8)")


def _wide(start: bytes) -> str:
    """UTF-16 without a mark: mostly Latin letters, so every other byte is zero."""
    half = len(start) // 2
    if half >= 4 and start[1::2].count(0) > half * 0.4 and not start[0::2].count(0):
        return "utf-16-le"
    if half >= 4 and start[0::2].count(0) > half * 0.4 and not start[1::2].count(0):
        return "utf-16-be"
    return ""


def _count_lines(file: Any) -> tuple[int, int, bytes]:
    """Lines with valid and with invalid UTF-8 beyond ASCII, and a sample of the invalid ones."""
    good = bad = 0
    sample = b""
    # Incremental, because a piece of a very long line may end inside a character.
    decoder = codecs.getincrementaldecoder("utf-8")()
    for line in iter(lambda: file.readline(1 << 20), b""):
        try:
            text = decoder.decode(line, final=line.endswith(b"\n"))
            good += not text.isascii()
        except UnicodeDecodeError:
            decoder.reset()
            bad += 1
            if len(sample) < _SAMPLE:
                sample += line[:2000]
    return good, bad, sample


def _guess(sample: bytes) -> str:
    found = from_bytes(sample, cp_isolation=_LIKELY)
    names = [match.encoding for match in found]
    # Western European pages share most letters; the one that Windows writes is the likeliest.
    if not names or "cp1252" in names:
        return "cp1252"
    return names[0]


# ---------------------------------------------------------------------------- lines


def lines_of(path: Path, encoding: Encoding) -> Iterator[Line]:
    """Lines with their ends; one that is too long is cut and marked. Bytes that are not UTF-8
    become surrogates, which `records` reports for their line."""
    errors = "surrogateescape" if encoding.name.startswith("utf-8") else "replace"
    with path.open(encoding=encoding.name, errors=errors) as file:
        number = 0
        while text := file.readline(MAX_LINE):
            number += 1
            if len(text) == MAX_LINE and not text.endswith("\n"):
                while (rest := file.readline(MAX_LINE)) and not rest.endswith("\n"):
                    pass
                text = f"{_TOO_LONG}{text[:300]}\n"
            yield Line(number, text)


def form_of(path: Path, lines: Iterable[Line]) -> Form:
    """The form of a file from its name and first line. Raises ImportError_ when it has none."""
    head = next((line for line in lines if line.text.strip()), Line(1, ""))
    first = head.text.lstrip("\ufeff \t")
    suffix = path.suffix.lower()
    if not first.strip():
        raise ImportError_(f"{path}: the file is empty.")
    if first.startswith("["):
        raise ImportError_(
            f"{path}: this is one JSON array. Write JSON Lines: one object a line, without commas "
            "between them."
        )
    if first.startswith("{") or suffix in (".jsonl", ".ndjson", ".json"):
        return Form("jsonl")
    return _csv_form(path, first)


def _csv_form(path: Path, header: str) -> Form:
    delimiter = max(",;\t|", key=header.count)
    try:
        names = next(csv.reader([header.rstrip("\r\n")], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise ImportError_(f"{path}, line 1: the header cannot be read ({error}).") from error
    columns = tuple(name.strip().lower() for name in names)
    if "text" not in columns:
        raise ImportError_(
            f"{path}: no column is called text. The first line must name the columns, for example "
            f"text,author,url,published_at,source,id; it has: {', '.join(columns)[:300]}."
        )
    twins = sorted({name for name in columns if name and columns.count(name) > 1})
    if twins:
        raise ImportError_(f"{path}: two columns are called {', '.join(twins)}. Rename one.")
    return Form("csv", delimiter, columns)


# ---------------------------------------------------------------------------- records


def records(lines: Iterable[Line], form: Form) -> Iterator[Record]:
    """Records of the lines after a header; empty lines are none."""
    return _json_records(lines) if form.kind == "jsonl" else _csv_records(lines, form)


def _broken(text: str) -> str:
    """Why a line cannot be read at all; empty when it can."""
    if _TOO_LONG in text:
        return f"the line has more than {MAX_LINE:,} characters"
    escaped = None if text.isascii() else _ESCAPED_BYTE.search(text)
    if escaped:
        return f"byte 0x{ord(escaped[0]) - 0xDC00:02X} is not UTF-8, as the rest of the file is"
    return ""


def _json_records(lines: Iterable[Line]) -> Iterator[Record]:
    for number, text in lines:
        if not text.strip():
            continue
        if reason := _broken(text):
            yield Record(number, text, None, reason)
            continue
        try:
            value = orjson.loads(text.rstrip())
        except orjson.JSONDecodeError as error:
            value, reason = _lenient(text, str(error))
        if not reason and not isinstance(value, dict):
            reason = "the line is JSON, but not an object in braces"
        yield Record(number, text, None if reason else value, reason)


def _lenient(text: str, reason: str) -> tuple[Any, str]:
    """The standard library accepts single halves of emoji, which exports do contain."""
    try:
        return json.loads(text), ""
    except (ValueError, RecursionError):
        return None, f"broken JSON: {reason}"


class _RunawayError(Exception):
    pass


def _csv_records(lines: Iterable[Line], form: Form) -> Iterator[Record]:
    csv.field_size_limit(MAX_LINE)
    source = iter(lines)
    again: deque[Line] = deque()
    taken: list[Line] = []

    def feed() -> Iterator[str]:
        while True:
            line = again.popleft() if again else next(source, None)
            if line is None:
                return
            taken.append(line)
            if len(taken) > MAX_RECORD_LINES:
                raise _RunawayError
            yield line.text

    while True:
        taken.clear()
        try:
            fields = next(csv.reader(feed(), delimiter=form.delimiter, strict=True), None)
        except (csv.Error, _RunawayError) as error:
            first = taken[0]
            again.extendleft(reversed(taken[1:]))
            yield Record(first.number, first.text, None, _why(error))
            continue
        if fields is None:
            return
        if fields:
            yield _csv_record(taken, fields, form)


def _why(error: Exception) -> str:
    if isinstance(error, _RunawayError) or "unexpected end" in str(error):
        return "a quote is opened and never closed"
    return f"broken CSV: {error}"


def _csv_record(taken: list[Line], fields: list[str], form: Form) -> Record:
    raw = "".join(line.text for line in taken)
    number = taken[0].number
    if reason := _broken(raw):
        return Record(number, raw, None, reason)
    if len(fields) != len(form.columns):
        return Record(
            number,
            raw,
            None,
            f"the line has {len(fields)} fields, but the header names {len(form.columns)} columns",
        )
    return Record(number, raw, dict(zip(form.columns, fields, strict=True)))
