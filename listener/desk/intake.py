"""Mentions that another system brings: the same road as `listener import`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from listener import finding
from listener.desk.office import Office
from listener.desk.rights import may_see, worker
from listener.domain import Mention, Problem
from listener.sources.files import mention_of
from listener.sources.items import BadItem, problem
from listener.sources.rows import Record
from listener.storage.mentions import Found, save_found, save_problems
from listener.storage.people import User

_BATCH = 500
MOST_TOLD = 100  # refused ones whose reasons are given back; all are kept


@dataclass
class Taken:
    """`refused` counts all; `reasons` tells of the first ones, each with its line (from 1)."""

    new: int = 0
    known: int = 0
    refused: int = 0
    reasons: list[Problem] = field(default_factory=list)


class IntakeDesk:
    """For those who work on cases."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def ingest(self, user: User, records: Iterable[Record], origin: str) -> Taken:
        """Every record becomes a mention, was there already, or is refused with its reason, which is
        kept under `origin`. Who sees some brands only brings mentions of those."""
        worker(user)
        queries = finding.queries_of(self.office.settings.brands)
        taken = Taken()
        waiting = iter(records)
        while batch := list(islice(waiting, _BATCH)):
            good, bad = self._judged(user, batch)
            found = finding.about(queries, [m for m, _ in good], keep_all=True, brands=user.brands)
            kept: list[Found] = []
            for item, (_, record) in zip(found, good, strict=True):
                if user.brands and not item.brands:
                    why = "no query of your brands finds this; name its brand"
                    bad.append(problem(why, record.raw, record.number))
                else:
                    kept.append(item)
            with self.office.db.write() as session:
                saved = save_found(session, origin[:200], kept, now=self.office.now())
                save_problems(session, origin[:300], bad, now=self.office.now())
            taken.new += saved.new
            taken.known += saved.known
            taken.refused += len(bad)
            bad.sort(key=lambda p: p.line or 0)
            taken.reasons += bad[: MOST_TOLD - len(taken.reasons)]
        return taken

    def _judged(
        self, user: User, records: Iterable[Record]
    ) -> tuple[list[tuple[Mention, Record]], list[Problem]]:
        good: list[tuple[Mention, Record]] = []
        bad: list[Problem] = []
        zone = self.office.settings.listener.service.zone
        for record in records:
            if record.row is None:
                bad.append(problem(record.reason, record.raw, record.number))
                continue
            try:
                mention, _ = mention_of(record.row, now=self.office.now(), default_tz=zone)
                if mention.brand and not may_see(user, mention.brand):
                    raise BadItem(f"the brand {mention.brand} is none that you see")
            except BadItem as error:
                bad.append(problem(error, record.raw, record.number))
            else:
                good.append((mention, record))
        return good, bad
