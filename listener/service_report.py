"""How people were answered, for the page of trends and the weekly report: in figures, and as a chart
whose bars lead to the posts. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime, timedelta

from listener import chart_files, charts, trend_charts
from listener.chart_files import Drawn
from listener.comparison import Fact, Share
from listener.domain import Outcome
from listener.selection import Selection
from listener.service_figures import Service
from listener.speech import Speech

_COLOURS = {
    Outcome.ON_TIME: "#0b5c8a",
    Outcome.LATE: "#d9a441",
    Outcome.OVERDUE: "#a3404a",
    Outcome.WAITING: "#9aa5b1",
}


def facts(found: Service, speech: Speech, now: datetime) -> tuple[Fact, ...]:
    """How people were answered, in figures."""
    _ = speech.gettext
    cases = _("of {count} cases", count=speech.number(found.cases))

    def wait(name: str, span: timedelta | None) -> Fact:
        if span is None:
            return Fact(name, "-", "", f"{cases}: {_('too few answered')}")
        return Fact(name, speech.span(span), "", cases)

    kept = found.kept
    longest = speech.span(kept.longest) if kept.longest is not None else "-"
    waiting = (
        _("one has waited for {time}", time=speech.span(now - kept.waiting)) if kept.waiting else ""
    )
    return (
        wait(_("First answer, median"), found.median),
        wait(_("First answer, nine of ten"), found.p90),
        Fact(
            _("Unanswered"),
            _value(found.unanswered, speech),
            "",
            trend_charts.said(found.unanswered, speech),
        ),
        Fact(
            _("Answered in time"),
            _value(found.on_time, speech),
            "",
            trend_charts.said(found.on_time, speech),
        ),
        Fact(
            _("Contacts after a suppression"),
            speech.number(kept.contacts_after),
            "",
            _("suppressions that took effect: {count}", count=speech.number(kept.suppressions)),
        ),
        Fact(_("Longest from complaint to effect"), longest, "", waiting),
    )


def how(speech: Speech) -> str:
    return speech.gettext(
        "Cases opened in the period that somebody had to answer, of our own brands; the language is that of the case, other filters do not apply. The time runs from when the person wrote; cases that still wait are taken into account as at least so long (Kaplan and Meier). In time: answered before it was due, of those that were answered or are due."
    )


def _value(share: Share, speech: Speech) -> str:
    return speech.percent(share.value) if share.of else "-"


def chart(found: Service, gaps: Collection[date], selection: Selection, speech: Speech) -> Drawn:
    """Cases by the day on which they were opened, and by what became of them."""
    _ = speech.gettext
    named = {o: speech.label("outcome", o.value) for o in Outcome}
    # What a case does not have is none of what its posts are asked for.
    chosen = Selection(
        selection.first,
        selection.last,
        brands=selection.brands,
        langs=selection.langs,
        invented=selection.invented,
    )
    outcomes = {name: outcome for outcome, name in named.items()}

    def link(day: date, name: str) -> str:
        return replace(chosen, first=day, last=day, answered=outcomes[name]).to_query()

    rows = [
        (day, named[outcome], found.days.get((day, outcome), 0))
        for day in charts.days(selection.first, selection.last)
        for outcome in Outcome
        if day not in gaps or found.days.get((day, outcome), 0)
    ]
    there = [row for row in rows if row[2]]
    title = _("Cases by how they were answered")
    drawn = charts.stacked(
        rows if there else [],
        selection.first,
        selection.last,
        gaps,
        replace(trend_charts.words(speech), mentions=_("Cases")),
        colours={named[o]: colour for o, colour in _COLOURS.items()},
        link=link,
    )
    return Drawn(
        "answered",
        title,
        _(
            "By the day on which the case was opened. A bar leads to the post with which each case began; what was closed without an answer counts as unanswered, copies are not listed."
        ),
        chart_files.spec(drawn, title),
        (_("Day"), _("Series"), _("Cases")),
        tuple((day.isoformat(), name, count) for day, name, count in there),
        tuple(link(day, name) for day, name, _count in there),
    )
