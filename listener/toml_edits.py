"""Changing a TOML text and keeping what people wrote around it: comments, order, spacing. Pure."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import tomlkit
from tomlkit.items import AoT, Array, InlineTable, Table

from listener.errors import ConfigError

Path = tuple[str | int, ...]
_CLOSE = re.compile(r"(?m)^(?!\s*(?:#|$))(.+)\n(?=(\[.*))")  # a header right below a value


def with_values(text: str, changes: Mapping[Path, Any]) -> str:
    """The text with the value at each path (`("brands", 0, "query")`) set, or taken out where it is
    None. Tables on the way are made; a list, of tables too, is put in place whole. Where it says so
    already nothing is touched.

    Raises ConfigError where a path leads through something that is no table."""
    wanted = _plain(text)
    document = tomlkit.parse(text)
    for path, value in changes.items():
        if _get(wanted, path) == value:
            continue
        _put(wanted, path, copy.deepcopy(value))
        _put(document, path, value)
    written: str = tomlkit.dumps(document)
    # Looks are a convenience, what is said is not: where the two differ it is written plainly.
    for form in (_CLOSE.sub(lambda m: _apart(m, text), written), written):
        if _says(form, wanted):
            return form
    return tomlkit.dumps(wanted)


def only(text: str, tables: Sequence[str]) -> str:
    """The text of these tables alone."""
    document, kept = tomlkit.parse(text), tomlkit.document()
    for name in tables:
        if name in document:
            _bare(document[name])
            kept[name] = document[name]
    written = tomlkit.dumps(kept).strip()
    return f"{written}\n" if written else ""


def duration(length: timedelta) -> str:
    """As a person writes it: 90s, 5m, 24h, 2d."""
    seconds = length.total_seconds()
    for unit, size, least in (("d", 86400, 2), ("h", 3600, 1), ("m", 60, 1)):
        if seconds >= size * least and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:g}s"


def _apart(close: re.Match[str], text: str) -> str:
    """A blank line before a header that we put there; those of the text stay as they were."""
    key = re.escape(close[1].partition("=")[0])
    there = re.search(rf"(?m)^{key}=.*\n{re.escape(close[2])}$", text)
    return close[0] if there else f"{close[1]}\n\n"


def _bare(item: Any) -> None:
    """A table whose last lines are the comment of what followed it loses them."""
    if not isinstance(item, Table):
        return
    body = item.value.body
    while body and body[-1][0] is None:
        body.pop()


def _plain(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("not valid TOML: {why}", why=error) from error


def _says(written: str, wanted: Mapping[str, Any]) -> bool:
    try:
        return tomllib.loads(written) == wanted
    except tomllib.TOMLDecodeError:
        return False


def _get(where: Any, path: Path) -> Any:
    for part in path:
        try:
            where = where[part]
        except (KeyError, IndexError, TypeError):
            return None
    return where


def _put(where: Any, path: Path, value: Any) -> None:
    *way, last = path
    for part in way:
        if isinstance(part, str) and part not in where:
            where[part] = {} if isinstance(where, dict) and not _of_kit(where) else tomlkit.table()
        try:
            where = where[part]
        except (KeyError, IndexError, TypeError) as error:
            named = ".".join(map(str, path))
            raise ConfigError("there is no {key} to change", key=named) from error
    if isinstance(last, int):
        if value is None:
            del where[last]
        elif last == len(where):
            where.append(value)
        else:
            where[last] = value
    elif value is None:
        where.pop(last, None)
    else:
        where[last] = _item(value) if _of_kit(where) else value


def _of_kit(where: Any) -> bool:
    return isinstance(where, tomlkit.TOMLDocument | Table | InlineTable | AoT | Array)


def _item(value: Any) -> Any:
    """A list of tables as [[...]], whatever else as the kit has it."""
    if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        tables = tomlkit.aot()
        for entry in value:
            table = tomlkit.table()
            for key, part in entry.items():
                table[key] = _inline(part) if isinstance(part, dict) else part
            tables.append(table)
        return tables
    return value


def _inline(value: Mapping[str, Any]) -> Any:
    table = tomlkit.inline_table()
    table.update(value)
    return table
