"""Numbers that call: those that people report, the registry, and the dossier of one number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from urllib.parse import quote

import streamlit as st
from babel import Locale
from babel.dates import format_date, get_day_names

from dashboard import data, pages
from dashboard.marking import excerpt, isolated, marks_of, safe, table
from dashboard.pages import Page, html, literal
from listener import charts, charts_numbers, dossiers, i18n
from listener.domain import NumberKind, Reason
from listener.dossiers import Dossier, Line, Listed, Standing
from listener.errors import NotAllowed
from listener.storage.numbers import TEXTS_READ, Post

_DAYS = 30
_PERIODS = (30, 90, 365)
_SIZE = 25
_POSTS = 10
_FEW = 30  # complaints below which a share says little
_TOP = 12
_ENTRIES = 200  # of the registry, a brand
_KINDS = {
    NumberKind.UNKNOWN: "ls-bad",
    NumberKind.IMPOSTOR: "ls-bad",
    NumberKind.RETIRED: "ls-wait",
}


def show(page: Page) -> None:
    asked = st.query_params.get("number", "")[:60]
    if asked.strip():
        # A plus that nobody wrote as %2B arrives as a blank.
        _dossier(page, f"+{asked.strip()}" if asked.startswith(" ") else asked)
    else:
        _list(page)


# ---------------------------------------------------------------------------- the list


def _list(page: Page) -> None:
    _ = page.gettext
    st.title(_("Numbers that call"))
    find, only, invented_at = st.columns([3, 2, 2], vertical_alignment="bottom")
    find.text_input(_("Look up a number"), key="numbers_find", on_change=_find, max_chars=40)
    strange = only.toggle(_("Unknown numbers only"), key="numbers_strange")
    with invented_at:
        invented = _invented(page)
    lines, registry = data.desk().numbers.reported(page.user, days=_DAYS, invented=invented)
    shown = [line for line in lines if line.standing.unknown or not strange]
    if shown:
        position = min(st.session_state.get("numbers_offset", 0), len(shown) - 1) // _SIZE * _SIZE
        _reported(page, shown[position : position + _SIZE])
        pages.paging(page, "numbers_offset", position, _SIZE, len(shown))
    else:
        said = _("Nobody complained of a number in the last {days} days.", days=_DAYS)
        if lines:
            said = _("No unknown number was reported in the last {days} days.", days=_DAYS)
        html(f'<div class="ls-empty"><p>{safe(said)}</p></div>')
    st.header(_("The registry of numbers"))
    counts = {(line.reported.brand, line.reported.number): line for line in lines}
    _registry(page, registry, counts)


def _find() -> None:
    written = str(st.session_state.get("numbers_find", "")).strip()
    if written:
        st.query_params["number"] = written
    st.session_state["numbers_find"] = ""


def _invented(page: Page) -> bool:
    """Whether invented posts and contacts count; asked only where there are some."""
    counts = data.counts()
    return bool(counts["invented_mentions"]) and st.toggle(
        page.gettext("Count invented posts, too"),
        value=counts["invented_mentions"] == counts["mentions"],
        key="numbers_invented",
    )


def _reported(page: Page, lines: Sequence[Line]) -> None:
    _ = page.gettext
    header = (
        _("Number"),
        _("Kind"),
        _("Brand"),
        _("Complaints"),
        _("People"),
        _("Before"),
        _("Newest"),
    )
    rows = []
    for line in lines:
        row = line.reported
        entry = line.standing.entry
        why = entry.owner if entry else "; ".join(page.explain(r) for r in line.standing.reasons)
        rows.append(
            (
                _link(row.number) + page.invented(row.invented == row.complaints),
                f"{_kind(page, line.standing.kind)}<br><small>{isolated(why)}</small>",
                safe(page.brand(row.brand)),
                _figure(page, row.complaints),
                _figure(page, row.people),
                _figure(page, row.before),
                safe(page.when(row.last_at)),
            )
        )
    html(table(header, rows, caption=_("Reported numbers, most complaints first"), first=True))
    how = _(
        "Complaints of harassment in the last {days} days that name the number, and in the {days} days before; copies and reposts are not counted. People are authors: who writes often is one. The kind is that of the day of the newest complaint.",
        days=_DAYS,
    )
    html(f'<p class="ls-how">{safe(how)}</p>')


def _link(number: str) -> str:
    target = safe(f"/numbers?number={quote(number, safe='')}")
    return f'<a href="{target}" target="_self">{isolated(number)}</a> '


def _kind(page: Page, kind: NumberKind) -> str:
    return page.badge(page.label("number_kind", kind.value), _KINDS.get(kind, ""))


def _registry(
    page: Page, registry: Sequence[Listed], counts: Mapping[tuple[str, str], Line]
) -> None:
    _ = page.gettext
    if not registry:
        said = _(
            "No number is registered. Numbers stand in config/brands.toml, or are imported with `listener crm import --numbers`."
        )
        html(f'<p class="ls-meta">{safe(said)}</p>')
        return
    by_brand: dict[str, list[Listed]] = {}
    for line in registry:
        by_brand.setdefault(line.entry.brand, []).append(line)
    for brand, theirs in by_brand.items():
        html(_entries(page, theirs[:_ENTRIES], page.brand(brand), counts))
        _rest(page, len(theirs) - _ENTRIES)


def _rest(page: Page, count: int) -> None:
    if count > 0:
        html(f'<p class="ls-meta">{safe(page.gettext("and {count} more", count=count))}</p>')


def _figure(page: Page, value: int) -> str:
    return safe(i18n.number(value, page.language))


def _entries(
    page: Page,
    entries: Iterable[Listed],
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
    for line in entries:
        entry = line.entry
        last = entry.valid_to - timedelta(days=1) if entry.valid_to else None
        cells = [
            _link(entry.number) + page.invented(line.invented),
            _kind(page, entry.kind),
            isolated(entry.owner or "-"),
            safe(_date(page, entry.valid_from.date() if entry.valid_from else None)),
            safe(_date(page, last.date() if last else None)),
            safe(_("imported") if line.imported else "brands.toml"),
        ]
        if counts is not None:
            found = counts.get((entry.brand, entry.number))
            cells.append(_figure(page, found.reported.complaints if found else 0))
        rows.append(cells)
    return table(header, rows, caption=caption, first=True)


def _date(page: Page, day: date | None) -> str:
    return format_date(day, "d MMM y", locale=page.language) if day else "-"


# ---------------------------------------------------------------------------- one number


def _dossier(page: Page, asked: str) -> None:
    _ = page.gettext
    st.page_link(page.pages["numbers"], label=_("All numbers"), icon=":material/arrow_back:")
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        length = st.segmented_control(
            _("Period"),
            _PERIODS,
            default=90,
            required=True,
            format_func=lambda n: _("{count} days", count=n),
            key="number_period",
        )
    with right:
        invented = _invented(page)
    last = page.now.astimezone(page.zone).date()
    first = last - timedelta(days=int(length or 90) - 1)
    try:
        found = data.dossier(page.user, asked, first, last, invented)
    except NotAllowed:
        st.title(literal(asked))
        st.info(
            _("No complaint that you may see names this number, and no registry of your brands.")
        )
        return
    st.title(literal(found.number))
    _head(page, found)
    _totals(page, found)
    _claims(page, found)
    left, right = st.columns(2, gap="large")
    with left:
        _ask(page, found)
    with right:
        _offers(page, found)
    _when(page, found, first, last)
    _where(page, found)
    _posts(page, found, asked, first, last, invented)


def _head(page: Page, found: Dossier) -> None:
    _ = page.gettext
    badges = [_kind(page, found.standing.kind)]
    badges += [page.badge(page.brand(key)) for key in found.brands]
    badges.append(page.invented(bool(found.complaints) and found.invented == found.complaints))
    if found.last_at is not None:
        said = _("On the day of the newest complaint, {moment}:", moment=page.when(found.last_at))
    else:
        said = _("Today:")
    lines = f'<p class="ls-meta">{safe(said)}</p>{_reasons(page, found.standing.reasons)}'
    if found.last_at is not None and found.today.kind is not found.standing.kind:
        lines += f'<p class="ls-meta">{safe(_("Today:"))}</p>{_reasons(page, found.today.reasons)}'
    html(f'<div class="ls-badges">{"".join(badges)}</div>{lines}')
    if found.listed:
        html(_entries(page, found.listed, _("What the registry says of it")))


def _reasons(page: Page, reasons: Iterable[Reason]) -> str:
    items = "".join(f"<li>{isolated(page.explain(r))}</li>" for r in reasons)
    return f'<ul class="ls-reasons">{items}</ul>'


def _totals(page: Page, found: Dossier) -> None:
    _ = page.gettext
    figures = (
        (_("Complaints"), found.complaints),
        (_("People"), found.people),
        (_("Copies and reposts"), found.copies),
        (_("Contacts in the log"), sum(u.contacts for u in found.uses)),
    )
    for column, (name, value) in zip(st.columns(4), figures, strict=True):
        column.metric(name, i18n.number(value, page.language))
    said = [
        _(
            "Posts of this period that were read as harassment and name the number; people are authors."
        ),
        _("Contacts of the imported log from this number, to anybody, in the same period."),
    ]
    if 0 < found.complaints < _FEW:
        said.append(_("Few complaints: shares of fewer than {count} say little.", count=_FEW))
    html(f'<p class="ls-how">{safe(" ".join(said))}</p>')


def _claims(page: Page, found: Dossier) -> None:
    _ = page.gettext
    st.header(_("What people claim, and what the log holds"))
    if not found.claims.told:
        html(f'<p class="ls-meta">{safe(_("No complaint says how many contacts there were."))}</p>')
        return
    rows = [(safe(a), f"<b>{b}</b>", safe(c)) for a, b, c in _claimed(page, found)]
    html(table((), rows, first=True))
    how = _(
        "One person's claims about the same time count once, the largest; a post that names several numbers counts for each. What people claim is no measurement, and a log may lack calls."
    )
    html(f'<p class="ls-how">{safe(how)}</p>')


def _claimed(page: Page, found: Dossier) -> Iterator[tuple[str, str, str]]:
    """(what, how many, how it was counted)."""
    _ = page.gettext
    claims, same = found.claims, found.compared
    yield (
        _("Claimed in all"),
        _figure(page, claims.contacts),
        _(
            "{told} of {all} complaints say how many; people: {people}",
            told=claims.told,
            all=found.complaints,
            people=claims.people,
        ),
    )
    if claims.start and claims.end:
        span = {"first": page.when(claims.start), "last": page.when(claims.end)}
        yield (
            _("Claimed with the time they took"),
            _figure(page, claims.dated),
            _("people: {people}; from {first} to {last}", people=claims.dated_people, **span),
        )
        yield (
            _("In the log in that time"),
            _figure(page, found.logged),
            _("every contact from the number, to these people and to all others"),
        )
    if same is not None:
        both = {"claimed": _figure(page, same.claimed), "logged": _figure(page, same.logged)}
        yield (
            _("Of the people whom the CRM knows"),
            _("claimed: {claimed}; in the log: {logged}", **both),
            _(
                "customers: {count}; contacts from the number in the very time that each claims",
                count=same.customers,
            ),
        )


def _ask(page: Page, found: Dossier) -> None:
    _ = page.gettext
    st.header(_("Whom to ask"))
    html(_reasons(page, found.ask))
    if not found.uses:
        return
    total = sum(u.contacts for u in found.uses)
    rows = [
        (
            isolated(u.campaign or "-"),
            isolated(u.centre or "-"),
            safe(page.label("purpose", dossiers.purpose(u.campaign).value)) if u.campaign else "-",
            safe(
                f"{i18n.number(u.contacts, page.language)} ({i18n.percent(u.contacts / total, page.language)})"
            ),
        )
        for u in found.uses[:_TOP]
    ]
    header = (_("Campaign"), _("Centre"), _("Purpose"), _("Contacts"))
    html(table(header, rows, caption=_("Who used it, by the log of this period")))
    _rest(page, len(found.uses) - _TOP)


def _offers(page: Page, found: Dossier) -> None:
    _ = page.gettext
    st.header(_("What is being sold"))
    told = [o for o in found.offers if o.words]
    if not told:
        html(f'<p class="ls-meta">{safe(_("No word is used by several people."))}</p>')
    for offer in told:
        words = ", ".join(f"{isolated(word)} ({count})" for word, count in offer.words)
        name = safe(page.language_name(offer.lang))
        of = safe(_("people: {count}", count=offer.people))
        html(f'<p><b>{name}</b> <span class="ls-meta">({of})</span><br>{words}</p>')
    how = _(
        "The commonest words of the newest {count} complaints, with how many people use each; everyday words, words about calls and the brand's name are left out. They hint at an offer and prove none.",
        count=min(found.complaints, TEXTS_READ),
    )
    html(f'<p class="ls-how">{safe(how)}</p>')


# ---------------------------------------------------------------------------- when and where


def _when(page: Page, found: Dossier, first: date, last: date) -> None:
    _ = page.gettext
    st.header(_("When people complain"))
    if not found.complaints:
        st.caption(_("None in this period."))
        return
    words = charts.Words(
        page.language, _("Day"), _("Complaints"), _("nothing was collected"), page.label
    )
    rows = [
        (day, _("Complaints"), found.by_day.get(day, 0))
        for day in charts.days(first, last)
        if day not in found.gaps or day in found.by_day
    ]
    st.altair_chart(charts.stacked(rows, first, last, found.gaps, words), width="stretch")
    names = get_day_names("abbreviated", locale=page.language)
    left, right = st.columns(2, gap="large")
    for place, slot, shares, labels in (
        (left, _("Weekday"), found.by_weekday, [names[n] for n in range(7)]),
        (right, _("Hour"), found.by_hour, [str(n) for n in range(24)]),
    ):
        chart_words = charts_numbers.Words(
            slot, _("Complaints"), _("at least (95 %)"), _("at most (95 %)"), _("if all were alike")
        )
        place.altair_chart(charts_numbers.spread(shares, labels, chart_words), width="stretch")
    how = _(
        "When people wrote, which is not when the phone rang; days and hours are those of {zone}. The thin lines are 95 % intervals (Wilson): where one crosses the dashed line, chance alone can explain the bar.",
        zone=page.user.time_zone,
    )
    html(f'<p class="ls-how">{safe(how)}</p>')


def _where(page: Page, found: Dossier) -> None:
    _ = page.gettext
    st.header(_("Where"))
    one, two, three = st.columns(3, gap="large")
    with one:
        if found.country:
            said = _(
                "By its digits the number is of: {country}.", country=_country(page, found.country)
            )
        else:
            said = _("A short code: it is of the country in which it is dialled.")
        html(f"<p>{safe(said)}</p>")
        if found.customers is None:
            html(
                f'<p class="ls-meta">{safe(_("Who the authors are is shown to community managers only."))}</p>'
            )
        elif not found.customers:
            html(f'<p class="ls-meta">{safe(_("No customer is confirmed."))}</p>')
        else:
            rows = _counted(page, {_country(page, c): n for c, n in found.customers.items()})
            html(
                table((_("Country"), _("Customers")), rows, caption=_("Authors whom the CRM knows"))
            )
    with two:
        places = {site or page.label("source", source): 0 for source, site in found.sources}
        for (source, site), count in found.sources.items():
            places[site or page.label("source", source)] += count
        html(table((_("Source"), _("Complaints")), _counted(page, places)))
    with three:
        langs = {page.language_name(lang): n for lang, n in found.languages.items()}
        html(table((_("Language"), _("Complaints")), _counted(page, langs)))


def _counted(page: Page, counts: Mapping[str, int]) -> list[tuple[str, str]]:
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(isolated(name), _figure(page, n)) for name, n in most[:_TOP]]


def _country(page: Page, code: str | None) -> str:
    if not code:
        return page.gettext("not known")
    return str(Locale.parse(page.language).territories.get(code, code))


# ---------------------------------------------------------------------------- the posts


def _posts(page: Page, found: Dossier, asked: str, first: date, last: date, invented: bool) -> None:
    _ = page.gettext
    st.header(_("The complaints, the newest first"))
    key = f"number_posts_{found.number}"
    position = min(st.session_state.get(key, 0), max(0, found.complaints - 1)) // _POSTS * _POSTS
    told = data.desk().numbers.posts(
        page.user,
        asked,
        first=first,
        last=last,
        zone=page.zone,
        invented=invented,
        limit=_POSTS,
        offset=position,
    )
    if not told:
        st.caption(_("None in this period."))
    for post, kind in told:
        _post(page, post, kind)
    pages.paging(page, key, position, _POSTS, found.complaints)


def _post(page: Page, post: Post, kind: Standing) -> None:
    _ = page.gettext
    marks = marks_of(post.reading.facts, post.reading.evidence)
    with st.container(border=True):
        text, link = st.columns([6, 1], vertical_alignment="center")
        with text:
            html(
                f'<div class="ls-row"><div class="ls-badges">{_kind(page, kind.kind)}'
                f"{page.invented(post.invented)}</div>"
                f'<p class="ls-text">{excerpt(post.text, marks, page.marks())}</p>'
                f'<p class="ls-meta">{pages.byline(page, post)}</p></div>'
            )
        if post.case_id is not None:
            pages.case_link(page, post.case_id, link)
