"""What the registry of numbers says of one on a day, and why. It is made of brands.toml and of what
was imported. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from listener import phones
from listener.contact_log import entry_of
from listener.domain import CallerNumber, NumberKind, Reason
from listener.settings import Brand
from listener.storage.registered_numbers import midnight


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of the registry, and whether it was imported (else it stands in brands.toml)."""

    entry: CallerNumber
    imported: bool
    invented: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What the registry says of a number on one day, and why. `entry` is what it says so by."""

    kind: NumberKind
    entry: CallerNumber | None
    reasons: tuple[Reason, ...]

    @property
    def unknown(self) -> bool:
        return self.kind is NumberKind.UNKNOWN


def configured(brands: Iterable[Brand]) -> list[CallerNumber]:
    """The registry as it stands in brands.toml, of our own brands."""
    return [
        CallerNumber(
            number=phones.normalise_caller(n.number, b.countries[0] if b.countries else ""),
            brand=b.key,
            kind=n.kind,
            owner=n.owner,
            valid_from=midnight(n.valid_from),
            valid_to=midnight(n.valid_to, 1),
            campaign=n.campaign,
        )
        for b in brands
        if b.kind == "own"
        for n in b.numbers
    ]


def standing(
    number: str,
    at: datetime,
    registry: Sequence[CallerNumber],
    *,
    brands: Collection[str],
    country: str = "",
    in_log: bool | None = None,
) -> Standing:
    """What the registry of `brands` says of a number at a moment; of the other brands' it is only
    told that the number is theirs. `in_log`: whether the log holds a contact from it (None: not
    asked)."""
    plain = phones.normalise_caller(number, country)
    of_number = [e for e in registry if e.number == plain]
    in_force = [e for e in of_number if entry_of(number, at, [e], country)]
    ours = [e for e in in_force if e.brand in brands]
    if ours:
        kinds = list(dict.fromkeys(e.kind for e in ours))
        reasons = [Reason("number_registered", {"kind": kinds[0].value})]
        if len(kinds) > 1:
            reasons.append(Reason("number_registered_twice", {"kind": kinds[1].value}))
        return Standing(kinds[0], ours[0], tuple(reasons))
    if in_force:
        kind = in_force[0].kind
        return Standing(kind, None, (Reason("number_of_another_brand", {"kind": kind.value}),))
    other_days = [e for e in of_number if e.brand in brands]
    reasons = [_of_other_days(e, at) for e in other_days] or [Reason("number_not_registered")]
    if in_log is not None:
        reasons.append(Reason("number_in_log") if in_log else Reason("number_not_in_log"))
    return Standing(NumberKind.UNKNOWN, None, tuple(reasons))


def _of_other_days(entry: CallerNumber, at: datetime) -> Reason:
    if entry.valid_to is not None and entry.valid_to <= at:
        last = (entry.valid_to - timedelta(days=1)).date()
        return Reason(
            "number_registered_until", {"kind": entry.kind.value, "day": last.isoformat()}
        )
    first = entry.valid_from.date().isoformat() if entry.valid_from else ""
    return Reason("number_registered_from", {"kind": entry.kind.value, "day": first})
