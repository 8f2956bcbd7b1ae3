"""people, events and numbers from CSV or XLSX into the tables of `local`: streamed, a batch a commit.

Importing again updates what changed, by customer_id, event_id, or number with brand and first day;
the same file twice changes nothing. Rows that cannot be read are refused with their line and
kept among the rejects; unknown columns are kept with their row. Forms: docs/crm.md.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.crm import csv_rows, spreadsheet_rows
from listener.crm.csv_rows import COLUMNS, REQUIRED, Kind, Names, Reading
from listener.crm.local import open_phone, seal_phone
from listener.domain import IdentifierKind, Problem
from listener.errors import ImportError_
from listener.settings import Settings
from listener.sources.rows import Form, Record, detect, lines_of, records
from listener.storage import Database
from listener.storage.database import upsert
from listener.storage.mentions import save_problems
from listener.storage.tables import CrmEvent, CrmIdentifier, CrmNumber, CrmPerson
from listener.vault import Vault, open_vault

BATCH = 5000  # rows a commit: each waits for the disk
_EXCERPT = 500
_IDENTIFIERS = {
    "phone": IdentifierKind.PHONE,
    "email": IdentifierKind.EMAIL,
    "handles": IdentifierKind.HANDLE,
}
_TABLES: Mapping[Kind, type[Any]] = {
    Kind.PEOPLE: CrmPerson,
    Kind.EVENTS: CrmEvent,
    Kind.NUMBERS: CrmNumber,
}
_PARSERS: Mapping[Kind, Callable[[csv_rows.Row, Reading], dict[str, Any]]] = {
    Kind.PEOPLE: csv_rows.person,
    Kind.EVENTS: csv_rows.event,
    Kind.NUMBERS: csv_rows.number,
}
# Of a new row whose file does not have the column.
_ABSENT: Mapping[Kind, Mapping[str, Any]] = {
    Kind.PEOPLE: {
        **dict.fromkeys(("name", "country", "time_zone", "preferred_channel"), ""),
        **{name: {} for name in _IDENTIFIERS},
        "consent": "none",
        "consent_at": None,
        "status": "customer",
    },
    Kind.EVENTS: {
        **dict.fromkeys(
            ("customer_number", "caller_number", "campaign", "list_name", "centre", "agent"), ""
        ),
        "list_loaded_at": None,
        "disposition": "none",
        "duration_s": 0,
        "note": "",
    },
    Kind.NUMBERS: {},
}


@dataclass(frozen=True, slots=True)
class Refusal:
    line: int
    reason: str
    excerpt: str = ""


Progress = Callable[[int, Sequence[Refusal]], None]
"""Told after each batch: how many rows it had, and which of them were refused."""


@dataclass
class Report:
    """What became of a file's rows: new + updated + unchanged + refused are all of them."""

    file: str
    new: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[Refusal] = field(default_factory=list)
    columns: tuple[str, ...] = ()  # of ours that the file has
    kept_aside: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = (
            f"{self.file}: {self.new} new, {self.updated} updated, {self.unchanged} unchanged, "
            f"{len(self.refused)} refused"
        )
        if self.kept_aside:
            counts += f"; unknown columns kept aside: {', '.join(self.kept_aside)}"
        return "; ".join([counts, *self.notes])


