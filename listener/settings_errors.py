"""What is wrong with settings, as sentences: pydantic's findings in words that say what to write."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from listener.errors import Sentence, said_by, sentence

# By the beginning of pydantic's name of a finding, the longer before the shorter.
_WANTED: tuple[tuple[str, Sentence], ...] = (
    ("missing", sentence("this key is required and missing")),
    ("int_", sentence("write a whole number")),
    ("float_", sentence("write a number")),
    ("bool_", sentence("write true or false")),
    ("string_type", sentence("write text, in quotes")),
    ("date_", sentence("write a day, as 2026-03-05")),
    ("time_", sentence("write a time of day, as 09:30")),
    ("tuple_type", sentence("write a list, in square brackets")),
    ("list_type", sentence("write a list, in square brackets")),
    ("model_type", sentence("write a table with its keys")),
    ("dict_type", sentence("write a table with its keys")),
)
LIMITS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("it must be more than {limit}", "gt"),
    "greater_than_equal": ("it must be {limit} at least", "ge"),
    "less_than": ("it must be less than {limit}", "lt"),
    "less_than_equal": ("it must be {limit} at most", "le"),
    "string_too_long": ("it must have {limit} characters at most", "max_length"),
    "string_too_short": ("it must have {limit} characters at least", "min_length"),
    "string_pattern_mismatch": ("it must be written as {limit}", "pattern"),
    "too_long": ("it must have {limit} entries at most", "max_length"),
    "too_short": ("it must have {limit} entries at least", "min_length"),
    "literal_error": ("write one of {limit}", "expected"),
    "enum": ("write one of {limit}", "expected"),
}


def explained(place: object, model: type[BaseModel], problem: ValidationError) -> Sentence:
    """All that is wrong, one line each, beginning with `place`: the file, or the entry
    in it (a name or a sentence)."""
    lines = tuple(_line(place, model, dict(found)) for found in problem.errors(include_url=False))
    return sentence("{lines}", lines=lines) if len(lines) > 1 else lines[0]


def first(model: type[BaseModel], problem: ValidationError) -> Sentence:
    """The first thing that is wrong, without its place."""
    return _what(model, dict(problem.errors(include_url=False)[0]))


def _line(place: object, model: type[BaseModel], found: Mapping[str, Any]) -> Sentence:
    key = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in found["loc"]
    ).lstrip(".")
    what = _what(model, found)
    given = found.get("input")
    if found["type"] not in ("missing", "extra_forbidden") and not isinstance(given, dict | list):
        what = sentence("{what} (it is {given})", what=what, given=repr(given))
    if not key:
        return sentence("{place}: {what}", place=place, what=what)
    return sentence("{place}: {key}: {what}", place=place, key=key, what=what)


def _what(model: type[BaseModel], found: Mapping[str, Any]) -> Sentence:
    kind, context = str(found["type"]), found.get("ctx") or {}
    if kind == "extra_forbidden":
        known = _known_keys(model, found["loc"][:-1])
        return near_or_known(sentence("unknown key"), str(found["loc"][-1]), sorted(known))
    if kind == "value_error":
        refused = said_by(context["error"])
        return refused if isinstance(refused, Sentence) else Sentence(refused)
    if kind in LIMITS:
        words, name = LIMITS[kind]
        return Sentence(words, {"limit": _limit(context[name])})
    for begins, wanted in _WANTED:
        if kind.startswith(begins):
            return wanted
    return Sentence(str(found["msg"]))


def near_or_known(what: Sentence, written: str, known: Collection[str]) -> Sentence:
    """What is wrong with a name, and the name that may have been meant, or all that there are."""
    close = difflib.get_close_matches(written, known, n=1)
    if close:
        return sentence("{what}; did you mean {near}?", what=what, near=close[0])
    return sentence("{what}; known: {known}", what=what, known=", ".join(known))


def _limit(limit: object) -> object:
    if isinstance(limit, timedelta):
        return f"{limit.days} d" if limit.days else f"{limit.seconds // 60} min"
    return limit.replace(" or ", ", ") if isinstance(limit, str) else limit


def _known_keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    current: type[BaseModel] = model
    for part in path:
        if isinstance(part, int):
            continue
        field = current.model_fields.get(str(part))
        nested = _section_in(field.annotation) if field else None
        if nested is None:
            return []
        current = nested
    return list(current.model_fields)


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        if (found := _section_in(inner)) is not None:
            return found
    return None
