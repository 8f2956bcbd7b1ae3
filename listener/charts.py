"""Every chart once, for pages, e-mails and reports: pure functions from counts to Altair charts.

Colours are told apart by colour-blind people (Okabe and Ito's), and every colour has its word in
the legend. A day without a collection is hatched: nobody knows what was said. A mark that has a link
says what was clicked: `PICKED` is the selection's name, its only field the link's query.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import altair as alt
from babel.dates import format_date

from listener.domain import Direction
from listener.history import Moment
from listener.spikes import Spot
from listener.storage.trends import Tally

Split = Literal["none", "brand", "source", "lang", "country", "category"]
Label = Callable[[str, object], str]
"""(kind, value) -> the word that people read."""

PALETTE = ("#0b5c8a", "#d55e00", "#009e73", "#8e5ba6", "#b07d00", "#56779a", "#a3404a", "#4d4d4d")
SENTIMENT = {"negative": "#d55e00", "neutral": "#9aa5b1", "positive": "#0b5c8a"}
PICKED = "picked"
_GAP = "#e9edf0"
_HATCH = "#8a97a3"
_HATCH_STEP = 11  # pixels
_MANY_DAYS = 120  # whose bars have no room for a line between them
INK = "#43515d"
_HEIGHT = 220
PADDING = {"left": 5, "top": 5, "right": 22, "bottom": 5}  # the last day's label needs room


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a chart, in a person's language."""

    language: str
    day: str
    mentions: str
    gap: str
    label: Label
    unusual: str = ""  # what the marks above bars say


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def by_day(
    tallies: Sequence[Tally],
    first: date,
    last: date,
    gaps: Collection[date],
    *,
    series: Callable[[Tally], str],
    keep: Callable[[Tally], bool] = lambda _: True,
) -> list[tuple[date, str, int]]:
    """(day, series, count) for every day and series, zeros too; a gap has a row only where
    something was counted all the same (an import)."""
    counts: Counter[tuple[date, str]] = Counter()
    for tally in tallies:
        if keep(tally):
            counts[tally.day, series(tally)] += tally.count
    names = sorted({name for _, name in counts})
    return [
        (day, name, counts[day, name])
        for day in days(first, last)
        for name in names
        if day not in gaps or counts[day, name]
    ]


def stacked(
    rows: Sequence[tuple[date, str, int]],
    first: date,
    last: date,
    gaps: Collection[date],
    words: Words,
    *,
    colours: Mapping[str, str] | None = None,
    title: str = "",
    spots: Sequence[Spot] = (),
    link: Callable[[date, str], str] | None = None,
) -> Any:
    """Bars by day, one colour a series; unusual days have a mark above. `link` gives the query of
    the mentions behind a bar, by day and series."""
    names = list(colours) if colours else list(dict.fromkeys(name for _, name, _ in rows))
    scale = alt.Scale(
        domain=names,
        range=[colours[n] for n in names]
        if colours
        else [PALETTE[i % len(PALETTE)] for i in range(len(names))],
    )
    data = [
        {
            "day": label_of(day, first, last, words.language),
            "series": name,
            "rank": names.index(name),
            "count": count,
            "link": link(day, name) if link else "",
        }
        for day, name, count in rows
    ]
    x = days_axis(first, last, words)
    bars = (
        alt.Chart(values(data))
        .mark_bar(
            cursor="pointer" if link else "default",
            stroke="white",
            strokeWidth=0.7 if (last - first).days < _MANY_DAYS else 0,
        )
        .encode(
            x=x,
            y=alt.Y("count:Q", title=words.mentions, axis=alt.Axis(tickMinStep=1, format="d")),
            color=alt.Color(
                "series:N",
                scale=scale,
                legend=alt.Legend(title=None, orient="top") if len(names) > 1 else None,
            ),
            order=alt.Order("rank:Q"),
            tooltip=[
                alt.Tooltip("day:N", title=words.day),
                alt.Tooltip("series:N", title=title or " "),
                alt.Tooltip("count:Q", title=words.mentions),
            ],
        )
    )
    if link:
        bars = picked(bars)
    above = _spots(rows, spots, first, last, words, x)
    return finish([*gap_layers(gaps, first, last, words, x), bars, *above])


def _spots(
    rows: Sequence[tuple[date, str, int]],
    spots: Sequence[Spot],
    first: date,
    last: date,
    words: Words,
    x: Any,
) -> list[Any]:
    """A triangle at the top of each unusual day, pointing to where it strays."""
    totals: Counter[date] = Counter()
    for day, _series, count in rows:
        totals[day] += count
    data = [
        {
            "day": label_of(spot.day, first, last, words.language),
            "top": totals[spot.day],
            "shape": "triangle-up" if spot.more else "triangle-down",
            "why": words.unusual,
            "expected": round(spot.expected, 1),
        }
        for spot in spots
    ]
    if not data:
        return []
    return [
        alt.Chart(values(data))
        .mark_point(filled=True, size=90, color=INK, opacity=1, yOffset=-9)
        .encode(
            x=x,
            y="top:Q",
            shape=alt.Shape("shape:N", scale=None),
            tooltip=[
                alt.Tooltip("day:N", title=words.day),
                alt.Tooltip("why:N", title=" "),
                alt.Tooltip("top:Q", title=words.mentions),
                alt.Tooltip("expected:Q", title=words.label("chart", "expected")),
            ],
        )
    ]


