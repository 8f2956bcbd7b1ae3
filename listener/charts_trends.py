"""Charts that compare: two periods, shares with their intervals, the hours of the week. Pure, as in
charts.py. An empty ring is the period before, a pale mark a share of too few to say much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import altair as alt

from listener.charts import (
    INK,
    PADDING,
    PALETTE,
    Words,
    days_axis,
    finish,
    gap_layers,
    label_of,
    picked,
    values,
)
from listener.comparison import Share

_STEP = 26
_GRID = "#e4e7eb"
_PALE = 0.35


@dataclass(frozen=True, slots=True)
class Bar:
    """A count now and before."""

    name: str
    now: int
    before: int
    link: str = ""


@dataclass(frozen=True, slots=True)
class Dot:
    """A share now and before; None where nothing was counted."""

    name: str
    now: Share | None
    before: Share | None
    shown: str  # the share and its interval in words
    shown_before: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Legend:
    """The words of a comparison."""

    now: str
    before: str
    few: str
    value: str  # what the axis counts


def bars(rows: Sequence[Bar], legend: Legend) -> Any:
    """A bar for now, a ring for before."""
    data = [
        {"name": r.name, "now": r.now, "before": r.before, "link": r.link, "what": legend.now}
        for r in rows
    ]
    y = _names([r.name for r in rows])
    tooltip = [
        alt.Tooltip("name:N", title=" "),
        alt.Tooltip("now:Q", title=legend.now),
        alt.Tooltip("before:Q", title=legend.before),
    ]
    base = alt.Chart(values(data))
    axis = alt.Axis(tickMinStep=1, format="d", gridColor=_GRID, domain=False, ticks=False)
    body = base.mark_bar(color=PALETTE[0], height={"band": 0.62}).encode(
        x=alt.X("now:Q", title=legend.value, axis=axis), y=y
    )
    return _compared([body, _ring(base, y), _row(base, y, tooltip)])


def dots(rows: Sequence[Dot], legend: Legend) -> Any:
    """A dot with its interval for now, a ring for before."""
    data = [
        {
            "name": r.name,
            "value": r.now.value if r.now else None,
            "low": r.now.low if r.now else None,
            "high": r.now.high if r.now else None,
            "strength": _PALE if r.now and r.now.few else 1,
            "before": r.before.value if r.before else None,
            "shown": r.shown,
            "shown_before": r.shown_before,
            "few": legend.few if r.now and r.now.few else "",
            "link": r.link,
        }
        for r in rows
    ]
    y = _names([r.name for r in rows])
    tooltip = [
        alt.Tooltip("name:N", title=" "),
        alt.Tooltip("shown:N", title=legend.now),
        alt.Tooltip("shown_before:N", title=legend.before),
        alt.Tooltip("few:N", title=" "),
    ]
    base = alt.Chart(values(data))
    axis = alt.Axis(format="~%", gridColor=_GRID, domain=False, ticks=False, tickCount=5)
    x = alt.X("low:Q", title=legend.value, axis=axis, scale=alt.Scale(zero=True))
    strength = alt.Opacity("strength:Q", scale=None, legend=None)
    interval = base.mark_rule(color=PALETTE[0], strokeWidth=3).encode(
        x=x, x2="high:Q", y=y, opacity=strength
    )
    dot = base.mark_point(color=PALETTE[0], size=130, filled=True).encode(
        x="value:Q", y=y, opacity=strength
    )
    return _compared([interval, _ring(base, y), dot, _row(base, y, tooltip)])


def line(
    points: Sequence[tuple[date, Share]],
    first: date,
    last: date,
    gaps: frozenset[date],
    words: Words,
    legend: Legend,
    shown: Mapping[date, str],
    link: Mapping[date, str],
) -> Any:
    """A share by day with its interval; days of few posts are pale."""
    data = [
        {
            "day": label_of(day, first, last, words.language),
            "value": s.value,
            "low": s.low,
            "high": s.high,
            "strength": _PALE if s.few else 1,
            "shown": shown[day],
            "few": legend.few if s.few else "",
            "link": link.get(day, ""),
        }
        for day, s in points
        if s.of
    ]
    x = days_axis(first, last, words)
    tooltip = [
        alt.Tooltip("day:N", title=words.day),
        alt.Tooltip("shown:N", title=legend.value),
        alt.Tooltip("few:N", title=" "),
    ]
    base = alt.Chart(values(data))
    y = alt.Y("low:Q", title=legend.value, axis=alt.Axis(format="~%", tickCount=5))
    strength = alt.Opacity("strength:Q", scale=None, legend=None)
    interval = base.mark_rule(color=PALETTE[0], strokeWidth=2).encode(
        x=x, y=y, y2="high:Q", opacity=strength, tooltip=tooltip
    )
    dot = picked(
        base.mark_point(color=PALETTE[0], size=60, filled=True, cursor="pointer").encode(
            x=x, y="value:Q", opacity=strength, tooltip=tooltip
        )
    )
    return finish([*gap_layers(gaps, first, last, words, x), interval, dot])


def heat(
    counts: Mapping[tuple[int, int], int],
    weekdays: Sequence[str],
    links: Mapping[tuple[int, int], str],
    words: Words,
) -> Any:
    """The hours of the week: darker is more. Monday is weekday 0 and the first row."""
    data = [
        {
            "weekday": name,
            "hour": hour,
            "when": f"{name} {hour}:00-{hour + 1}:00",
            "count": counts.get((weekday, hour), 0),
            "link": links.get((weekday, hour), ""),
        }
        for weekday, name in enumerate(weekdays)
        for hour in range(24)
    ]
    cells = (
        alt.Chart(values(data))
        .mark_rect(cursor="pointer", stroke="white", strokeWidth=1)
        .encode(
            x=alt.X("hour:O", title=words.label("chart", "hour"), axis=alt.Axis(labelAngle=0)),
            y=alt.Y("weekday:O", title=None, sort=None),
            color=alt.Color(
                "count:Q",
                title=words.mentions,
                scale=alt.Scale(range=["#eef3f7", "#7fb0cf", "#0b5c8a", "#04293f"]),
                legend=alt.Legend(tickMinStep=1, format="d"),
            ),
            tooltip=[
                alt.Tooltip("when:N", title=" "),
                alt.Tooltip("count:Q", title=words.mentions),
            ],
        )
    )
    return (
        picked(cells)
        .properties(height=alt.Step(24), padding=PADDING)
        .configure_view(stroke=None)
        .configure_axis(labelColor=INK, titleColor=INK, domain=False, ticks=False)
        .configure_legend(labelColor=INK, titleColor=INK)
    )


def _ring(base: Any, y: Any) -> Any:
    """The period before."""
    return base.mark_point(
        filled=True, fill="white", stroke=PALETTE[1], size=75, strokeWidth=2.5, opacity=1
    ).encode(x="before:Q", y=y)


def _row(base: Any, y: Any, tooltip: Any) -> Any:
    """The whole row can be clicked, however short its bar: unseen, and above everything."""
    return picked(
        base.mark_rect(opacity=0, cursor="pointer").encode(
            x=alt.value(0), x2=alt.value("width"), y=y, tooltip=tooltip
        )
    )


def _names(names: Sequence[str]) -> Any:
    return alt.Y(
        "name:N",
        title=None,
        sort=None,
        scale=alt.Scale(type="band", domain=list(names)),
        axis=alt.Axis(labelLimit=170, ticks=False, domain=False),
    )


def _compared(layers: Sequence[Any]) -> Any:
    return (
        alt.layer(*layers)
        .properties(height=alt.Step(_STEP), padding=PADDING)
        .configure_view(stroke=None)
        .configure_axis(labelColor=INK, titleColor=INK)
    )
