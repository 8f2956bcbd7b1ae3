"""What every part of the desk works with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from listener.crm import systems
from listener.desk.rights import may_see
from listener.errors import NotAllowed, NotFound
from listener.private_links import PrivateLinks
from listener.settings import Brand, Settings
from listener.storage import Database, case_detail
from listener.storage.case_detail import CaseDetail
from listener.storage.people import User


class Office:
    """`now` is passed in by tests."""

    def __init__(self, db: Database, settings: Settings, now: Callable[[], datetime]) -> None:
        self.db = db
        self.settings = settings
        self.now = now
        self.systems = systems(settings, db, now)
        self.links = PrivateLinks(db, settings)

    def seen(self, session: Session, user: User, case_id: int) -> CaseDetail:
        detail = case_detail.get(session, case_id)
        if detail is None:
            raise NotFound("case {id} does not exist", id=case_id)
        if not may_see(user, detail.summary.brand):
            raise NotAllowed("this case belongs to a brand that you do not see")
        return detail

    def ours(self, user: User) -> list[Brand]:
        return [b for b in self.settings.brands if b.kind == "own" and may_see(user, b.key)]

    def own_brands(self, user: User) -> list[str]:
        return [b.key for b in self.ours(user)]