def picked(chart: Any) -> Any:
    """A click on a mark selects its link. One layer of a chart can be clicked, the uppermost."""
    # Named, so that the same figures give the same chart: Altair counts its views otherwise.
    return chart.properties(name="marks").add_params(
        alt.selection_point(name=PICKED, fields=["link"], toggle=False)
    )


def timeline(moments: Sequence[Moment], words: Words, moment: Callable[[Any], str]) -> Any:
    """One person's contacts and posts on a line of time: a row a channel, a shape a direction; the
    suppression is a line across."""
    label = words.label
    wrote = label("happened", "post")
    points, orders = [], []
    for m in moments:
        row = {"at": m.at.timestamp() * 1000, "when": moment(m.at)}
        if m.event is not None:
            points.append(
                row
                | {
                    "channel": label("channel", m.event.channel.value),
                    "direction": label("direction", m.event.direction.value),
                    "disposition": label("disposition", m.event.disposition.value),
                    "caller": m.event.caller_number,
                    "agent": m.event.agent,
                    "campaign": m.event.campaign,
                }
            )
        elif m.mention is not None:
            points.append(row | dict.fromkeys(("channel", "direction", "disposition"), wrote))
        else:
            orders.append(row | {"what": label("happened", m.kind.value)})
    directions = [*(label("direction", d.value) for d in Direction), wrote]
    dots = (
        alt.Chart(values(points))
        .mark_point(filled=True, size=110, opacity=0.85)
        .encode(
            x=alt.X(
                "at:T",
                title=None,
                scale=alt.Scale(padding=24),
                axis=alt.Axis(format="%d/%m", tickMinStep=86_400_000, labelOverlap=True),
            ),
            y=alt.Y("channel:N", title=None),
            shape=alt.Shape(
                "direction:N",
                scale=alt.Scale(domain=directions, range=["triangle-right", "circle", "diamond"]),
                legend=alt.Legend(title=None, orient="top"),
            ),
            color=alt.Color(
                "disposition:N",
                scale=alt.Scale(range=list(PALETTE)),
                legend=alt.Legend(title=None, orient="bottom", columns=3, labelLimit=130),
            ),
            tooltip=[
                alt.Tooltip("when:N", title=label("column", "at")),
                alt.Tooltip("direction:N", title=label("column", "direction")),
                alt.Tooltip("disposition:N", title=label("column", "disposition")),
                alt.Tooltip("caller:N", title=label("column", "caller_number")),
                alt.Tooltip("agent:N", title=label("column", "agent")),
                alt.Tooltip("campaign:N", title=label("column", "campaign")),
            ],
        )
    )
    across = (
        alt.Chart(values(orders))
        .mark_rule(strokeDash=[5, 3], size=2, color=INK)
        .encode(
            x="at:T",
            tooltip=[
                alt.Tooltip("when:N", title=label("column", "at")),
                alt.Tooltip("what:N", title=" "),
            ],
        )
    )
    return (
        alt.layer(dots, *([across] if orders else []))
        .properties(height=alt.Step(44), padding=PADDING)
        .configure_view(stroke=None)
        .configure_axis(labelColor=INK, titleColor=INK)
        .configure_legend(labelColor=INK)
    )


def gap_layers(gaps: Collection[date], first: date, last: date, words: Words, x: Any) -> list[Any]:
    """Hatched bands: a pale ground, and slanted lines from one edge of a day to the other."""
    labels = [label_of(d, first, last, words.language) for d in days(first, last) if d in gaps]
    if not labels:
        return []
    ground = (
        alt.Chart(values([{"day": d, "why": words.gap} for d in labels]))
        .mark_rect(color=_GAP)
        .encode(
            x=x, tooltip=[alt.Tooltip("day:N", title=words.day), alt.Tooltip("why:N", title=" ")]
        )
    )
    slanted = [
        {"day": day, "from": y, "to": y - _HATCH_STEP}
        for day in labels
        for y in range(_HATCH_STEP, _HEIGHT + 1, _HATCH_STEP)
    ]
    lines = (
        alt.Chart(values(slanted))
        .mark_rule(color=_HATCH, strokeWidth=1, tooltip=None, clip=True)
        .encode(
            x=alt.X("day:O", bandPosition=0),
            x2=alt.X2("day:O", bandPosition=1),
            y=alt.Y("from:Q", scale=None, axis=None),
            y2="to:Q",
        )
    )
    return [ground, lines]


def days_axis(first: date, last: date, words: Words) -> Any:
    return alt.X(
        "day:O",
        title=None,
        sort=None,
        scale=alt.Scale(
            domain=[label_of(d, first, last, words.language) for d in days(first, last)]
        ),
        axis=alt.Axis(labelAngle=0, labelOverlap="greedy", ticks=False, domainColor="#9aa5b1"),
    )


def label_of(day: date, first: date, last: date, language: str) -> str:
    """Unique within the period, which is what the axis counts by."""
    pattern = "d MMM" if (last - first).days < 360 else "d MMM y"
    return format_date(day, pattern, locale=language)


def values(rows: list[dict[str, Any]]) -> Any:
    # A tuple: Altair copies lists, with all that is in them, at each step of a chart.
    return alt.Data(values=tuple(rows))  # type: ignore[no-untyped-call]


def finish(layers: Sequence[Any]) -> Any:
    return (
        alt.layer(*layers)
        .properties(height=_HEIGHT, padding=PADDING)
        .configure_view(stroke=None)
        .configure_axis(labelColor=INK, titleColor=INK)
        .configure_legend(labelColor=INK)
        .configure_axisY(grid=True, gridColor="#e4e7eb", domain=False, ticks=False)
    )
