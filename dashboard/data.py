"""What the pages read: cached where it may be a little old. The only file of the dashboard that
touches storage, and it does so through the desk, which checks the rights of who asks.

What is kept with a refresh in the background is given once more as long when it is too old, and made
anew beside: only the first who asks for something waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from dashboard import cookies
from dashboard.private_page import Tokens
from listener import accounts
from listener import ledger as ledgers
from listener.desk import Desk
from listener.desk.figures import Trends
from listener.desk.mentions import Laid
from listener.desk.quality import Quality
from listener.desk.rights import may_work
from listener.desk.watch import Sources
from listener.dossiers import Dossier
from listener.in_force import InForce
from listener.ledger import Counts
from listener.private_links import PrivateLinks
from listener.query_preview import Preview
from listener.selection import Selection
from listener.settings import Settings
from listener.storage import Database
from listener.storage.ledger import By
from listener.storage.mention_search import Figures
from listener.storage.people import User

# Every part of every page asks for the settings: how often the database is asked for edits, in
# seconds. What is edited in this process is in force at once.
_PATIENCE = 1.0


@dataclass(frozen=True, slots=True)
class _Shared:
    desk: InForce[Desk]
    jar: cookies.Cookies
    tokens: Tokens


_shared: list[_Shared] = []


def share(settings: Settings, db: Database, jar: cookies.Cookies, tokens: Tokens) -> None:
    """Called once by the server, before the first page: all pages run in its process."""
    desk = InForce(db, settings, lambda s: Desk(db, s), patience=_PATIENCE)
    _shared[:] = [_Shared(desk, jar, tokens)]


def desk() -> Desk:
    """With the settings in force."""
    return _shared[0].desk()


def settings() -> Settings:
    return desk().settings


def token() -> str | None:
    """The token of this browser's session, from the cookie its websocket came with."""
    return _shared[0].jar.token(st.context.cookies.get(cookies.NAME))


def current_user(*, acts: bool = True) -> User | None:
    """Who sits there, asked of the database on every run: a session that ended, or an account that
    was disabled, ends at the next click. `acts`: a person does something; what a page asks by itself
    keeps no session alive."""
    found = token()
    limits = settings().listener.dashboard
    if found is None:
        return None
    return accounts.session_user(
        desk().db, found, idle=limits.session_idle, longest=limits.session_max, touch=acts
    )


@st.cache_data(ttl=20, max_entries=500, show_spinner=False, refresh_mode="background")
def filters(seen: tuple[str, ...], _user: User) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG001
    """`seen` (the user's brands) is the cache's key: whose rights change sees so at once."""
    return desk().cases.filters(_user)


@st.cache_data(ttl=5, max_entries=1, show_spinner=False)
def has_mentions() -> bool:
    return desk().figures.has_mentions()


@st.cache_data(ttl=5, max_entries=1, show_spinner=False)
def counts() -> Mapping[str, Any]:
    return desk().figures.counts()


def trends(user: User, first: date, last: date, invented: bool) -> Trends:
    return _trends(user.brands, first, last, user.time_zone, invented, may_work(user), user)


# A resource, which is handed out as it is: a copy of a hundred thousand tallies takes longer than the
# page. Nothing in it can be changed.
@st.cache_resource(ttl=60, max_entries=30, show_spinner=False, refresh_mode="background")
def _trends(
    seen: tuple[str, ...],  # noqa: ARG001 - the cache's key, as above
    first: date,
    last: date,
    zone: str,
    invented: bool,
    works: bool,  # noqa: ARG001 - who may learn who an author is, knows more countries
    _user: User,
) -> Trends:
    return desk().figures.trends(
        _user, first=first, last=last, zone=ZoneInfo(zone), brands=(), invented=invented
    )


def sources(user: User) -> Sources:
    return _sources(user.brands, user)


@st.cache_data(ttl=10, max_entries=50, show_spinner=False, refresh_mode="background")
def _sources(
    seen: tuple[str, ...],  # noqa: ARG001 - the cache's key, as above
    _user: User,
) -> Sources:
    return desk().watch.sources(_user)


def quality(user: User, days: int) -> Quality:
    """Kept for ten minutes: it reads the whole period."""
    return _quality(user.brands, days, user.time_zone, user)


@st.cache_data(ttl=600, max_entries=50, show_spinner="…")
def _quality(
    seen: tuple[str, ...],  # noqa: ARG001 - the cache's key, as above
    days: int,
    zone: str,
    _user: User,
) -> Quality:
    return desk().quality.figures(_user, days=days, zone=ZoneInfo(zone))


