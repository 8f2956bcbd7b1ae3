"""What the reader is not sure of, decided by people."""

from __future__ import annotations

from listener.desk.office import Office
from listener.desk.rights import worker
from listener.storage import review
from listener.storage.people import User
from listener.storage.review import Doubt


class ReviewDesk:
    """Mentions in doubt."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def waiting(self, user: User, *, limit: int = 20, offset: int = 0) -> tuple[list[Doubt], int]:
        """(a page of what the reader is not sure of, the newest first; how many there are)."""
        with self.office.db.read() as session:
            return review.waiting(session, self.office.own_brands(user), limit=limit, offset=offset)

    def decide(self, user: User, mention_id: int, *, complaint: bool, harassment: bool) -> None:
        """A person's word on a mention in doubt; a complaint gets its case at the next turn."""
        worker(user)
        with self.office.db.write() as session:
            review.decide(
                session,
                mention_id,
                self.office.own_brands(user),
                complaint=complaint,
                harassment=harassment,
                by=user.username,
                now=self.office.now(),
            )
