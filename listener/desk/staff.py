"""Accounts, as administrators keep them. Links that set a password are shown once, to who asked."""

from __future__ import annotations

from listener import staff
from listener.desk.office import Office
from listener.desk.rights import administrator
from listener.staff import Reach
from listener.storage import audit, people
from listener.storage.audit import Entry
from listener.storage.people import User


class StaffDesk:
    """For administrators only."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def everyone(self, user: User) -> list[User]:
        administrator(user)
        with self.office.db.read() as session:
            return people.everyone(session)

    def queues(self, user: User) -> tuple[str, ...]:
        administrator(user)
        return staff.queues(self.office.settings)

    def add(
        self,
        user: User,
        username: str,
        *,
        name: str,
        email: str,
        role: str,
        language: str,
        reach: Reach,
    ) -> str:
        """The address at which the new person sets their password, once, within a day."""
        administrator(user)
        path = staff.add(
            self.office.db,
            self.office.settings,
            username,
            name=name,
            email=email,
            role=role,
            language=language,
            reach=reach,
            by=user.username,
            now=self.office.now(),
        )
        return self._address(path)

    def change(self, user: User, username: str, *, role: str, reach: Reach) -> None:
        administrator(user)
        staff.change(
            self.office.db,
            self.office.settings,
            username,
            role=role,
            reach=reach,
            by=user.username,
            now=self.office.now(),
        )

    def disable(self, user: User, username: str) -> None:
        administrator(user)
        staff.disable(self.office.db, username, by=user.username, now=self.office.now())

    def enable(self, user: User, username: str) -> None:
        administrator(user)
        staff.enable(self.office.db, username, by=user.username, now=self.office.now())

    def unlock(self, user: User, username: str) -> None:
        administrator(user)
        staff.unlock(self.office.db, username, by=user.username, now=self.office.now())

    def new_link(self, user: User, username: str) -> str:
        administrator(user)
        path = staff.new_link(self.office.db, username, by=user.username, now=self.office.now())
        return self._address(path)

    def audit(self, user: User, *, limit: int = 50) -> list[Entry]:
        """What was done to accounts, and what was erased; the newest first."""
        administrator(user)
        with self.office.db.read() as session:
            return audit.latest(session, limit=limit)

    def _address(self, path: str) -> str:
        return f"{self.office.settings.listener.service.public_url.rstrip('/')}{path}"