def import_people(
    db: Database,
    settings: Settings,
    path: Path,
    *,
    mapping: Path | None = None,
    invented: bool = False,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> Report:
    """Raises ImportError_ when the file cannot be read at all, or lacks a column it must have."""
    return _import(Kind.PEOPLE, db, settings, path, mapping, invented, now, progress)


def import_events(
    db: Database,
    settings: Settings,
    path: Path,
    *,
    mapping: Path | None = None,
    invented: bool = False,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> Report:
    """Import people first: their country reads the national numbers of their events."""
    return _import(Kind.EVENTS, db, settings, path, mapping, invented, now, progress)


def import_numbers(
    db: Database,
    settings: Settings,
    path: Path,
    *,
    mapping: Path | None = None,
    invented: bool = False,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> Report:
    return _import(Kind.NUMBERS, db, settings, path, mapping, invented, now, progress)


def _import(
    kind: Kind,
    db: Database,
    settings: Settings,
    path: Path,
    mapping: Path | None,
    invented: bool,
    now: datetime | None,
    progress: Progress | None,
) -> Report:
    names = csv_rows.load_names(mapping, kind) if mapping else Names()
    how = Reading(
        country=_home(settings),
        zone=ZoneInfo(settings.listener.service.time_zone),
        names=names,
        brands=_brands(settings),
    )
    report = Report(path.name)
    vault = open_vault(settings.var)
    try:
        batches = _batches(kind, path, names, report)
        for batch in batches:
            with db.write() as session:
                at = now or datetime.now(UTC)
                refused = _Batch(session, vault, kind, how, report, invented, at).store(batch)
            if progress is not None:
                progress(len(batch), refused)
    except OSError as error:
        raise ImportError_(f"cannot read {path}: {error.strerror}.") from error
    if kind is Kind.EVENTS and report.new + report.updated:
        _tell_strangers(db, report)
    return report


def _home(settings: Settings) -> str:
    """The country of the first brand of our own, else of the first brand."""
    brands = sorted(settings.brands, key=lambda b: b.kind != "own")
    return brands[0].countries[0] if brands and brands[0].countries else "ES"


def _brands(settings: Settings) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for brand in settings.brands:
        country = brand.countries[0] if brand.countries else "ES"
        found[brand.name.lower()] = found[brand.key] = (brand.key, country)
    return found


# ---------------------------------------------------------------------------- the file


def _batches(kind: Kind, path: Path, names: Names, report: Report) -> Iterator[list[Record]]:
    form, rows = _records(kind, path, names, report)
    known = set(COLUMNS[kind])
    report.columns = tuple(c for c in form.columns if c in known)
    report.kept_aside = tuple(c for c in form.columns if c and c not in known)
    if kind is Kind.NUMBERS and report.kept_aside:
        report.notes.append("the registry of numbers does not keep them")
    while batch := list(islice(rows, BATCH)):
        yield batch


def _records(kind: Kind, path: Path, names: Names, report: Report) -> tuple[Form, Iterator[Record]]:
    if spreadsheet_rows.is_sheet(path):
        sheet = spreadsheet_rows.rows(path)
        first = next(sheet, None)
        form = _form(kind, path, first[0] if first else 1, first[1] if first else [], ",", names)
        return form, (_of_sheet(number, cells, form) for number, cells in sheet)
    encoding = detect(path)
    if encoding.note:
        report.notes.append(encoding.note)
    lines = lines_of(path, encoding)
    head = next((line for line in lines if line.text.strip()), None)
    header = head.text.lstrip("\ufeff").rstrip("\r\n") if head else ""
    delimiter = max(",;\t|", key=header.count)
    try:
        written = next(csv.reader([header], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        number = head.number if head else 1
        raise ImportError_(f"{path}, line {number}: no readable header ({error}).") from error
    form = _form(kind, path, head.number if head else 1, written, delimiter, names)
    return form, records(lines, form)


def _of_sheet(number: int, cells: Sequence[str], form: Form) -> Record:
    raw = ",".join(cells)
    if len(cells) > len(form.columns):
        reason = f"{len(cells)} cells in a sheet of {len(form.columns)} columns"
        return Record(number, raw, None, reason)
    filled = [*cells, *[""] * (len(form.columns) - len(cells))]
    return Record(number, raw, dict(zip(form.columns, filled, strict=True)))


def _form(
    kind: Kind, path: Path, number: int, written: Sequence[str], delimiter: str, names: Names
) -> Form:
    """Of the header, in our words."""
    if not written:
        raise ImportError_(f"{path}: the file is empty. Its first line names the columns.")
    columns = [c.strip().lower() for c in written]
    columns = [names.columns.get(c, c) for c in columns]
    missing = [c for c in REQUIRED[kind] if c not in columns]
    if missing:
        raise ImportError_(
            f"{path}, line {number}: the column {', '.join(missing)} is missing; the header "
            f"has: {', '.join(columns)[:300]}. Name it so, or give a mapping file."
        )
    twins = sorted({c for c in columns if c and columns.count(c) > 1})
    if twins:
        raise ImportError_(f"{path}: two columns are called {', '.join(twins)}. Rename one.")
    return Form("csv", delimiter, tuple(columns))


# ---------------------------------------------------------------------------- the tables


@dataclass
class _Batch:
    session: Session
    vault: Vault
    kind: Kind
    how: Reading
    report: Report
    invented: bool
    now: datetime

    def store(self, batch: Sequence[Record]) -> list[Refusal]:
        """Gives the rows that were refused."""
        table = _TABLES[self.kind]
        parsed, refused = self._parse(batch)
        keys = [c.name for c in sa.inspect(table).primary_key]
        stored = self._stored(table, keys, [tuple(v[k] for k in keys) for v in parsed])
        changed: dict[tuple[Any, ...], dict[str, Any]] = {}
        for values in parsed:
            key = tuple(values[k] for k in keys)
            before = stored.get(key)
            after = self._after(before, values)
            if before == after:
                self.report.unchanged += 1
                continue
            self.report.new += before is None
            self.report.updated += before is not None
            stored[key] = changed[key] = after
        if self.kind is Kind.PEOPLE:
            self._forget_identifiers(list(changed.values()))
        rows = [self._row(r) for r in changed.values()]
        if rows:
            # The bare table: rows of an ORM class are sent in runs that have the same NULLs.
            update = [c for c in rows[0] if c not in keys]
            upsert(self.session, table.__table__, rows, update=update)
        if self.kind is Kind.PEOPLE:
            self._write_identifiers(list(changed.values()))
        return refused

    def _row(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """As it is stored: the customer's phone sealed, with its index."""
        row = {k: v for k, v in values.items() if k not in _IDENTIFIERS}
        if self.kind is Kind.EVENTS:
            number = row["customer_number"]
            row["customer_number"] = self.vault.index(number) if number else ""
            row["customer_number_sealed"] = self.vault.seal(number) if number else ""
        return row

    def _parse(self, batch: Sequence[Record]) -> tuple[list[dict[str, Any]], list[Refusal]]:
        good: list[dict[str, Any]] = []
        problems: list[Problem] = []
        how = self._with_countries(batch)
        for record in batch:
            reason = record.reason
            if record.row is not None:
                try:
                    good.append(self._values(record.row, how))
                    continue
                except ValueError as error:
                    reason = str(error)
            problems.append(Problem(reason, record.raw.rstrip("\r\n")[:_EXCERPT], record.number))
        refused = [Refusal(p.line or 0, p.reason, p.excerpt) for p in problems]
        if problems:
            self.report.refused += [replace(r, excerpt="") for r in refused]
            safe = [Problem(p.reason, p.excerpt.replace("\0", "␀"), p.line) for p in problems]
            save_problems(self.session, f"crm/{self.report.file}", safe, now=self.now)
        return good, refused

    def _values(self, row: Mapping[str, str], how: Reading) -> dict[str, Any]:
        if any("\0" in cell for cell in row.values()):
            raise ValueError("the row holds a zero character, which no text has")
        known = {k: v.strip() for k, v in row.items() if k in COLUMNS[self.kind]}
        values = _PARSERS[self.kind](known, how)
        if self.kind is not Kind.NUMBERS:
            values["extra"] = {k: v for k, v in row.items() if k and k not in known and v}
        return values

    def _with_countries(self, batch: Sequence[Record]) -> Reading:
        if self.kind is not Kind.EVENTS:
            return self.how
        refs = {(r.row.get("customer_id") or "").strip() for r in batch if r.row} - {""}
        countries: dict[str, str] = {}
        for part in _parts(sorted(refs)):
            query = sa.select(CrmPerson.customer_id, CrmPerson.country)
            for row in self.session.execute(query.where(CrmPerson.customer_id.in_(part))):
                countries[row.customer_id] = row.country
        how = self.how
        return Reading(how.country, how.zone, how.names, countries.get, how.brands)

    def _after(self, before: dict[str, Any] | None, values: dict[str, Any]) -> dict[str, Any]:
        after = {**(before or _ABSENT[self.kind]), **values, "invented": self.invented}
        if before and "extra" in values:
            after["extra"] = {**before["extra"], **values["extra"]}
        return after

    def _stored(
        self, table: type[Any], keys: list[str], wanted: Sequence[tuple[Any, ...]]
    ) -> dict[tuple[Any, ...], dict[str, Any]]:
        """The rows that are there, as `_after` makes them."""
        columns = [c.name for c in sa.inspect(table).columns]
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        first = getattr(table, keys[0])
        for part in _parts(sorted({w[0] for w in wanted})):
            for row in self.session.scalars(sa.select(table).where(first.in_(part))):
                values = {c: getattr(row, c) for c in columns}
                if table is CrmEvent:
                    values["customer_number"] = self.vault.open(
                        values.pop("customer_number_sealed")
                    )
                found[tuple(values[k] for k in keys)] = values
            if table is CrmPerson:
                for key in part:
                    if (key,) in found:
                        found[(key,)] |= {name: {} for name in _IDENTIFIERS}
                self._add_identifiers(found, part)
        return found

    def _add_identifiers(
        self, found: Mapping[tuple[Any, ...], dict[str, Any]], refs: Sequence[str]
    ) -> None:
        names = {kind.value: name for name, kind in _IDENTIFIERS.items()}
        query = sa.select(CrmIdentifier).where(CrmIdentifier.customer_id.in_(refs))
        for row in self.session.scalars(query):
            value, written = row.value, row.as_written
            if row.kind == IdentifierKind.PHONE:
                value, written = open_phone(self.vault, row.as_written)
            found[(row.customer_id,)][names[row.kind]][value] = written

    def _forget_identifiers(self, people: Sequence[dict[str, Any]]) -> None:
        for part in _parts([p["customer_id"] for p in people]):
            self.session.execute(
                sa.delete(CrmIdentifier).where(CrmIdentifier.customer_id.in_(part))
            )

    def _write_identifiers(self, people: Sequence[dict[str, Any]]) -> None:
        rows = []
        for person in people:
            for name, kind in _IDENTIFIERS.items():
                for value, written in person[name].items():
                    is_phone = kind is IdentifierKind.PHONE
                    stored = (
                        seal_phone(self.vault, value, written) if is_phone else (value, written)
                    )
                    rows.append(
                        {
                            "customer_id": person["customer_id"],
                            "kind": kind.value,
                            "value": stored[0],
                            "as_written": stored[1],
                        }
                    )
        if rows:
            self.session.execute(sa.insert(CrmIdentifier), rows)


def _parts(keys: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(keys), 500):
        yield keys[start : start + 500]


def _tell_strangers(db: Database, report: Report) -> None:
    with db.read() as session:
        known = sa.select(CrmPerson.customer_id)
        count = session.scalar(
            sa.select(sa.func.count())
            .select_from(CrmEvent)
            .where(CrmEvent.customer_id.is_not(None), CrmEvent.customer_id.not_in(known))
        )
    if count:
        report.notes.append(f"{count} stored events name a customer who is not among the people")
