"""What every page needs: who looks, in which words and zone; actions that tell how they ended;
and the pieces of HTML that several pages share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st
import structlog

from dashboard import data
from dashboard.marking import KINDS, isolated, plain, safe, safe_url
from listener import i18n
from listener.accounts import utc_now
from listener.desk.rights import is_administrator
from listener.domain import Reason
from listener.errors import ListenerError, NotAllowed, StaleSettings, StaleWrite
from listener.speech import Speech
from listener.storage.people import User
from listener.storage.posts import Post
from listener.storage.review import Doubt

_FLASH = "flash"
_FLASH_LASTS = timedelta(seconds=4)
log = structlog.get_logger()


@dataclass(frozen=True)
class Page:
    """One run of one page for one person."""

    user: User
    now: datetime
    pages: Mapping[str, Any]  # Streamlit's pages by their path, for links between them

    @property
    def language(self) -> str:
        return self.user.language

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.user.time_zone)

    @property
    def speech(self) -> Speech:
        """The same words for what is drawn without a page."""
        return Speech(
            self.language,
            self.user.time_zone,
            {b.key: b.name for b in data.settings().brands},
        )

    def gettext(self, message: str, **values: object) -> str:
        return i18n.text(message, self.language, values or None)

    def label(self, kind: str, value: object) -> str:
        return i18n.label(kind, value, self.language)

    def when(self, moment: datetime | None) -> str:
        return i18n.when(moment, self.language, self.zone) if moment else "-"

    def span(self, length: timedelta) -> str:
        return i18n.span(length, self.language)

    def told(self, error: ListenerError) -> str:
        return told(error, self.language, self.zone)

    def retold(self, text: str | None) -> str:
        return i18n.retold(text or "", self.language)

    def explain(self, reason: Reason) -> str:
        return i18n.explain(reason, self.language, self.zone)

    def language_name(self, code: str) -> str:
        return i18n.language_name(code, self.language)

    def brand(self, key: str) -> str:
        brand = data.settings().brand(key)
        return brand.name if brand else key

    def marks(self) -> dict[str, str]:
        return {kind: self.label("mark", kind) for kind in KINDS}

    def due(self, moment: datetime, *, closed: bool = False) -> str:
        """The due time in words, as HTML; overdue is said, not only coloured."""
        if closed:
            return safe(self.when(moment))
        left = self.span(moment - self.now)
        if moment < self.now:
            said = self.gettext("overdue by {time}", time=left)
            return f'<span class="ls-overdue">{safe(said)}</span>'
        said = self.gettext("due in {time}", time=left)
        soon = (moment - self.now).total_seconds() < 3600
        return f'<span class="ls-soon">{safe(said)}</span>' if soon else safe(said)

    def badge(self, words: str, kind: str = "") -> str:
        return f'<span class="ls-badge {kind}">{isolated(words)}</span>'

    def invented(self, shown: bool) -> str:
        return self.badge(self.gettext("invented"), "ls-invented") if shown else ""

    def level(self, level: str) -> str:
        return self.badge(self.label("level", level), f"ls-{level}")

    def owner(self, username: str | None) -> str:
        if username == self.user.username:
            return self.gettext("me")
        return username or self.gettext("nobody yet")


def html(body: str) -> None:
    st.html(body)


def original(page: Page, url: str) -> str:
    """A link to where something was said, as HTML; nothing where the address is none to follow."""
    if not (sound := safe_url(url)):
        return ""
    words = safe(page.gettext("Open the original"))
    return f'<a href="{sound}" target="_blank" rel="noopener noreferrer">{words}</a>'


def byline(page: Page, said: Doubt | Post) -> str:
    """Of which brand, in which language, where, by whom and when something was said, as HTML."""
    _ = page.gettext
    parts = [
        f"<b>{safe(page.brand(said.brand))}</b>",
        safe(page.language_name(said.reading.lang)),
        isolated(said.site or page.label("source", said.source)),
        isolated(said.author) if said.author else safe(_("an unknown author")),
        safe(page.when(said.published_at)),
        original(page, said.url),
    ]
    return " · ".join(part for part in parts if part)


def case_link(page: Page, case_id: int, where: Any = st) -> None:
    where.page_link(
        page.pages["case"],
        label=page.gettext("Case {id}", id=case_id),
        icon=":material/arrow_forward:",
        query_params={"id": str(case_id)},
    )


def empty(*lines: str) -> None:
    """An empty page says why."""
    html('<div class="ls-empty">' + "".join(f"<p>{safe(line)}</p>" for line in lines) + "</div>")


def first_steps(page: Page) -> None:
    """With nothing collected at all: where to begin."""
    _ = page.gettext
    if data.has_mentions():
        return
    empty(
        _("Nothing has been collected yet."),
        _(
            "Connect a source in config/sources.toml, import a file with `listener import`, or "
            "load the invented sample for a first look."
        ),
    )
    left, middle, right = st.columns(3)
    left.page_link(
        page.pages["sources"], label=_("Look at the sources"), icon=":material/rss_feed:"
    )
    if is_administrator(page.user):
        middle.button(
            _("Load the invented sample"),
            type="primary",
            key="load_sample",
            on_click=act,
            args=(
                _("The invented sample is loaded; its posts are read next."),
                lambda user: data.desk().setup.load_sample(user),
            ),
        )
    else:
        middle.caption(_("An administrator loads it."))
    right.page_link(page.pages["settings"], label=_("Settings"), icon=":material/settings:")


def count_invented(page: Page, key: str, where: Any = st) -> bool:
    """Whether what is invented counts; asked only where there is some. Where there is nothing else,
    it does until somebody says no."""
    some, every = data.desk().figures.invented()
    return some and bool(
        where.toggle(
            page.gettext("Count what is invented, too"),
            value=every,
            key=key,
            persist_state="session",
        )
    )


def arrive(path: str) -> None:
    """Which page is run, and whether another was before."""
    st.session_state["arrived"] = st.session_state.get("page") != path
    st.session_state["page"] = path


def arrived() -> bool:
    """Whether the person has just come from another page."""
    return bool(st.session_state.get("arrived", True))


def query_number(name: str) -> int | None:
    """A number of the address, None where there is none that could be an id."""
    value = st.query_params.get(name, "")
    return int(value) if value.isdecimal() and value.isascii() and len(value) < 16 else None


def paging(page: Page, key: str, position: int, size: int, total: int) -> None:
    """Back and forth in a list of `total`, of which `size` are shown from `position` on; `key` is
    where the session keeps the position."""
    _ = page.gettext
    if total <= size:
        return

    def move(offset: int) -> None:
        st.session_state[key] = offset

    left, middle, right = st.columns([1, 2, 1], vertical_alignment="center")
    left.button(
        _("Previous"), disabled=position == 0, on_click=move, args=(max(0, position - size),)
    )
    shown = _(
        "{first} to {last} of {total}",
        first=position + 1,
        last=min(position + size, total),
        total=total,
    )
    middle.html(f'<p class="ls-meta" style="text-align:center">{safe(shown)}</p>')
    right.button(
        _("Next"), disabled=position + size >= total, on_click=move, args=(position + size,)
    )


# ---------------------------------------------------------------------------- actions


def act(done: str, work: Callable[..., object], *arguments: object, **named: object) -> None:
    """Run what a click asks for, as the person who sits there now, and keep how it ended for the
    top of the page. Called before the page is drawn again."""
    was_done(done, work, *arguments, **named)


def was_done(done: str, work: Callable[..., object], *arguments: object, **named: object) -> bool:
    """`act`, and whether it was done."""
    st.session_state.pop(_FLASH, None)
    user = data.current_user()
    if user is None:
        return False  # the page itself says so
    try:
        work(user, *arguments, **named)
    except ListenerError as error:
        flash("warning" if isinstance(error, StaleWrite) else "error", refusal(error, user))
    else:
        data.forget()
        if done:
            flash("success", done)
        return True
    return False


def refusal(error: ListenerError, user: User) -> str:
    """Why something was not done, in the person's words."""
    if isinstance(error, StaleSettings):
        return i18n.text(
            "{who} changed these settings meanwhile. Nothing of yours was stored: load what is "
            "in force, then decide.",
            user.language,
            {"who": plain(error.who, 60)},
        )
    if isinstance(error, StaleWrite):
        changed = "; ".join(_change(line, user.language) for line in error.changed)
        return i18n.text(
            "Somebody changed this case meanwhile ({changed}). Nothing of yours was stored: "
            "look at it again, then decide.",
            user.language,
            {"changed": changed},
        )
    if isinstance(error, NotAllowed):
        return i18n.text("Your role or brands do not allow this.", user.language)
    return told(error, user.language, ZoneInfo(user.time_zone))


