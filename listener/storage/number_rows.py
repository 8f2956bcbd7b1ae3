"""All that is stored of one number in one stretch of time: its complaints, and what the log holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from listener.storage import number_complaints, number_log
from listener.storage.number_complaints import Asked, Complaint, Matched, Said
from listener.storage.number_log import Use

TEXTS_READ = 2000
"""Texts of a number that are read for their words, the newest."""


@dataclass(frozen=True, slots=True)
class Rows:
    """All of one number in one stretch of time. `logged` counts the log's contacts from it between
    the first moment that complaints claim contacts for and the last. `matched` and `contacts`
    (customer of the CRM `local`, when) are for those who may learn who an author is."""

    complaints: tuple[Complaint, ...]
    copies: int
    texts: tuple[Said, ...]
    uses: tuple[Use, ...]
    in_log: bool
    logged: int
    matched: tuple[Matched, ...] | None
    contacts: tuple[tuple[str, datetime], ...] = ()


def gather(
    session: Session,
    numbers: Sequence[str],
    asked: Asked,
    *,
    local: Sequence[str],
    people: bool,
) -> Rows:
    """`numbers` are the forms of one number, `local` the names of the systems whose people are in
    our own tables; `people`: who the authors are, too."""
    found = number_complaints.load(session, numbers, asked)
    told = [c for c in found if c.contacts is not None and c.days is not None]
    start = min((c.published_at - timedelta(days=c.days or 0) for c in told), default=None)
    end = max((c.published_at for c in told), default=None)
    who = number_complaints.matched(session, numbers, asked, local=local) if people else None
    refs = sorted({m.ref for m in who or () if m.crm in local})
    span = (start, end) if start and end else None
    return Rows(
        complaints=tuple(found),
        copies=number_complaints.copies(session, numbers, asked),
        texts=tuple(number_complaints.texts(session, numbers, asked, limit=TEXTS_READ)),
        uses=tuple(
            number_log.uses(session, numbers, asked.start, asked.end, invented=asked.invented)
        ),
        in_log=bool(number_log.used(session, numbers, invented=asked.invented)),
        logged=number_log.logged(session, numbers, *span, invented=asked.invented) if span else 0,
        matched=tuple(who) if who is not None else None,
        contacts=tuple(
            number_log.contacts_with(session, numbers, refs, *span, invented=asked.invented)
            if span and refs
            else ()
        ),
    )
