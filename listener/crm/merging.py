"""One contact that stands in a CRM's log and in a dialler's is one contact. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import timedelta

from listener.domain import ContactEvent, Disposition

# Clocks of two systems, and the time between dialling and the first note of it.
SAME_WITHIN = timedelta(minutes=2)


def merged(
    own: Iterable[ContactEvent], others: Sequence[tuple[str, ContactEvent]]
) -> list[ContactEvent]:
    """`own` with the events of diallers (system, event), oldest first. One that tells the same
    contact adds what `own` lacks; its id stays that of `own`. An id that two systems use is
    prefixed with the second's name."""
    events = {e.event_id: e for e in own}
    taken: set[str] = set()
    for system, other in sorted(others, key=lambda pair: pair[1].at):
        twin = min(
            (e for e in events.values() if e.event_id not in taken and _same(e, other)),
            key=lambda e: abs(e.at - other.at),
            default=None,
        )
        if twin is not None:
            events[twin.event_id] = _filled(twin, other)
            taken.add(twin.event_id)
            continue
        name = other.event_id
        if name in events:
            name = f"{system}/{name}"
        events[name] = replace(other, event_id=name)
        taken.add(name)
    return sorted(events.values(), key=lambda e: (e.at, e.event_id))


def _same(one: ContactEvent, two: ContactEvent) -> bool:
    numbers = {one.customer_number, two.customer_number} - {""}
    return (
        (one.channel, one.direction) == (two.channel, two.direction)
        and abs(one.at - two.at) <= SAME_WITHIN
        and len(numbers) < 2
    )


def _filled(own: ContactEvent, other: ContactEvent) -> ContactEvent:
    """`own`, with what only the other tells: who called, how long, how it was coded."""
    empty = {f.name: f.default for f in fields(ContactEvent)}
    kept = {
        name: getattr(other, name)
        for name in ("caller_number", "campaign", "list_name", "list_loaded_at", "centre", "agent")
        if getattr(own, name) == empty[name]
    }
    if own.disposition is Disposition.NONE:
        kept["disposition"] = other.disposition
    told = [d for d in (own.duration_s, other.duration_s) if d is not None]
    kept["duration_s"] = max(told, default=None)
    kept["note"] = "; ".join(dict.fromkeys(n for n in (own.note, other.note) if n))
    return replace(own, **kept)
