"""What every file of the configuration is made of: frozen sections in which an unknown key is an
error, durations, time zones, countries, keys. Used by `settings.py`."""

from __future__ import annotations

import difflib
import re
from datetime import timedelta
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from listener.errors import sentence

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_duration(value: object) -> timedelta:
    """`90s`, `5m`, `24h`, `2d`, `1w`; a bare number is not accepted because its unit is unsaid."""
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*", str(value))
    if not found:
        raise ValueError(sentence("write a duration, for example 90s, 5m, 24h or 2d"))
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])


def _zone(value: object) -> str:
    if str(value) not in available_timezones():
        close = difflib.get_close_matches(str(value), available_timezones(), n=1)
        if close:
            raise ValueError(sentence("no time zone; did you mean {near}?", near=close[0]))
        raise ValueError(sentence("no time zone; write it as Europe/Madrid"))
    return str(value)


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
ZoneName = Annotated[str, BeforeValidator(_zone)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
