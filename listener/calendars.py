"""Public holidays by country and region."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

import holidays

from listener.errors import sentence


@lru_cache(maxsize=64)
def holidays_in(place: str, year: int) -> Mapping[date, str]:
    """The holidays of a country ("ES") or a region of it ("ES-MD") by day.

    Raises ValueError where none are known.
    """
    country, _, region = place.partition("-")
    try:
        found: Mapping[date, str] = holidays.country_holidays(
            country, subdiv=region or None, years=year, expand=False
        )
    except NotImplementedError as error:
        raise ValueError(
            sentence(
                "no holidays are known for {place!r}; write a country (ES) or a country and region "
                "(ES-MD), or leave it empty",
                place=place,
            )
        ) from error
    return found
