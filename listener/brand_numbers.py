"""The numbers that a brand lists, as readings give those of a text."""

from __future__ import annotations

from datetime import date

from listener import phones
from listener.domain import NumberKind
from listener.settings import Brand

_OWN = (NumberKind.OWN, NumberKind.CARE_ONLY, NumberKind.AGENCY)


def own(brand: Brand, day: date) -> set[str]:
    """The numbers from which the brand itself called on that day."""
    return _written(
        brand,
        {
            n.number
            for n in brand.numbers
            if n.kind in _OWN
            and (n.valid_from is None or n.valid_from <= day)
            and (n.valid_to is None or day <= n.valid_to)
        },
    )


def listed(brand: Brand) -> set[str]:
    """All that is listed, impostors and former numbers too: none of them is an author's."""
    return _written(brand, {n.number for n in brand.numbers})


def _written(brand: Brand, written: set[str]) -> set[str]:
    """As readings give them: E.164 where there is one, else as dialled."""
    full = {phones.normalise(n, country) for n in written for country in brand.countries}
    return written | {n for n in full if n}
