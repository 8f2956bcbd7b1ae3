"""JSON Lines in and out for the command line: as many lines out as in, in the same order.

Lines end at `\\n` only (a text may hold U+2028); what is not a JSON object with a text becomes an
error object in its place, and its number and reason go to standard error.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO


@dataclass(frozen=True, slots=True)
class Line:
    """`error` is None exactly when `data` is usable."""

    number: int
    data: dict[str, Any]
    error: str | None = None


def read(stream: BinaryIO, *, required: str = "text") -> Iterator[Line]:
    for number, raw in enumerate(stream, 1):
        yield _line(number, raw.rstrip(b"\r\n"), required)


def _line(number: int, raw: bytes, required: str) -> Line:
    try:
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        return Line(number, {}, f"not UTF-8: byte {error.start + 1} is 0x{raw[error.start]:02x}")
    if not text.strip():
        return Line(number, {}, "the line is empty; expected a JSON object")
    try:
        data = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        return Line(number, {}, "not JSON: nested too deeply")
    except ValueError as error:
        return Line(number, {}, f"not JSON: {error}")
    if not isinstance(data, dict):
        return Line(number, {}, f"expected a JSON object, found {_kind(data)}")
    if required not in data:
        return Line(number, data, f"the object has no {required!r}")
    if not isinstance(data[required], str):
        return Line(number, data, f"{required!r} must be a string, found {_kind(data[required])}")
    return Line(number, data)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _finite(text: str) -> float:
    """What Python reads as infinite could not be written back as JSON."""
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    return "null" if value is None else names.get(type(value), "a number")


def dumps(data: dict[str, Any]) -> bytes:
    """One line of UTF-8. A lone surrogate, which UTF-8 cannot carry, is written as its JSON
    escape, so that the reader gets back what was given."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def batches(lines: Iterable[Line], size: int) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in lines:
        batch.append(line)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch
