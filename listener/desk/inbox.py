"""The inbox as a place to work: what changed since it was drawn, views under a name, and one action
on many cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from listener import wishes
from listener.desk.cases import CaseDesk
from listener.desk.casework import WorkDesk
from listener.desk.office import Office
from listener.desk.rights import is_administrator, may_see, may_work, visible, worker
from listener.domain import CaseStatus, Resolution
from listener.errors import ListenerError, NotAllowed, ViewError
from listener.storage import case_search, saved_views
from listener.storage.case_search import Fresh
from listener.storage.people import User
from listener.storage.saved_views import StoredView
from listener.wishes import Wish

AT_ONCE = 100
"""Cases of one action."""

_LONGEST, _MOST = 80, 50  # characters of a view's name, views of a person


@dataclass(frozen=True, slots=True)
class View:
    """`shared_by` names whose it is when it is not the user's own."""

    id: int
    name: str
    wish: Wish
    brand: str | None
    shared_by: str | None


@dataclass(frozen=True, slots=True)
class Views:
    """By name; `default` is the one with which the user's inbox opens, if it is still there."""

    views: tuple[View, ...]
    default: View | None


@dataclass(frozen=True, slots=True)
class Picked:
    """A case as somebody saw it when they chose it."""

    case_id: int
    version: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """`refused` says why nothing was done with the case; None where it was done."""

    case_id: int
    refused: ListenerError | None


class InboxDesk:
    """Each case of a common action is checked by itself, and is a commit of its own: what is refused
    for one is done for the others."""

    def __init__(self, office: Office, cases: CaseDesk, work: WorkDesk) -> None:
        self.office = office
        self.cases = cases
        self.work = work

    def since(
        self, user: User, wish: Wish, listed: datetime, drawn: datetime | None = None
    ) -> Fresh:
        """What came into the list since it was made, or changed in it since it was last read; the list
        itself stays."""
        wanted = wish.filter(user.username, self.office.now())
        brands = visible(user, wanted.brands)
        if brands is None:
            return Fresh(0, 0)
        asked = replace(wanted, brands=brands, matched=wanted.matched if may_work(user) else None)
        with self.office.db.read() as session:
            return case_search.since(session, asked, listed, drawn or listed)

    # ------------------------------------------------------------------ views

    def views(self, user: User) -> Views:
        with self.office.db.read() as session:
            found = saved_views.visible(session, user.username, user.brands)
            chosen = saved_views.default(session, user.username)
        views = tuple(_view(stored, user) for stored in found)
        return Views(views, next((v for v in views if v.id == chosen), None))

    def save_view(self, user: User, name: str, wish: Wish, *, brand: str | None = None) -> int:
        """Under a name; with a brand, for all who see it (by those who work on cases). A name that the
        user has used already is given the new wish."""
        shown = " ".join(name.split())
        if not 0 < len(shown) <= _LONGEST:
            raise ViewError(
                f"a view has a name of 1 to {_LONGEST} characters",
                key="view.name",
                longest=_LONGEST,
            )
        if brand is not None:
            worker(user)
            if not may_see(user, brand) or self.office.settings.brand(brand) is None:
                raise NotAllowed(f"there is no team of {brand!r} that you belong to")
        with self.office.db.write() as session:
            own = [
                v
                for v in saved_views.visible(session, user.username, user.brands)
                if v.owner == user.username
            ]
            if len(own) >= _MOST and shown not in {v.name for v in own}:
                raise ViewError(
                    f"you have {_MOST} views already: remove one first", key="view.many", most=_MOST
                )
            return saved_views.save(
                session,
                user.username,
                shown,
                wish.to_json(),
                brand=brand,
                now=self.office.now(),
            )

    def remove_view(self, user: User, view_id: int) -> None:
        """The user's own; an administrator's may be anybody's that they see."""
        with self.office.db.write() as session:
            stored = self._seen(saved_views.get(session, view_id), user)
            if stored.owner != user.username and not is_administrator(user):
                raise NotAllowed("this view is somebody else's")
            saved_views.remove(session, view_id)

    def open_with(self, user: User, view_id: int | None) -> None:
        """The user's inbox opens with this view from now on; None: as it is by itself."""
        with self.office.db.write() as session:
            if view_id is not None:
                self._seen(saved_views.get(session, view_id), user)
            saved_views.open_with(session, user.username, view_id)

    @staticmethod
    def _seen(stored: StoredView | None, user: User) -> StoredView:
        own = stored is not None and stored.owner == user.username
        shared = stored is not None and stored.brand is not None and may_see(user, stored.brand)
        if stored is None or not (own or shared):
            raise ViewError("there is no such view any more", key="view.gone")
        return stored

    # ------------------------------------------------------------------ many at once

    def assign(self, user: User, picked: Sequence[Picked], owner: str | None) -> list[Outcome]:
        return self._each(user, picked, partial(self.cases.assign, owner=owner))

    def set_status(
        self,
        user: User,
        picked: Sequence[Picked],
        status: CaseStatus,
        resolution: Resolution | None = None,
    ) -> list[Outcome]:
        change = partial(self.cases.set_status, status=status, resolution=resolution)
        return self._each(user, picked, change)

    def tag(self, user: User, picked: Sequence[Picked], written: str) -> list[Outcome]:
        return self._each(user, picked, partial(self.work.tag, written=written))

    def snooze(self, user: User, picked: Sequence[Picked], until: datetime) -> list[Outcome]:
        return self._each(user, picked, partial(self.work.snooze, until=until))

    def wake(self, user: User, picked: Sequence[Picked]) -> list[Outcome]:
        return self._each(user, picked, self.work.wake)

    def mark_answered(self, user: User, picked: Sequence[Picked]) -> list[Outcome]:
        return self._each(user, picked, self.work.mark_answered)

    def _each(
        self, user: User, picked: Sequence[Picked], change: Callable[..., object]
    ) -> list[Outcome]:
        worker(user)
        if len(picked) > AT_ONCE:
            raise ViewError(
                f"{len(picked)} cases at once are too many: choose up to {AT_ONCE}",
                key="view.at_once",
                most=AT_ONCE,
            )
        done = []
        for one in picked:
            refused: ListenerError | None = None
            try:
                change(user=user, case_id=one.case_id, version=one.version)
            except ListenerError as error:
                refused = error
            done.append(Outcome(one.case_id, refused))
        return done


def _view(stored: StoredView, user: User) -> View:
    return View(
        stored.id,
        stored.name,
        wishes.from_json(stored.wanted),
        stored.brand,
        stored.owner if stored.owner != user.username else None,
    )