def told(error: ListenerError, language: str, zone: ZoneInfo | None = None) -> str:
    """What an error says, in a language; moments in the person's zone."""
    values = dict(error.said.values)
    for name, value in values.items():
        if isinstance(value, datetime):
            shown = i18n.clock if name == "until" else i18n.when
            values[name] = shown(value, language, zone or ZoneInfo("UTC"))
        elif name == "who":
            values[name] = plain(person(str(value)), 60)
    return i18n.told(replace(error.said, values=values), language)


def person(actor: str) -> str:
    """Who did something, by their name on a timeline."""
    return "Listener" if actor == "listener" else actor


def _change(line: str, language: str) -> str:
    actor, _, kind = line.partition(": ")
    return f"{plain(person(actor), 60)}: {i18n.label('event', kind, language)}"


def flash(kind: str, message: str) -> None:
    st.session_state[_FLASH] = (kind, message, utc_now())


def show_flash() -> None:
    """How the last action ended, for a moment: a page may be drawn twice in a row, and what only
    the first showed nobody would have read. Text only: no markdown of ours or of others."""
    # There also while it is empty: what moves on the page is drawn as new, and a form that
    # somebody had opened would close.
    place = st.container(key="flash")
    found = st.session_state.get(_FLASH)
    if found is None:
        return
    kind, message, since = found
    if utc_now() - since > _FLASH_LASTS:
        del st.session_state[_FLASH]
        return
    box = {"success": place.success, "warning": place.warning, "error": place.error}[kind]
    box(literal(message))


def literal(text: str) -> str:
    """Text for a place that reads markdown, so that it shows as it is."""
    shown = plain(text, 1000)
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-.!|$~:&" else c for c in shown)


def failed(error: Exception) -> None:
    """What people see when a page breaks: our own errors as they are, which say what to do; of
    others that it is in the log."""
    language = _spoken()
    if isinstance(error, ListenerError):
        log.error("page failed", error=str(error))
        st.error(literal(told(error, language)))
        return
    log.error("page failed", error=f"{type(error).__name__}: {error}", exc_info=error)
    st.error(
        i18n.text("This page could not be shown; the reason is in the log. Reload it.", language)
    )


def _spoken() -> str:
    """The language of who sits there; while the database does not say who, the service's."""
    try:
        user = data.current_user(acts=False)
    except ListenerError:
        user = None
    return user.language if user else data.settings().listener.service.language


def now() -> datetime:
    return utc_now()
