"""A chart as a file or inside one: PNG, SVG, PDF, and its figures as CSV. Works without a network:
fonts, map data and the like are in the renderer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import vl_convert

from listener import spreadsheet

_VEGA_LITE = "6.4"
WIDTH = 680


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart with its words: what it is called, how it was counted, its figures as a table (the
    text alternative, and the CSV) with the query of the mentions behind each row, empty where there
    is none. `spec` is the chart as Vega-Lite."""

    key: str
    title: str
    how: str
    spec: Mapping[str, Any]
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    links: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def empty(self) -> bool:
        return not self.rows


def to_csv(drawn: Drawn) -> bytes:
    return spreadsheet.to_csv(drawn.columns, drawn.rows)


def spec(chart: Any, description: str) -> Mapping[str, Any]:
    """An Altair chart as Vega-Lite. Not checked against the schema again, which takes most of the
    time: the tests draw every chart."""
    found: dict[str, Any] = chart.properties(description=description).to_dict(validate=False)
    return found


def png(drawn: Drawn, *, scale: float = 2.0, width: int = WIDTH) -> bytes:
    return bytes(
        vl_convert.vegalite_to_png(_sized(drawn, width), vl_version=_VEGA_LITE, scale=scale)
    )


def svg(drawn: Drawn, *, width: int = WIDTH) -> str:
    return str(vl_convert.vegalite_to_svg(_sized(drawn, width), vl_version=_VEGA_LITE))


def pdf(drawn: Drawn, *, width: int = WIDTH) -> bytes:
    return bytes(vl_convert.vegalite_to_pdf(_sized(drawn, width), vl_version=_VEGA_LITE))


def _sized(drawn: Drawn, width: int) -> dict[str, Any]:
    """Of a fixed width: on a page a chart takes the room it gets."""
    return {**drawn.spec, "width": width}


def table(drawn: Drawn, limit: int) -> tuple[Sequence[tuple[object, ...]], int]:
    """(the first rows, how many more there are)."""
    return drawn.rows[:limit], max(0, len(drawn.rows) - limit)
