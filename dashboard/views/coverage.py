"""The coverage ledger of a subscription: its last days as a strip, and its gaps in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from dashboard.marking import isolated, safe
from dashboard.pages import Page
from listener import coverage, i18n
from listener.coverage import Brought, Day

# A sign for each, so that it is told by more than its colour.
_SIGNS = {
    Brought.POSTS: "●",
    Brought.QUIET: "○",
    Brought.FAILED: "✕",
    Brought.UNASKED: "–",
    Brought.BEFORE: "\u00a0",
}
_GAPS = 5


def strip(page: Page, days: Sequence[Day]) -> str:
    """One sign a day, as HTML; all of them in words for those who do not see it."""
    counts: dict[Brought, int] = {}
    for day in days:
        counts[day.brought] = counts.get(day.brought, 0) + 1
    said = ", ".join(f"{page.label('brought', b)}: {n}" for b, n in counts.items())
    signs = "".join(
        f'<span class="ls-day ls-day-{d.brought.value}" title="{safe(_title(page, d))}">{_SIGNS[d.brought]}</span>'
        for d in days
    )
    return f'<span class="ls-strip" role="img" aria-label="{safe(said)}">{signs}</span>'


def _title(page: Page, day: Day) -> str:
    parts = [f"{_day(page, day.day)}: {page.label('brought', day.brought)}"]
    if day.items:
        parts.append(page.gettext("{count} posts", count=i18n.number(day.items, page.language)))
    if day.failures:
        parts.append(page.gettext("failed {count} times", count=day.failures))
    return ", ".join(parts)


def _day(page: Page, day: date) -> str:
    return i18n.day_of(day, page.language, "d MMM")


def legend(page: Page) -> str:
    """What the signs mean, as HTML."""
    items = "".join(
        f'<li><span class="ls-day ls-day-{b.value}">{_SIGNS[b]}</span> {safe(page.label("brought", b))}</li>'
        for b in Brought
        if b is not Brought.BEFORE
    )
    return f'<ul class="ls-legend">{items}</ul>'


def explained(page: Page, key: str, days: Sequence[Day]) -> list[str]:
    """The latest gaps of a subscription, each with its reason, as HTML."""
    found = []
    for gap in coverage.gaps(days)[:_GAPS]:
        when = _day(page, gap.first)
        if gap.last != gap.first:
            when = f"{when} – {_day(page, gap.last)}"
        why = page.label("gap", gap.brought)
        error = f": {isolated(page.retold(gap.error)[:200])}" if gap.error else ""
        found.append(f"<b>{isolated(key)}</b>, {safe(when)}: {safe(why)}{error}")
    return found
