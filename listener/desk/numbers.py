"""The numbers that call in our brands' names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from listener import dossiers, number_registry, phones, reported_numbers
from listener.desk.figures import gaps, span
from listener.desk.office import Office
from listener.desk.rights import may_work
from listener.dossiers import Dossier, Line
from listener.errors import NotAllowed
from listener.number_registry import Listed, Standing
from listener.settings import Brand
from listener.storage import (
    health,
    number_complaints,
    number_log,
    number_rows,
    registered_numbers,
)
from listener.storage.number_complaints import Asked
from listener.storage.people import User
from listener.storage.posts import Post


class NumberDesk:
    """Of our own brands only."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def reported(
        self, user: User, *, days: int = 30, invented: bool = True
    ) -> tuple[list[Line], list[Listed]]:
        """(the numbers that people complained of in the last days, most complaints first; the
        registry) of our brands that the user sees."""
        brands, now = self.office.ours(user), self.office.now()
        keys = tuple(b.key for b in brands)
        asked = Asked(keys, now - timedelta(days=days), now, invented)
        with self.office.db.read() as session:
            registry = self._registry(session)
            found = number_complaints.reported(session, asked)
            used = number_log.used(session, {r.number for r in found}, invented=invented)
        lines = dossiers.lines(
            found,
            [line.entry for line in registry],
            brands=keys,
            countries={b.key: b.countries[0] for b in brands if b.countries},
            used=used,
        )
        return lines, [line for line in registry if line.entry.brand in keys]

    def dossier(
        self,
        user: User,
        number: str,
        *,
        first: date,
        last: date,
        zone: ZoneInfo,
        invented: bool = True,
    ) -> Dossier:
        """All that is known of one number from the first to the last day, both included, in the
        user's zone. Raises NotAllowed for a number that neither a complaint nor the registry of a
        brand of theirs names. Who the authors are is counted for those who work on cases only."""
        brands, now = self.office.ours(user), self.office.now()
        asked = Asked(tuple(b.key for b in brands), *span(first, last, zone), invented)
        local = [c.name for c in self.office.settings.crms if c.type == "local"]
        with self.office.db.read() as session:
            registry = self._registry(session)
            same = self._number(session, number, brands, registry)
            rows = number_rows.gather(session, same, asked, local=local, people=may_work(user))
            watched, answered = health.subscriptions(session), health.answered_days(session)
        return dossiers.dossier(
            same[0],
            rows,
            registry,
            brands=brands,
            local=local,
            zone=zone,
            now=now,
            gaps=gaps(watched, answered, first, last, zone, now),
        )

    def posts(
        self,
        user: User,
        number: str,
        *,
        first: date,
        last: date,
        zone: ZoneInfo,
        invented: bool = True,
        limit: int = 20,
        offset: int = 0,
    ) -> list[tuple[Post, Standing]]:
        """The complaints of a dossier, the newest first, each with the number's kind on its day."""
        brands = self.office.ours(user)
        asked = Asked(tuple(b.key for b in brands), *span(first, last, zone), invented)
        with self.office.db.read() as session:
            registry = self._registry(session)
            same = self._number(session, number, brands, registry)
            found = number_complaints.posts(session, same, asked, limit=limit, offset=offset)
        entries = [line.entry for line in registry]
        return [
            (p, number_registry.standing(same[-1], p.published_at, entries, brands=asked.brands))
            for p in found
        ]

    def _registry(self, session: Session) -> list[Listed]:
        """Of all our brands; what is shown of it is the user's brands' only."""
        own = {b.key for b in self.office.settings.brands if b.kind == "own"}
        return [
            *(
                Listed(entry, False)
                for entry in number_registry.configured(self.office.settings.brands)
            ),
            *(
                Listed(entry, True, invented)
                for invented in (False, True)
                for entry in registered_numbers.imported(session, invented=invented)
                if entry.brand in own
            ),
        ]

    def _number(
        self, session: Session, written: str, brands: Sequence[Brand], registry: Sequence[Listed]
    ) -> tuple[str, ...]:
        """A number as it is stored, then in its plain form where that is another."""
        keys = [b.key for b in brands]
        countries = [c for b in brands for c in b.countries]
        for form in reported_numbers.forms(written, countries):
            listed = any(li.entry.number == form and li.entry.brand in keys for li in registry)
            if listed or number_complaints.ever_reported(session, [form], keys):
                plain = phones.normalise_caller(form, countries[0] if countries else "")
                return tuple(dict.fromkeys((form, plain)))
        raise NotAllowed("no complaint that you may see and no registry of your brands names it")
