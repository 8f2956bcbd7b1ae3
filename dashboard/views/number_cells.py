"""What the pages about numbers share: the cells of their tables, and the registry's lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from urllib.parse import quote

from babel.dates import format_date

from dashboard.marking import isolated, safe, table
from dashboard.pages import Page, html
from listener import i18n
from listener.domain import NumberKind
from listener.dossiers import Line
from listener.number_registry import Listed

_KINDS = {
    NumberKind.UNKNOWN: "ls-bad",
    NumberKind.IMPOSTOR: "ls-bad",
    NumberKind.RETIRED: "ls-wait",
}


def kind_badge(page: Page, kind: NumberKind) -> str:
    return page.badge(page.label("number_kind", kind.value), _KINDS.get(kind, ""))


def link(number: str) -> str:
    target = safe(f"/numbers?number={quote(number, safe='')}")
    return f'<a href="{target}" target="_self">{isolated(number)}</a> '


def figure(page: Page, value: int) -> str:
    return safe(i18n.number(value, page.language))


def and_more(page: Page, count: int) -> None:
    if count > 0:
        html(f'<p class="ls-meta">{safe(page.gettext("and {count} more", count=count))}</p>')


def registry_table(
    page: Page,
    lines: Iterable[Listed],
    caption: str,
    counts: Mapping[tuple[str, str], Line] | None = None,
) -> str:
    _ = page.gettext
    header = [
        _("Number"),
        _("Kind"),
        _("Owner"),
        _("First day"),
        _("Last day"),
        _("Where it stands"),
    ]
    if counts is not None:
        header.append(_("Complaints"))
    rows = []
    for line in lines:
        entry = line.entry
        last = entry.valid_to - timedelta(days=1) if entry.valid_to else None
        cells = [
            link(entry.number) + page.invented(line.invented),
            kind_badge(page, entry.kind),
            isolated(" · ".join(filter(None, (entry.owner, entry.campaign))) or "-"),
            safe(_date(page, entry.valid_from.date() if entry.valid_from else None)),
            safe(_date(page, last.date() if last else None)),
            safe(_("imported") if line.imported else "brands.toml"),
        ]
        if counts is not None:
            found = counts.get((entry.brand, entry.number))
            cells.append(figure(page, found.reported.complaints if found else 0))
        rows.append(cells)
    return table(header, rows, caption=caption, first=True)


def _date(page: Page, day: date | None) -> str:
    return format_date(day, "d MMM y", locale=page.language) if day else "-"
