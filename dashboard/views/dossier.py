"""The dossier of one number: what people say of it, what the registry and the log hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

import streamlit as st
from babel import Locale
from babel.dates import get_day_names

from dashboard import data, pages
from dashboard.marking import excerpt, isolated, marks_of, safe, table
from dashboard.pages import Page, html, literal
from dashboard.views.number_cells import and_more, figure, kind_badge, registry_table
from listener import charts, charts_numbers, dossiers, i18n
from listener.domain import Reason
from listener.dossiers import Dossier
from listener.errors import NotAllowed
from listener.number_registry import Standing
from listener.storage.number_rows import TEXTS_READ
from listener.storage.posts import Post

_PERIODS = (30, 90, 365)
_POSTS = 10
_FEW = 30  # complaints below which a share says little
_TOP = 12


def show(page: Page, asked: str) -> None:
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
        invented = pages.count_invented(page, "numbers_invented")
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
    badges = [kind_badge(page, found.standing.kind)]
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
        html(registry_table(page, found.listed, _("What the registry says of it")))


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
        figure(page, claims.contacts),
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
            figure(page, claims.dated),
            _("people: {people}; from {first} to {last}", people=claims.dated_people, **span),
        )
        yield (
            _("In the log in that time"),
            figure(page, found.logged),
            _("every contact from the number, to these people and to all others"),
        )
    if same is not None:
        both = {"claimed": figure(page, same.claimed), "logged": figure(page, same.logged)}
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
    and_more(page, len(found.uses) - _TOP)


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
    return [(isolated(name), figure(page, n)) for name, n in most[:_TOP]]


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
                f'<div class="ls-row"><div class="ls-badges">{kind_badge(page, kind.kind)}'
                f"{page.invented(post.invented)}</div>"
                f'<p class="ls-text">{excerpt(post.text, marks, page.marks())}</p>'
                f'<p class="ls-meta">{pages.byline(page, post)}</p></div>'
            )
        if post.case_id is not None:
            pages.case_link(page, post.case_id, link)
