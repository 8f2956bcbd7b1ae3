"""Charts of a number's dossier: pure functions from counts to Altair charts, as in charts.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from listener.charts import PALETTE
from listener.dossiers import Share

_INK = "#43515d"
_HEIGHT = 200
_PADDING = {"left": 5, "top": 5, "right": 12, "bottom": 5}


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a chart, in a person's language."""

    slot: str  # "Hour", "Weekday"
    complaints: str
    low: str
    high: str
    even: str  # what the dashed line is


def spread(shares: Sequence[Share], labels: Sequence[str], words: Words) -> Any:
    """Bars by slot, each with the interval in which its count lies with 95 %; the dashed line is
    what each slot would have if all were alike."""
    even = sum(s.count for s in shares) / max(1, len(shares))
    rows = [
        {"slot": label, "count": s.count, "low": round(s.low, 2), "high": round(s.high, 2)}
        for label, s in zip(labels, shares, strict=True)
    ]
    x = alt.X(
        "slot:O",
        title=words.slot,
        sort=None,
        scale=alt.Scale(domain=list(labels)),
        axis=alt.Axis(labelAngle=0, labelOverlap="greedy", ticks=False, domainColor="#9aa5b1"),
    )
    axis = alt.Axis(tickMinStep=1, format="d", gridColor="#e4e7eb", domain=False, ticks=False)
    tooltip = [
        alt.Tooltip("slot:O", title=words.slot),
        alt.Tooltip("count:Q", title=words.complaints),
        alt.Tooltip("low:Q", title=words.low, format=".1f"),
        alt.Tooltip("high:Q", title=words.high, format=".1f"),
    ]
    base = alt.Chart(alt.Data(values=rows))  # type: ignore[no-untyped-call]
    bars = base.mark_bar(color=PALETTE[0], opacity=0.85).encode(
        x=x, y=alt.Y("count:Q", title=words.complaints, axis=axis), tooltip=tooltip
    )
    intervals = base.mark_rule(color=_INK, strokeWidth=1.5).encode(
        x=x, y="low:Q", y2="high:Q", tooltip=tooltip
    )
    level = alt.Data(values=[{"even": even, "what": words.even}])  # type: ignore[no-untyped-call]
    line = (
        alt.Chart(level)
        .mark_rule(color=PALETTE[1], strokeDash=[5, 4])
        .encode(
            y="even:Q",
            tooltip=[
                alt.Tooltip("what:N", title=" "),
                alt.Tooltip("even:Q", title=words.complaints, format=".1f"),
            ],
        )
    )
    return (
        alt.layer(bars, intervals, line)
        .properties(height=_HEIGHT, padding=_PADDING)
        .configure_view(stroke=None)
        .configure_axis(labelColor=_INK, titleColor=_INK)
    )
