"""The promise: what a person approved is written to CRM and dialler once, with its receipt, and from
then on watched. A contact after it, or a new complaint of the same person, reopens the case and
alerts.

    approve   a suppression and one write for each system and phone, in one commit (the desk)
    write     claimed, carried out, recorded: three commits; who comes after a crash looks first
    watch     contacts later than the order took effect, in `local` all at once, elsewhere in turn
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.orm import Session

from listener import contact_words, raising
from listener.contact_words import Purpose
from listener.crm import Capability, Order, Receipt, Ticket
from listener.crm.local import NAME as LOCAL
from listener.crm.local import event_of
from listener.domain import (
    Alert,
    AlertKind,
    ContactEvent,
    Direction,
    PriorityLevel,
    Reason,
    SuppressionStatus,
)
from listener.errors import CRMError, ListenerError, Said
from listener.settings import Settings
from listener.storage import case_opening, cases, crm_writes, promise_watch, suppressions
from listener.storage.crm_writes import Write
from listener.storage.suppressions import Suppression
from listener.vault import open_vault
from listener.workers import left_behind

if TYPE_CHECKING:
    from listener.pipeline import Road

log = structlog.get_logger()

# Those of a remote system are asked for again after so long, so many in a turn.
WATCH_EVERY = timedelta(minutes=10)
WATCH_AT_ONCE = 50


# ---------------------------------------------------------------------------- write


def write(road: Road) -> dict[str, int]:
    """Carry out what is due in the outbox to CRMs and diallers."""
    counts = {"written": 0, "write_postponed": 0, "write_failed": 0}
    _after_a_crash(road)
    while not road.stop.is_set():
        with road.db.write() as session:
            due = crm_writes.claim_next(session, road.worker, road.now())
        if due is None:
            break
        counts[_write_one(road, due)] += 1
    return counts


def _after_a_crash(road: Road) -> None:
    with road.db.read() as session:
        held = crm_writes.claimed(session)
    for left in left_behind(held, road.worker, road.now()):
        with road.db.write() as session:
            crm_writes.give_back(session, left, road.now())


def _write_one(road: Road, due: Write) -> str:
    try:
        receipt = _carry_out(road, due)
    except ListenerError as error:
        return _not_written(road, due, Said.of(error))
    except Exception as error:
        log.error("write failed", write=due.id, error=repr(error), exc_info=error)
        return _not_written(road, due, f"{type(error).__name__}: {error}")
    with road.db.write() as session:
        held = crm_writes.done(
            session,
            due,
            road.worker,
            reference=receipt.reference,
            at=receipt.effective_at,
            already=receipt.already,
        )
        if held:
            _tell(session, due, receipt, road.now())
    log.info("written", write=due.id, kind=due.kind, system=due.system, already=receipt.already)
    return "written"


def _carry_out(road: Road, due: Write) -> Receipt:
    if due.kind == crm_writes.SUPPRESS:
        number = open_vault(road.settings.var).open(due.sealed)
        order = Order(due.key, number, due.customer_ref, str(due.data.get("reason", "")))
        receipt: Receipt = road.crms.ask(due.system, lambda crm: crm.suppress(order))
        return receipt
    ticket = Ticket(
        due.key,
        due.customer_ref,
        str(due.data.get("title", "")),
        str(due.data.get("text", "")),
        str(due.data.get("link", "")),
    )
    noted: Receipt = road.crms.ask(due.system, lambda crm: crm.record(ticket))
    return noted


def _tell(session: Session, due: Write, receipt: Receipt, now: datetime) -> None:
    """On the case's timeline: each receipt, and when all of them are there."""
    if due.case_id is not None:
        kind = "suppressed" if due.kind == crm_writes.SUPPRESS else "recorded"
        data = {
            "system": due.system,
            "at": receipt.effective_at.isoformat(),
            "reference": receipt.reference,
            "already": receipt.already,
        }
        cases.log(session, due.case_id, now, cases.LISTENER, kind, data)
    if due.suppression_id is not None:
        state = suppressions.settle(session, due.suppression_id)
        if state is SuppressionStatus.IN_EFFECT and due.case_id is not None:
            cases.log(session, due.case_id, now, cases.LISTENER, "in_effect", {})


def _not_written(road: Road, due: Write, error: str) -> str:
    from listener.pipeline import wait_before

    rules = road.settings.listener.delivery
    given_up = due.attempts >= rules.max_attempts
    again = None if given_up else road.now() + wait_before(due.attempts + 1, rules)
    log.warning("not written", write=due.id, system=due.system, error=error)
    with road.db.write() as session:
        crm_writes.postponed(session, due, road.worker, error, next_attempt_at=again)
        if due.suppression_id is not None:
            suppressions.settle(session, due.suppression_id)
        if due.case_id is not None and (given_up or due.attempts == 1):
            data = {
                "system": due.system,
                "error": error[:300],
                "again": again and again.isoformat(),
            }
            cases.log(session, due.case_id, road.now(), cases.LISTENER, "not_written", data)
    return "write_failed" if given_up else "write_postponed"


# ---------------------------------------------------------------------------- watch


def watch(road: Road) -> dict[str, int]:
    """Every contact after a suppression, told once."""
    found = 0
    with road.db.read() as session:
        local = promise_watch.local_events_after(session)
    vault = open_vault(road.settings.var)
    for suppression_id, row in local:
        found += _contact(road, suppression_id, event_of(row, vault))
    for config in road.crms.configs():
        if config.type != LOCAL:
            found += _watch_remote(road, config.name)
    return {"promises_broken": found}


def _watch_remote(road: Road, name: str) -> int:
    if Capability.HISTORY not in road.crms.get(name).can:
        return 0
    with road.db.read() as session:
        due = promise_watch.to_watch(
            session, road.now() - WATCH_EVERY, crm=name, limit=WATCH_AT_ONCE
        )
    found = 0
    for suppression in due:
        error = None
        try:
            for event in _later(road, suppression):
                found += _contact(road, suppression.id, event)
        except CRMError as problem:
            error = str(problem)
        with road.db.write() as session:
            promise_watch.watched(session, suppression.id, road.now(), error)
        if error is not None:
            break  # it does not answer now; the others wait for the next turn
    return found


def _later(road: Road, suppression: Suppression) -> Iterator[ContactEvent]:
    crm, ref = suppression.crm or "", suppression.customer_ref or ""
    customer = road.crms.customer(crm, ref)
    events = road.crms.contacts(crm, customer)[0] if customer else []
    for event in events:
        if event.direction is Direction.OUT and event.at > _effect(suppression):
            yield event


def _effect(suppression: Suppression) -> datetime:
    return suppression.effective_at or suppression.approved_at


def _contact(road: Road, suppression_id: int, event: ContactEvent) -> int:
    """1 when the contact breaks the promise and was not known to."""
    if contact_words.purpose(event) is Purpose.SERVICE or event.at > road.now():
        return 0
    with road.db.write() as session:
        suppression = suppressions.get(session, suppression_id)
        if suppression is None:
            return 0
        what = f"event:{event.event_id}"
        values = {
            "channel": event.channel.value,
            "at": event.at.isoformat(),
            "campaign": event.campaign,
            "agent": event.agent,
        }
        return int(_break(session, road.settings, suppression, what, event.at, values, road.now()))


def by_mention(
    session: Session,
    settings: Settings,
    *,
    brand: str,
    author_id: int | None,
    mention_id: int,
    published_at: datetime,
    now: datetime,
) -> bool:
    """A new complaint of being contacted by somebody who was promised that it would end."""
    if author_id is None:
        return False
    suppression = suppressions.of_author(session, brand, author_id)
    if suppression is None or published_at <= _effect(suppression):
        return False
    what, values = f"mention:{mention_id}", {"at": published_at.isoformat()}
    return _break(session, settings, suppression, what, published_at, values, now)


def _break(
    session: Session,
    settings: Settings,
    suppression: Suppression,
    what: str,
    at: datetime,
    values: dict[str, Any],
    now: datetime,
) -> bool:
    if not promise_watch.broken(session, suppression.id, what, at, now):
        return False
    reason = Reason("promise_broken", {"since": _effect(suppression).isoformat(), **values})
    owner = None
    if suppression.case_id is not None:
        owner = case_opening.promise_broken(
            session,
            suppression.case_id,
            reason,
            {"what": what, **values},
            due_at=now + settings.routing.due[PriorityLevel.URGENT],
            now=now,
        )
    raising.raise_alert(
        session,
        broken_alert(suppression, what, reason, settings),
        settings,
        owner=owner,
        now=now,
        invented=suppression.invented,
    )
    return True


def broken_alert(suppression: Suppression, what: str, reason: Reason, settings: Settings) -> Alert:
    """One for each contact or complaint after the order."""
    brand = settings.brand(suppression.brand)
    return Alert(
        kind=AlertKind.PROMISE_BROKEN,
        key=f"promise:{suppression.id}:{what}"[:300],
        brand=suppression.brand,
        subject={"brand": brand.name if brand else suppression.brand},
        reasons=(reason,),
        case_id=suppression.case_id,
    )
