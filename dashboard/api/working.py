"""What a token does to a case, as its user."""

from __future__ import annotations

from fastapi import APIRouter

from dashboard.api import shapes
from dashboard.api.inputs import (
    REPEATABLE,
    Approval,
    Assignment,
    Closing,
    Id,
    NewTag,
    Note,
    StatusChange,
    TagName,
    Version,
)
from dashboard.api.rights import Approver, InForce, Reader, Worker
from dashboard.api.shapes import SuppressionOut, WholeCase
from listener.domain import Resolution
from listener.errors import NotFound
from listener.storage.people import User


def routes(desk: InForce) -> APIRouter:
    router = APIRouter(prefix="/cases/{case_id}", tags=["working"])

    def now(user: User, case_id: int) -> WholeCase:
        return shapes.whole_case(desk().lists.case(user, case_id))

    @router.post("/assignment", dependencies=REPEATABLE)
    def assign(user: Worker, case_id: Id, asked: Assignment) -> WholeCase:
        """Give the case to somebody, take it, or give it back (null)."""
        desk().cases.assign(user, case_id, asked.owner, version=asked.version)
        return now(user, case_id)

    @router.post("/status", dependencies=REPEATABLE)
    def set_status(user: Worker, case_id: Id, asked: StatusChange) -> WholeCase:
        """Say how the case stands; closed with how it ended."""
        if isinstance(asked, Closing):
            desk().cases.set_status(
                user,
                case_id,
                asked.status,
                Resolution(asked.resolution),
                reason=asked.reason,
                version=asked.version,
            )
        else:
            desk().cases.set_status(user, case_id, asked.status, version=asked.version)
        return now(user, case_id)

    @router.post("/notes", status_code=201, dependencies=REPEATABLE)
    def add_note(user: Worker, case_id: Id, asked: Note) -> WholeCase:
        """A note on the case's timeline."""
        desk().cases.note(user, case_id, asked.text)
        return now(user, case_id)

    @router.post("/tags", status_code=201, dependencies=REPEATABLE)
    def add_tag(user: Worker, case_id: Id, asked: NewTag) -> WholeCase:
        """A free word on the case, in its normal form: small letters, no #."""
        desk().work.tag(user, case_id, asked.tag, version=asked.version)
        return now(user, case_id)

    @router.delete("/tags/{tag}")
    def remove_tag(user: Worker, case_id: Id, tag: TagName, version: Version) -> WholeCase:
        """Takes the tag off; one that is not there changes nothing."""
        desk().work.untag(user, case_id, tag, version=version)
        return now(user, case_id)

    @router.post("/suppression", status_code=202, dependencies=REPEATABLE)
    def approve_suppression(user: Approver, case_id: Id, asked: Approval) -> SuppressionOut:
        """Approve that the author is contacted no more for sales; the systems are written to next."""
        desk().promise.suppress(
            user, case_id, version=asked.version, phone=asked.phone, reason=asked.reason
        )
        return _suppression(user, case_id)

    @router.get("/suppression")
    def get_suppression(user: Reader, case_id: Id) -> SuppressionOut:
        """The newest suppression of the case, with its receipts; for those who work on cases."""
        return _suppression(user, case_id)

    def _suppression(user: User, case_id: int) -> SuppressionOut:
        found, _ = desk().promise.of_case(user, case_id)
        if found is None:
            raise NotFound("case {id} has no suppression", id=case_id)
        return SuppressionOut.model_validate(found)

    return router
