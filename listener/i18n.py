"""What people read, in their language: gettext catalogues, compiled in memory from the .po files
so that adding a language is adding one file and no build step.

A sentence of the interface is looked up by its English text; a stored Reason by its key
(`reason.<key>`), with its values filled in.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from listener.domain import Reason

_FOLDER = Path(__file__).parent / "locale"


def languages() -> tuple[str, ...]:
    return tuple(sorted(p.parent.parent.name for p in _FOLDER.glob("*/LC_MESSAGES/listener.po")))


@lru_cache(maxsize=32)
def translator(language: str) -> Translations:
    """The catalogue of a language (`.gettext(text)`); English where there is none."""
    path = _FOLDER / language / "LC_MESSAGES" / "listener.po"
    if not path.exists():
        path = _FOLDER / "en" / "LC_MESSAGES" / "listener.po"
    compiled = io.BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, locale=path.parent.parent.name))
    compiled.seek(0)
    return Translations(compiled)


def text(message: str, language: str, values: Mapping[str, object] | None = None) -> str:
    """A message in a language, `{name}` filled from `values`."""
    found: str = translator(language).gettext(message)
    return found.format_map(_Shown(values)) if values else found


def explain(reason: Reason, language: str) -> str:
    """A stored reason as a sentence. A value that is a catalogue key itself is translated too:
    `{"category": "billing"}` reads "facturación" through `value.billing`."""
    shown: dict[str, object] = {}
    for name, value in reason.values.items():
        key = f"value.{value}"
        known: str = translator(language).gettext(key) if isinstance(value, str) else key
        shown[name] = value if known == key else known
    return text(f"reason.{reason.key}", language, shown or None)


def when(moment: datetime, language: str, zone: ZoneInfo) -> str:
    """A moment in a person's own zone and language, for example «22 nov 2026, 9:05»."""
    return format_datetime(moment, "d MMM y, H:mm", tzinfo=zone, locale=language)


class _Shown(dict[str, object]):
    """A missing value shows its own name rather than breaking the page."""

    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__(values)

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"
