"""The invented sample: a first look that is alive without a network, gone again by one command.

Posts, people, calls and numbers in `sample_data/` are invented, marked so in every row, and dated
relative to `now`. Phones are from ranges that nobody is assigned (Spain 75x, 84x and 897, Portugal
940, Italy 300, area 20 in Brazil) or that regulators keep for fiction (United Kingdom, France,
Germany). They come in by the doors of real data: the CSV import, and the brands' queries.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener import pipeline, reader
from listener.crm import csv_import
from listener.domain import Author, Mention
from listener.httpclient import HttpClient
from listener.settings import Settings
from listener.storage import Database
from listener.storage.mentions import save_found
from listener.storage.tables import (
    AlertRow,
    AuthorRow,
    BrokenPromise,
    CaseEvent,
    CaseMention,
    CaseRow,
    CaseTag,
    CaseViewer,
    Correction,
    CrmEvent,
    CrmIdentifier,
    CrmNumber,
    CrmPerson,
    CrmSuppression,
    CrmTicket,
    CrmWriteRow,
    MentionBand,
    MentionBrand,
    MentionRow,
    NotificationRow,
    PrivateLink,
    ReadingRow,
    ReportedNumber,
    SilenceRow,
    SuppressedPhone,
    SuppressionRow,
)

SOURCE = "sample"
_DATA = Path(__file__).parent / "sample_data"
_ZONE = ZoneInfo("Europe/Madrid")  # where the invented people live
_AGO = re.compile(r"-(\d+)d(?: (\d\d):(\d\d))?")


def load(db: Database, settings: Settings, now: datetime) -> dict[str, int]:
    """Counts of what is new. Loading what is there already changes nothing; posts wait to be
    processed like any others."""
    posts = [_mention(row, settings, now) for row in _posts()]
    with db.read() as session:
        known = session.scalar(
            sa.select(sa.func.count()).select_from(MentionRow).where(MentionRow.source == SOURCE)
        )
    if known == len(posts):
        return {"mentions": 0, "customers": 0, "contact_events": 0, "numbers": 0}
    counts = _load_records(db, settings, now)
    with HttpClient(settings.listener.http) as http:
        road = pipeline.Road(
            settings=settings, db=db, http=http, reader=reader.lazy(settings), now=lambda: now
        )
        found = pipeline.about(road, posts, keep_all=True)
    with db.write() as session:
        saved = save_found(session, SOURCE, found, now=now)
    return {"mentions": saved.new, **counts}


def remove(db: Database) -> dict[str, int]:
    """Remove everything invented, with all that people did about it. Counts of what is gone."""
    with db.write() as session:
        return _remove(session)


# ---------------------------------------------------------------------------- load


def _posts() -> Iterator[dict[str, Any]]:
    for line in (_DATA / "posts.jsonl").read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def _mention(row: dict[str, Any], settings: Settings, now: datetime) -> Mention:
    return Mention(
        source=SOURCE,
        external_id=row["id"],
        text=row["text"],
        published_at=now - timedelta(hours=row["hours_ago"]),
        author=Author(row["author"], row["author_name"], followers=row["followers"]),
        lang=row["lang"],
        site=SOURCE,
        reach=row["reach"],
        brand=_brand(row["brand"], settings),
        invented=True,
    )


def _brand(key: str, settings: Settings) -> str | None:
    """The post's own brand; the first of ours where somebody else's brands are configured."""
    if settings.brand(key):
        return key
    return next((b.key for b in settings.brands if b.kind == "own"), None)


def _load_records(db: Database, settings: Settings, now: datetime) -> dict[str, int]:
    counts = {}
    with TemporaryDirectory() as folder:
        for name, counted, load_file in (
            ("people.csv", "customers", csv_import.import_people),
            ("numbers.csv", "numbers", csv_import.import_numbers),
            ("events.csv", "contact_events", csv_import.import_events),
        ):
            path = Path(folder) / name
            _write_dated(name, path, now)
            counts[counted] = load_file(db, settings, path, invented=True, now=now).new
    return counts


def _write_dated(name: str, path: Path, now: datetime) -> None:
    """The file in the form of an import: "-3d 10:15" becomes a time, "-3d" a day."""
    with (
        (_DATA / name).open(encoding="utf-8", newline="") as source,
        path.open("w", encoding="utf-8", newline="") as target,
    ):
        writer = csv.writer(target)
        for row in csv.reader(source):
            writer.writerow([_dated(cell, now) for cell in row])


def _dated(cell: str, now: datetime) -> str:
    found = _AGO.fullmatch(cell)
    if not found:
        return cell
    day = now.astimezone(_ZONE).date() - timedelta(days=int(found[1]))
    if found[2] is None:
        return day.isoformat()
    return datetime.combine(day, time(int(found[2]), int(found[3])), _ZONE).isoformat()


# ---------------------------------------------------------------------------- remove


def _remove(session: Session) -> dict[str, int]:
    mentions = sa.select(MentionRow.id).where(MentionRow.invented)
    cases = sa.select(CaseRow.id).where(CaseRow.invented)
    alerts = sa.select(AlertRow.id).where(sa.or_(AlertRow.invented, AlertRow.case_id.in_(cases)))
    people = sa.select(CrmPerson.customer_id).where(CrmPerson.invented)
    orders = sa.select(SuppressionRow.id).where(SuppressionRow.case_id.in_(cases))
    counts = {
        name: int(session.scalar(sa.select(sa.func.count()).select_from(chosen.subquery())) or 0)
        for name, chosen in (
            ("mentions", mentions),
            ("cases", cases),
            ("alerts", alerts),
            ("customers", people),
            ("contact_events", sa.select(CrmEvent.event_id).where(CrmEvent.invented)),
            ("numbers", sa.select(CrmNumber.number).where(CrmNumber.invented)),
        )
    }
    _let_go(session, mentions, people)
    for table, condition in (
        (NotificationRow, NotificationRow.alert_id.in_(alerts)),
        (AlertRow, AlertRow.id.in_(alerts)),
        (SilenceRow, SilenceRow.case_id.in_(cases)),
        (CaseEvent, CaseEvent.case_id.in_(cases)),
        (CaseTag, CaseTag.case_id.in_(cases)),
        (CaseViewer, CaseViewer.case_id.in_(cases)),
        (BrokenPromise, BrokenPromise.suppression_id.in_(orders)),
        (SuppressedPhone, SuppressedPhone.suppression_id.in_(orders)),
        (CrmWriteRow, CrmWriteRow.case_id.in_(cases)),
        (SuppressionRow, SuppressionRow.case_id.in_(cases)),
        (CrmSuppression, CrmSuppression.customer_id.in_(people)),
        (CrmTicket, CrmTicket.customer_id.in_(people)),
        (PrivateLink, PrivateLink.case_id.in_(cases)),
        (CaseMention, sa.or_(CaseMention.case_id.in_(cases), CaseMention.mention_id.in_(mentions))),
        (CaseRow, CaseRow.invented),
        (Correction, Correction.mention_id.in_(mentions)),
        (ReadingRow, ReadingRow.mention_id.in_(mentions)),
        (ReportedNumber, ReportedNumber.mention_id.in_(mentions)),
        (MentionBrand, MentionBrand.mention_id.in_(mentions)),
        (MentionBand, MentionBand.mention_id.in_(mentions)),
        (MentionRow, MentionRow.invented),
        (AuthorRow, AuthorRow.invented),
        (CrmIdentifier, CrmIdentifier.customer_id.in_(people)),
        (CrmPerson, CrmPerson.invented),
        (CrmEvent, CrmEvent.invented),
        (CrmNumber, CrmNumber.invented),
    ):
        session.execute(
            sa.delete(table).where(condition), execution_options={"synchronize_session": False}
        )
    return counts


def _let_go(session: Session, mentions: sa.Select[Any], people: sa.Select[Any]) -> None:
    """What is real and points at something invented stays, and points nowhere."""
    quietly = {"synchronize_session": False}
    session.execute(
        sa.update(MentionRow)
        .where(~MentionRow.invented, MentionRow.duplicate_of.in_(mentions))
        .values(duplicate_of=None, duplicate_kind=None, duplicate_similarity=None),
        execution_options=quietly,
    )
    session.execute(
        sa.update(CaseRow)
        .where(~CaseRow.invented, CaseRow.crm == "local", CaseRow.customer_ref.in_(people))
        .values(crm=None, customer_ref=None, match=None),
        execution_options=quietly,
    )
