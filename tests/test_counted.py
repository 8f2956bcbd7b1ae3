"""What trends count is kept in step by the database, whoever changes what it is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from builders import NOW, found, reading
from sqlalchemy.orm import Session

from listener.storage import Database, counted, mentions, readings, trends
from listener.storage.mentions import BrandHit, Found
from listener.storage.tables import (
    Correction,
    CountedMention,
    MentionBrand,
    MentionRow,
    ReadingRow,
)

Row = tuple[int, str, str | None, bool]


def stored(db: Database, *items: Found) -> list[int]:
    with db.write() as session:
        return mentions.save_found(session, "mastodon-es", items, now=NOW).new_ids


def read(db: Database, ids: list[int], *, harassment: bool = True) -> None:
    with db.write() as session:
        readings.save(session, [(i, reading(harassment=harassment)) for i in ids], NOW)


def rows(db: Database) -> list[Row]:
    wanted = (
        CountedMention.mention_id,
        CountedMention.brand,
        CountedMention.category,
        CountedMention.harassment,
    )
    with db.read() as session:
        return sorted(tuple(row) for row in session.execute(sa.select(*wanted)))


def anew(db: Database) -> list[Row]:
    """What counting everything from the beginning gives."""
    with db.write() as session:
        session.execute(sa.delete(CountedMention))
        session.execute(sa.text(counted.fill(session.get_bind().dialect.name)))
    return rows(db)


def test_what_is_read_is_counted_once_a_brand(database: Database) -> None:
    muted = replace(found("muted"), brands=(BrandHit("movistar", muted=True),))
    ids = stored(database, found("a"), found("b", brands=["movistar", "vodafone"]), muted)
    assert rows(database) == []  # nothing is read yet
    read(database, ids)
    a, b, _ = ids
    expected = [(i, brand, "harassment", True) for i, brand in ((a, "movistar"), (b, "movistar"))]
    expected.append((b, "vodafone", "harassment", True))
    assert rows(database) == expected
    read(database, ids)  # read once more
    assert rows(database) == expected == anew(database)


def _correct(session: Session, ids: list[int]) -> None:
    readings.correct(session, ids[0], "category", "billing", by="marta", now=NOW)


def _another_reading(session: Session, ids: list[int]) -> None:
    readings.save(session, [(ids[0], reading(complaint=False))], NOW)


def _copy(session: Session, ids: list[int]) -> None:
    session.get_one(MentionRow, ids[1]).duplicate_of = ids[0]


def _original_again(session: Session, ids: list[int]) -> None:
    _copy(session, ids)
    session.flush()
    session.get_one(MentionRow, ids[1]).duplicate_of = None


def _one_more_brand(session: Session, ids: list[int]) -> None:
    also = found("a", brands=["movistar", "vodafone"])
    mentions.save_found(session, "mastodon-es", [also], now=NOW)


def _mute(session: Session, ids: list[int]) -> None:
    session.execute(sa.update(MentionBrand).values(muted=True))


def _erase(session: Session, ids: list[int]) -> None:
    for table in (Correction, ReadingRow, MentionBrand):
        session.execute(sa.delete(table).where(table.mention_id == ids[0]))
    session.execute(sa.delete(MentionRow).where(MentionRow.id == ids[0]))


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (_correct, [(0, "movistar", "billing", False), (1, "movistar", "harassment", True)]),
        (_another_reading, [(0, "movistar", None, False), (1, "movistar", "harassment", True)]),
        (_copy, [(0, "movistar", "harassment", True)]),
        (
            _original_again,
            [(0, "movistar", "harassment", True), (1, "movistar", "harassment", True)],
        ),
        (
            _one_more_brand,
            [
                (0, "movistar", "harassment", True),
                (0, "vodafone", "harassment", True),
                (1, "movistar", "harassment", True),
            ],
        ),
        (_mute, []),
        (_erase, [(1, "movistar", "harassment", True)]),
    ],
)
def test_every_change_is_counted_in_its_own_commit(
    database: Database, change: Callable[[Session, list[int]], None], left: list[Row]
) -> None:
    ids = stored(database, found("a"), found("b", author="paco"))
    read(database, ids)
    with database.write() as session:
        change(session, ids)
    told = [(ids.index(i), *rest) for i, *rest in rows(database)]
    assert told == left
    assert [(ids.index(i), *rest) for i, *rest in anew(database)] == left


def test_what_is_rolled_back_is_not_counted(database: Database) -> None:
    ids = stored(database, found("a"))
    read(database, ids)

    def fail() -> None:
        with database.write() as session:
            _correct(session, ids)
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert rows(database) == [(ids[0], "movistar", "harassment", True)]


@pytest.mark.parametrize("zone", ["Europe/Madrid", "America/Bogota", "Asia/Kolkata"])
def test_days_are_those_of_the_zone_when_its_clocks_change(database: Database, zone: str) -> None:
    """Around the night of 25 October 2026, when clocks go back in Madrid."""
    first = datetime(2026, 10, 23, 22, 0, tzinfo=UTC)
    moments = [first + timedelta(hours=h) for h in range(96)]
    read(database, stored(database, *[found(f"m{m}", published_at=m) for m in moments]))
    expected: dict[date, int] = {}
    for moment in moments:
        day = moment.astimezone(ZoneInfo(zone)).date()
        expected[day] = expected.get(day, 0) + 1
    with database.read() as session:
        found_ = trends.tallies(
            session, start=first, end=first + timedelta(hours=96), zone=ZoneInfo(zone)
        )
    assert {t.day: t.count for t in found_} == expected
