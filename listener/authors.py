"""Who wrote a mention, by every CRM that is configured. Asked before anything is stored, because it
takes long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from classifiers.reading import Reading
from listener import brand_numbers, matching
from listener.crm import Systems
from listener.domain import CustomerMatch, Identifier, IdentifierKind, MatchBasis
from listener.errors import kept
from listener.settings import Brand, Settings
from listener.sources import may_match
from listener.storage import Database
from listener.storage.pending import Pending
from listener.storage.tables import Correction

NOT_ASKED = CustomerMatch(False, None, 0.0, ("not_asked:",))
"""A complaint only by a person's later word: asked at the next turn."""


def match_batch(
    db: Database,
    settings: Settings,
    crms: Systems,
    batch: Sequence[Pending],
    read: Mapping[int, Reading],
) -> dict[tuple[int, str], CustomerMatch]:
    """Who wrote what may become a case, by mention and brand."""
    with db.read() as session:
        told = set(
            session.scalars(
                sa.select(Correction.mention_id)
                .where(
                    Correction.mention_id.in_([m.id for m in batch]),
                    Correction.undone_at.is_(None),
                )
                .distinct()
            )
        )
    return {
        (mention.id, brand.key): match_author(
            crms, settings, mention.text, mention.source, mention.author, brand
        )
        for mention in batch
        if read[mention.id].complaint or mention.id in told
        for key, muted in mention.brands
        if not muted and (brand := settings.brand(key)) is not None
    }


def match_author(
    crms: Systems,
    settings: Settings,
    text: str,
    source: str,
    author: str | None,
    brand: Brand,
    left: Sequence[str] = (),
) -> CustomerMatch:
    """Who this is, by every system that is configured; one that cannot answer leaves the match
    open, with its reason on the case. `left` are phones that the author left at a private link:
    where the source's terms forbid to look for its authors, by these alone."""
    given = tuple(
        Identifier(IdentifierKind.PHONE, number, MatchBasis.PRIVATE_LINK) for number in left
    )
    if may_match(source, settings.listener.matching.forbidden):
        given += matching.identifiers(
            text,
            author=f"{source}:{author}" if author else None,
            countries=brand.countries,
            registry=brand_numbers.listed(brand),
        )
    elif not left:
        return CustomerMatch(False, None, 0.0, (f"source_forbids:{source}",))
    answer = crms.find(given)
    match = matching.decide(answer.candidates, given, settings.listener.matching.threshold)
    silent = tuple(f"crm_unavailable:{kept(reason)}" for reason in answer.silent)
    return replace(match, reasons=(*match.reasons, *silent)) if silent else match
