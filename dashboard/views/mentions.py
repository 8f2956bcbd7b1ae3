"""The mentions behind a figure: what the address asks for, as posts, with their originals and cases."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from babel.dates import get_day_names

from dashboard import data, pages
from dashboard.marking import excerpt, marks_of, safe
from dashboard.pages import Page, html, literal
from listener import selection as selections
from listener import spreadsheet
from listener.errors import BadSelection, NotAllowed
from listener.selection import Selection
from listener.storage.posts import Post

_SIZE = 20
_EXPORTED = 5000
_POSITION = "mentions_position"


def show(page: Page) -> None:
    _ = page.gettext
    st.page_link(page.pages["trends"], label=_("Trends"), icon=":material/arrow_back:")
    # The tooltip of a mark that was clicked outlives its chart.
    html("<style>#vg-tooltip-element { display: none; }</style>")
    st.html('<script src="/assets/top.js"></script>', unsafe_allow_javascript=True)
    st.title(_("Mentions"))
    try:
        asked = selections.from_parameters(
            st.query_params.get_all, page.now.astimezone(page.zone).date()
        )
        html(f'<div class="ls-badges">{_asked(page, asked)}</div>')
        position = _position(asked)
        found, total = data.desk().mentions.search(
            page.user, asked, page.zone, limit=_SIZE, offset=position
        )
    except BadSelection as error:
        st.error(literal(page.told(error)))
        return
    except NotAllowed:
        st.info(
            _(
                "Which posts follow a campaign is shown to community managers only: it says who their authors are."
            )
        )
        return
    if not total:
        html(f'<div class="ls-empty"><p>{safe(_("No post fits these filters."))}</p></div>')
        return
    said = _(
        "Posts: {count}, the newest first. Copies and reposts are not counted, a post about two brands counts for each.",
        count=page.speech.number(total),
    )
    html(f'<p class="ls-meta">{safe(said)}</p>')
    for post in found:
        _post(page, post)
    pages.paging(page, _POSITION, position, _SIZE, total)
    _download(page, asked, total)


def _position(asked: Selection) -> int:
    """Where this list was left; another list begins at its beginning."""
    if st.session_state.get("mentions_asked") != asked.to_query():
        st.session_state["mentions_asked"] = asked.to_query()
        st.session_state[_POSITION] = 0
    return int(st.session_state.get(_POSITION, 0))


def _asked(page: Page, asked: Selection) -> str:
    """The filters as badges, as HTML."""
    _ = page.gettext
    speech = page.speech
    days = speech.day(asked.first)
    if asked.last != asked.first:
        days = _("{first} to {last}", first=days, last=speech.day(asked.last))
    parts = [days]
    for kind, values in (
        ("brand", asked.brands),
        ("source", asked.sources),
        ("lang", asked.langs),
        ("country", asked.countries),
        ("category", asked.categories),
        ("sentiment", asked.sentiments),
    ):
        parts += [speech.named(kind, value) for value in values]
    for name, said in (("complaint", asked.complaint), ("harassment", asked.harassment)):
        if said is not None:
            parts.append(f"{page.label('question', name)}: {page.label('value', said)}")
    if asked.weekday is not None:
        parts.append(str(get_day_names("wide", locale=page.language)[asked.weekday]))
    if asked.hour is not None:
        parts.append(f"{asked.hour}:00-{asked.hour + 1}:00")
    if asked.number:
        parts.append(_("number {number}", number=asked.number))
    if asked.campaign is not None:
        parts.append(_("campaign {name}", name=asked.campaign or _("(no campaign)")))
    if asked.answered is not None:
        parts.append(
            _("cases of these days: {outcome}", outcome=page.label("outcome", asked.answered))
        )
    if not asked.invented:
        parts.append(_("without invented posts"))
    return "".join(page.badge(part) for part in parts)


def _post(page: Page, post: Post) -> None:
    said = post.reading
    marks = marks_of(said.facts, said.evidence)
    badges = [page.badge(page.label("sentiment", said.sentiment))]
    if said.complaint:
        kind = "ls-bad" if said.harassment else ""
        badges.append(page.badge(page.label("category", said.category), kind))
    badges.append(page.invented(post.invented))
    with st.container(border=True):
        text, link = st.columns([6, 1], vertical_alignment="center")
        with text:
            html(
                f'<div class="ls-row"><div class="ls-badges">{"".join(badges)}</div>'
                f'<p class="ls-text">{excerpt(post.text, marks, page.marks())}</p>'
                f'<p class="ls-meta">{pages.byline(page, post)}</p></div>'
            )
        if post.case_id is not None:
            pages.case_link(page, post.case_id, link)


def _download(page: Page, asked: Selection, total: int) -> None:
    _ = page.gettext
    user, zone = page.user, page.zone

    def export() -> bytes:
        found, _total = data.desk().mentions.search(user, asked, zone, limit=_EXPORTED)
        return to_csv(found)

    if total > _EXPORTED:
        st.caption(_("The CSV has the newest {count}.", count=page.speech.number(_EXPORTED)))
    st.download_button(
        _("Download as CSV"),
        export,
        file_name=f"listener-mentions-{asked.first.isoformat()}-{asked.last.isoformat()}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def to_csv(found: Sequence[Post]) -> bytes:
    header = (
        *("published_at", "brand", "source", "site", "author", "lang", "sentiment", "complaint"),
        *("harassment", "category", "text", "url", "case"),
    )
    rows = [
        (
            p.published_at.isoformat(),
            p.brand,
            p.source,
            p.site,
            p.author,
            p.reading.lang,
            p.reading.sentiment,
            int(p.reading.complaint),
            int(p.reading.harassment),
            p.reading.category or "",
            p.text,
            p.url,
            p.case_id or "",
        )
        for p in found
    ]
    return spreadsheet.to_csv(header, rows)
