"""What people do with a case besides reading it: take it, hand it over, answer it, put it off, tag it,
make one of two or two of one; and who else looks at it meanwhile."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from listener.desk.office import Office
from listener.desk.rights import may_see, may_work, worker
from listener.errors import AccountError, CaseError, NotAllowed
from listener.storage import (
    case_actions,
    case_answers,
    case_merging,
    case_tags,
    cases,
    people,
    presence,
)
from listener.storage.case_summary import CaseSummary
from listener.storage.people import User
from listener.storage.presence import Viewer


@dataclass(frozen=True, slots=True)
class Look:
    """Who else has a case before them, and its version now."""

    others: tuple[Viewer, ...]
    version: int


class WorkDesk:
    """For those who work on cases. Each change names the version of the case that its doer saw, and is
    refused (StaleWrite, with what changed) when somebody was quicker."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def claim(
        self, user: User, case_id: int, *, version: int, instead_of: str | None = None
    ) -> None:
        """Take a case that is nobody's, or that of `instead_of`. Raises CaseError with the owner and
        since when, if it is somebody else's."""
        worker(user)
        with self.office.db.write() as session:
            self.office.seen(session, user, case_id)
            case_actions.claim(
                session,
                case_id,
                by=user.username,
                version=version,
                instead_of=instead_of,
                now=self.office.now(),
            )

    def hand_over(
        self,
        user: User,
        case_id: int,
        *,
        to: str | None = None,
        queue: str | None = None,
        message: str = "",
        version: int,
    ) -> None:
        """Give the case to a person, or to a queue where somebody will take it, with a word to them."""
        worker(user)
        if to is None and queue is None:
            raise CaseError("say to whom, or to which queue", key="case.hand_to")
        if queue is not None and queue not in self.queues():
            raise CaseError(f"there is no queue {queue!r}", key="case.no_queue", queue=queue)
        with self.office.db.write() as session:
            brand = self.office.seen(session, user, case_id).summary.brand
            if to is not None:
                works_here(session, to, brand)
            case_actions.hand_over(
                session,
                case_id,
                to=to,
                queue=queue,
                message=message,
                by=user.username,
                version=version,
                now=self.office.now(),
            )

    def queues(self) -> tuple[str, ...]:
        """The queues by the rules of routing, sorted."""
        rules = self.office.settings.routing
        return tuple(sorted({rules.default_queue, *(r.queue for r in rules.rules)}))

    def snooze(self, user: User, case_id: int, until: datetime, *, version: int) -> None:
        """Out of the inbox until a moment, or until its author writes or a promise is broken."""
        worker(user)
        with self.office.db.write() as session:
            self.office.seen(session, user, case_id)
            case_actions.snooze(
                session, case_id, until, by=user.username, version=version, now=self.office.now()
            )

    def wake(self, user: User, case_id: int, *, version: int) -> None:
        worker(user)
        with self.office.db.write() as session:
            self.office.seen(session, user, case_id)
            case_actions.wake(
                session, case_id, by=user.username, version=version, now=self.office.now()
            )

    def mark_answered(self, user: User, case_id: int, *, url: str = "", version: int) -> None:
        """The reply is published, at `url` where known. Raises CaseError where somebody has answered,
        with who and when."""
        worker(user)
        with self.office.db.write() as session:
            self.office.seen(session, user, case_id)
            case_answers.mark(
                session,
                case_id,
                url=url,
                by=user.username,
                version=version,
                now=self.office.now(),
            )

    def withdraw_answer(self, user: User, case_id: int, *, version: int) -> None:
        """The mark was a mistake: the case waits for an answer again."""
        worker(user)
        with self.office.db.write() as session:
            self.office.seen(session, user, case_id)
            case_answers.withdraw(
                session, case_id, by=user.username, version=version, now=self.office.now()
            )

    def tag(self, user: User, case_id: int, written: str, *, version: int) -> str:
        """Returns the tag in its normal form."""
        worker(user)
        with self.office.db.write() as session:
            self.office.seen(session, user, case_id)
            return case_tags.add(
                session, case_id, written, by=user.username, version=version, now=self.office.now()
            )

    def untag(self, user: User, case_id: int, tag: str, *, version: int) -> None:
        worker(user)
        with self.office.db.write() as session:
            self.office.seen(session, user, case_id)
            case_tags.remove(
                session, case_id, tag, by=user.username, version=version, now=self.office.now()
            )

    def retag(
        self,
        user: User,
        case_id: int,
        *,
        add: Collection[str] = (),
        remove: Collection[str] = (),
        version: int,
    ) -> None:
        """Several tags at once: all of it, or nothing."""
        worker(user)
        by, now = user.username, self.office.now()
        with self.office.db.write() as session:
            self.office.seen(session, user, case_id)
            for change, tags in ((case_tags.add, add), (case_tags.remove, remove)):
                for tag in tags:
                    change(session, case_id, tag, by=by, version=version, now=now)
                    version = cases.lock(session, case_id).version

    def tags(self, user: User) -> list[str]:
        """The tags in use on the user's brands, the most used first; for everybody who sees them."""
        with self.office.db.read() as session:
            return case_tags.known(session, user.brands)

    def merge(self, user: User, case_id: int, into: int, *, version: int) -> None:
        """All of one case goes to another open one of the same brand, to which the first then leads."""
        worker(user)
        with self.office.db.write() as session:
            self.office.seen(session, user, case_id)
            self.office.seen(session, user, into)
            case_merging.merge(
                session, case_id, into, by=user.username, version=version, now=self.office.now()
            )

    def split(self, user: User, case_id: int, mentions: Collection[int], *, version: int) -> int:
        """A new case with some of the mentions; returns its id."""
        worker(user)
        with self.office.db.write() as session:
            self.office.seen(session, user, case_id)
            return case_merging.split(
                session, case_id, mentions, by=user.username, version=version, now=self.office.now()
            )

    def others_of_author(self, user: User, case_id: int) -> list[CaseSummary]:
        """The author's other open cases of the brand, with which this one may be merged."""
        worker(user)
        with self.office.db.read() as session:
            detail = self.office.seen(session, user, case_id)
            return case_merging.others_of_author(session, detail.summary, detail.author_id)

    def look(self, user: User, case_id: int) -> Look:
        """Say that the user has the case before them, and see who else has, and whether it has changed;
        for everybody who may see the case."""
        now = self.office.now()
        with self.office.db.write() as session:
            brand, version = cases.standing(session, case_id)
            if not may_see(user, brand):
                raise NotAllowed("this case belongs to a brand that you do not see")
            presence.look(session, case_id, user.username, now)
            return Look(tuple(presence.others(session, case_id, user.username, now)), version)


def works_here(session: Session, username: str, brand: str) -> None:
    """Raises unless the person may be given a case of this brand."""
    person = people.get(session, username)
    if person is None or person.disabled:
        raise AccountError("there is no active user {user!r} to give the case to", user=username)
    if not may_work(person) or not may_see(person, brand):
        raise NotAllowed(f"{username} does not work on cases of {brand}")