def query_preview(user: User, brand: str, text: str) -> Preview:
    """Kept for a minute: two thousand mentions are tried."""
    return _query_preview(user.brands, user.role, settings().edits, brand, text.strip(), user)


@st.cache_data(ttl=60, max_entries=50, show_spinner="…")
def _query_preview(
    seen: tuple[str, ...],  # noqa: ARG001 - the cache's key, as above
    role: str,  # noqa: ARG001
    edits: int,  # noqa: ARG001
    brand: str,
    text: str,
    _user: User,
) -> Preview:
    return desk().brands.preview(_user, brand, text)


def by_slot(user: User, selection: Selection) -> Mapping[tuple[int, int], Figures]:
    return _by_slot(user.brands, may_work(user), selection, user.time_zone, user)


@st.cache_data(ttl=60, max_entries=100, show_spinner=False, refresh_mode="background")
def _by_slot(
    seen: tuple[str, ...],  # noqa: ARG001 - the cache's key, as above
    works: bool,  # noqa: ARG001 - who may learn who an author is, knows more countries
    selection: Selection,
    zone: str,
    _user: User,
) -> Mapping[tuple[int, int], Figures]:
    return desk().mentions.by_slot(_user, selection, ZoneInfo(zone))


def by_number(user: User, selection: Selection) -> Mapping[tuple[str, str], int]:
    return _by_number(user.brands, may_work(user), selection, user.time_zone, user)


@st.cache_data(ttl=60, max_entries=100, show_spinner=False, refresh_mode="background")
def _by_number(
    seen: tuple[str, ...],  # noqa: ARG001 - the cache's key, as above
    works: bool,  # noqa: ARG001 - as above
    selection: Selection,
    zone: str,
    _user: User,
) -> Mapping[tuple[str, str], int]:
    return desk().mentions.by_number(_user, selection, ZoneInfo(zone))


def by_campaign(user: User, selection: Selection) -> Laid:
    return _by_campaign(
        user.brands, selection.first, selection.last, selection.invented, user.time_zone, user
    )


@st.cache_data(ttl=600, max_entries=100, show_spinner=False)
def _by_campaign(
    seen: tuple[str, ...],  # noqa: ARG001 - the cache's key, as above
    first: date,
    last: date,
    invented: bool,
    zone: str,
    _user: User,
) -> Laid:
    selection = Selection(first, last, invented=invented)
    return desk().mentions.by_campaign(_user, selection, ZoneInfo(zone))


def private_links() -> PrivateLinks:
    """For the page behind such a link, with the settings in force."""
    return PrivateLinks(desk().db, settings())


def private_link(user: User, case_id: int, version: int) -> str:
    """The address of a new private link, which nothing remembers."""
    made = desk().promise.make_private_link(user, case_id, version=version)
    return _shared[0].tokens.address(made)


@st.cache_data(ttl=600, max_entries=30, show_spinner="…")
def ledger(
    seen: tuple[str, ...],  # noqa: ARG001 - the cache's key, as above
    by: str,
    first: date | None,
    last: date,
    zone: str,
    invented: bool,
    _user: User,
) -> Counts:
    """A large log takes some seconds to count, and changes by the day."""
    start, end = ledgers.span(first, last, ZoneInfo(zone))
    return desk().figures.ledger(_user, By(by), start=start, end=end, invented=invented)


def dossier(user: User, number: str, first: date, last: date, invented: bool) -> Dossier:
    """Kept for a minute: the log of a number may hold hundreds of thousands of contacts."""
    zone = user.time_zone
    return _dossier(user.brands, may_work(user), number, first, last, zone, invented, user)


@st.cache_data(ttl=60, max_entries=50, show_spinner=False, refresh_mode="background")
def _dossier(
    seen: tuple[str, ...],  # noqa: ARG001 - the cache's key, as above
    works: bool,  # noqa: ARG001 - who may learn who an author is, sees more
    number: str,
    first: date,
    last: date,
    zone: str,
    invented: bool,
    _user: User,
) -> Dossier:
    return desk().numbers.dossier(
        _user, number, first=first, last=last, zone=ZoneInfo(zone), invented=invented
    )


def forget() -> None:
    """After a change that the caches would hide. Trends, which all look at, run out by themselves and
    may be two minutes old: made anew at each click they would keep everybody waiting."""
    _shared[0].desk.look_again()
    for kept in (filters, has_mentions, counts, _sources, _quality, _by_campaign, ledger, _dossier):
        kept.clear()


def change_password(username: str, old: str, new: str) -> None:
    accounts.change_password(desk().db, username, old, new, keep=token() or "")


def update_profile(username: str, **changes: str) -> None:
    accounts.update_profile(desk().db, username, **changes)
