"""The road, in order: collect(), process(), deliver(). The only file that knows it.

Each loop works on database rows, decides by pure functions of other modules, and can be killed at
any moment and run again:

    collect   page, mentions and cursor are one commit; a page that was stored twice is refused
    process   a batch of mentions with all that follows from them is one commit
    deliver   claimed, transmitting, sent: three commits, so that a crash says where it was; and the
              same for what is written to CRMs and diallers (promise.py)
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.orm import Session

from listener import alerting, finding, hooks, processing, promise, raising
from listener.articles import extract_article
from listener.crm import systems
from listener.desk.rights import may_see, may_work
from listener.domain import Mention, Parsed, RawPage
from listener.errors import HttpError, HttpStatus, ListenerError, Said, said_by
from listener.httpclient import HttpClient
from listener.notifiers import NOTIFIERS
from listener.notifiers.render import render
from listener.query import Query
from listener.reader import Reads
from listener.rematching import rematch
from listener.settings import Delivery, Settings, SourceConfig
from listener.sources import SOURCES, options_of
from listener.storage import Database, alerts, case_detail, health, mentions, pending, people
from listener.storage.alerts import StoredNotification
from listener.storage.health import CursorMoved, SubscriptionHealth
from listener.storage.mentions import Found, Saved
from listener.storage.pending import Pending
from listener.workers import left_behind

log = structlog.get_logger()

# A hundred dead links must not hold up the next turn: what is left keeps its summary.
_ARTICLES = timedelta(minutes=3)
# No server and no row of failures keeps a source silent for longer.
LONGEST_PAUSE = timedelta(hours=6)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Road:
    """What the loops need. `stop` ends them between two commits; `now` is replaced in tests."""

    settings: Settings
    db: Database
    http: HttpClient
    reader: Callable[[], Reads]
    now: Callable[[], datetime] = utc_now
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.queries: dict[str, Query] = finding.queries_of(self.settings.brands)
        self.crms = systems(self.settings, self.db, lambda: self.now())
        self.worker = f"{socket.gethostname()}:{os.getpid()}"


# ---------------------------------------------------------------------------- collect


@dataclass(frozen=True, slots=True)
class _Task:
    key: str
    config: SourceConfig
    brand: str | None


def collect(road: Road, *, force: bool = False) -> dict[str, Any]:
    """Ask every source that is due (all, with `force`); sources run side by side, so that a slow
    one delays no other. Returns counts; what failed is on the source's health, not raised."""
    tasks = _tasks(road.settings)
    now = road.now()
    with road.db.write() as session:
        health.watch(session, [(t.key, t.config.name, t.config.type) for t in tasks], now)
    with road.db.read() as session:
        state = {s.key: s for s in health.subscriptions(session)}
    due = [t for t in tasks if force or is_due(t.config, state[t.key], now)]
    saved = Saved()
    failed = 0
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="collect") as pool:
        for result in pool.map(lambda t: _collect_one(road, t, state[t.key]), due):
            if result is None:
                failed += 1
            else:
                saved.add(result)
    _source_alerts(road, tasks)
    return {
        "asked": len(due),
        "failed": failed,
        "new": saved.new,
        "known": saved.known,
        "rejected": saved.rejected,
    }


def is_due(config: SourceConfig, state: SubscriptionHealth, now: datetime) -> bool:
    """A failing source is asked less and less often, up to every LONGEST_PAUSE; one that a person
    wants asked, now, unless its server asked us to wait."""
    if state.not_before is not None and now < state.not_before:
        return False
    if state.last_attempt_at is None or _is_wanted(state, state.last_attempt_at):
        return True
    wait = config.every
    if state.failures:
        wait = min(config.every * 2 ** min(state.failures, 8), max(LONGEST_PAUSE, wait))
    return now - state.last_attempt_at >= wait


def _is_wanted(state: SubscriptionHealth, last_attempt_at: datetime) -> bool:
    return state.wanted_at is not None and state.wanted_at > last_attempt_at


def _tasks(settings: Settings) -> list[_Task]:
    """One per source, or one per source and brand where the source is searched."""
    tasks = []
    for config in settings.sources:
        if not config.enabled:
            continue
        if SOURCES[config.type].needs_query(options_of(config)):
            wanted = config.brands or tuple(b.key for b in settings.brands)
            tasks += [_Task(f"{config.name}/{key}", config, key) for key in wanted]
        else:
            tasks.append(_Task(config.name, config, None))
    return tasks


def _collect_one(road: Road, task: _Task, state: SubscriptionHealth) -> Saved | None:
    source = SOURCES[task.config.type]
    saved = Saved()
    cursor = state.cursor
    try:
        wanted = road.queries[task.brand] if task.brand else None
        options = options_of(task.config)
        for page in source.fetch(options, wanted, cursor, road.http, road.now()):
            parsed = source.parse(page)
            found = _found(road, task, source, parsed)
            saved.add(_save(road, task, page, parsed, found, cursor))
            cursor = page.cursor if page.cursor is not None else cursor
            if road.stop.is_set():
                return saved
    except CursorMoved:
        return saved
    except Exception as error:
        # A source that breaks, even by our own mistake, must not stop the others: people see the
        # reason on its health.
        _failed(road, task, error)
        return None
    with road.db.write() as session:
        health.succeeded(session, task.key, road.now())
        alerts.end_alerts(session, f"failing:{task.key}:", road.now())
        if saved.new:
            alerts.end_alerts(session, f"silent:{task.key}:", road.now())
    return saved


def _failed(road: Road, task: _Task, error: Exception) -> None:
    known = isinstance(error, ListenerError)
    text = Said.of(error)
    asked = error.retry_after if isinstance(error, HttpStatus) else None
    wait = min(asked, LONGEST_PAUSE.total_seconds()) if asked else None
    log.warning("source failed", source=task.key, error=text, exc_info=not known)
    now = road.now()
    with road.db.write() as session:
        health.failed(
            session,
            task.key,
            text,
            now,
            not_before=now + timedelta(seconds=wait) if wait else None,
        )


def _save(
    road: Road,
    task: _Task,
    page: RawPage,
    parsed: Parsed,
    found: Sequence[Found],
    cursor: str | None,
) -> Saved:
    with road.db.write() as session:
        return mentions.save_page(
            session,
            subscription=task.key,
            source_type=task.config.type,
            page=page,
            found=found,
            problems=parsed.problems,
            expected_cursor=cursor,
            now=road.now(),
        )


def _found(road: Road, task: _Task, source: Any, parsed: Parsed) -> list[Found]:
    """The mentions that some brand's query finds; the query is always applied again in full on
    our side, whatever the source's own search did."""
    items = list(parsed.mentions)
    if any(m.article_url for m in items):
        items = _with_articles(road, items)
    return about(road, items, keep_all=source.KEEP_UNMATCHED, brands=task.config.brands)


def about(
    road: Road, items: Sequence[Mention], *, keep_all: bool, brands: Sequence[str] = ()
) -> list[Found]:
    return finding.about(road.queries, items, keep_all=keep_all, brands=brands)


def _with_articles(road: Road, items: Sequence[Mention]) -> list[Mention]:
    """Full texts where a feed gives only summaries; a page that cannot be had leaves its
    summary."""
    with road.db.read() as session:
        known = mentions.known_ids(session, items[0].source, [m.external_id for m in items])
    until = road.now() + _ARTICLES
    result = []
    for item in items:
        text = None
        late = road.stop.is_set() or road.now() > until
        if item.article_url and item.external_id not in known and not late:
            try:
                text = extract_article(road.http.get(item.article_url).body, item.article_url)
            except HttpError as error:
                log.info("article not read", url=error.url, error=str(error))
        result.append(replace(item, text=text) if text and len(text) > len(item.text) else item)
    return result


def _source_alerts(road: Road, tasks: Sequence[_Task]) -> None:
    now = road.now()
    with road.db.read() as session:
        state = {s.key: s for s in health.subscriptions(session)}
    for task in tasks:
        for alert in alerting.source_trouble(
            state[task.key], task.config, road.settings.alerts, now
        ):
            with road.db.write() as session:
                raising.raise_alert(session, alert, road.settings, owner=None, now=now)


# ---------------------------------------------------------------------------- process


def process(road: Road, *, limit: int | None = None) -> dict[str, Any]:
    """Read pending mentions in batches until none is left (or `limit` is reached); then see that
    nobody was contacted who was promised that it would end."""
    counts = processing.Counts()
    size = road.settings.listener.process.batch_size
    reader: Reads | None = None
    last = 0  # one attempt a mention: what fails is tried again in the next run
    while not road.stop.is_set() and (limit is None or counts.processed < limit):
        with road.db.read() as session:
            batch = pending.oldest(session, size, after=last)
        if not batch:
            break
        last = batch[-1].id
        # Here and not below: without the reader it is not the mentions that are at fault.
        reader = reader or road.reader()
        counts.add(_process_batch(road, reader, batch))
    return counts.to_json() | rematch(road) | promise.watch(road)


def _process_batch(road: Road, reader: Reads, batch: Sequence[Pending]) -> processing.Counts:
    """One bad text must not hold up its neighbours: if the batch fails, each goes alone, and what
    fails alone too often is put aside with its reason. Where nothing succeeds it is not the
    mentions that are at fault: raises ListenerError, and they wait without an attempt counted."""
    counts, failed = _attempt(road, reader, batch)
    if failed and len(batch) > 1:
        failed = []
        for item in batch:
            done, broken = _attempt(road, reader, [item])
            counts.add(done)
            failed += broken
    if failed and len(failed) == len(batch) and (len(batch) > 1 or not _reads(reader)):
        _, error = failed[0]
        raise ListenerError(
            "none of {count} mentions could be processed ({kind}: {why}); they wait and are tried "
            "again. `listener doctor` tests the reader and the database; the log has the whole error",
            count=len(batch),
            kind=type(error).__name__,
            why=said_by(error),
        ) from error
    for item, error in failed:
        log.error("mention failed", mention=item.id, error=str(error), exc_info=error)
        with road.db.write() as session:
            most = road.settings.listener.process.max_attempts
            if pending.put_aside(session, item.id, error, most):
                counts.add(processing.Counts(failed=1, processed=1))
    return counts


def _attempt(
    road: Road, reader: Reads, batch: Sequence[Pending]
) -> tuple[processing.Counts, list[tuple[Pending, Exception]]]:
    """What came of the batch, and what failed with it: all or nothing."""
    try:
        return processing.step(road.db, road.settings, reader, road.crms, batch, road.now), []
    except ListenerError:
        raise
    except Exception as error:
        log.warning("batch failed", mentions=len(batch), error=str(error), exc_info=len(batch) > 1)
        return processing.Counts(), [(item, error) for item in batch]


def _reads(reader: Reads) -> bool:
    """Whether the reader can read a plain sentence: then a mention that fails is to blame."""
    try:
        reader.read(["otra vez el 1004"])
    except Exception:
        return False
    return True


# ---------------------------------------------------------------------------- deliver


def deliver(road: Road) -> dict[str, Any]:
    """Write what is due to CRMs and diallers, send what is due to people, and tell webhooks."""
    counts: dict[str, Any] = promise.write(road)
    counts |= _send_mail(road)
    return counts | hooks.deliver(road)


def _send_mail(road: Road) -> dict[str, Any]:
    counts: dict[str, Any] = {"sent": 0, "postponed": 0, "failed": 0}
    counts["in_doubt"] = _after_a_crash(road)
    if not road.settings.listener.email.enabled:
        return counts | {"waiting": "[email] enabled is false"}
    while not road.stop.is_set():
        with road.db.write() as session:
            notification = alerts.claim_next(session, road.worker, road.now())
        if notification is None:
            break
        counts[_deliver_one(road, notification)] += 1
    return counts


class ClaimLost(Exception):
    """A notification that this worker held was given back meanwhile: it slept for too long."""


def _deliver_one(road: Road, notification: StoredNotification) -> str:
    service = road.settings.listener.service
    with road.db.read() as session:
        alert = alerts.get(session, notification.alert_id)
        case = case_detail.get(session, alert.case_id) if alert and alert.case_id else None
        worker = case is not None and _works_on(session, notification.recipient, case.summary.brand)
    transmitting = False

    def on_transmit() -> None:
        nonlocal transmitting
        with road.db.write() as session:
            held = alerts.transmitting(session, notification.id, road.worker)
        if not held:
            raise ClaimLost(notification.id)
        transmitting = True

    try:
        if alert is None:
            raise LookupError(f"alert {notification.alert_id} is gone")
        message = render(
            alert, notification, case, public_url=service.public_url, names_customer=worker
        )
        NOTIFIERS[notification.notifier].send(message, road.settings, on_transmit)
    except ClaimLost:
        return "postponed"  # another worker has it, and tells how it went
    except Exception as error:
        return _not_delivered(road, notification, error, transmitting=transmitting)
    with road.db.write() as session:
        alerts.sent(session, notification.id, road.worker, road.now())
    log.info("notification sent", notification=notification.id, alert=notification.alert_id)
    return "sent"


def _works_on(session: Session, address: str, brand: str) -> bool:
    """Whether the address is that of somebody who may work on the brand's cases."""
    return any(
        user.email.casefold() == address.casefold()
        and not user.disabled
        and may_work(user)
        and may_see(user, brand)
        for user in people.everyone(session)
    )


def _not_delivered(
    road: Road, notification: StoredNotification, error: Exception, *, transmitting: bool
) -> str:
    known = isinstance(error, ListenerError)
    text = Said.of(error)
    answered = getattr(error, "answered", known)
    log.warning("notification not delivered", notification=notification.id, error=text)
    rules = road.settings.listener.delivery
    with road.db.write() as session:
        if transmitting and not answered:
            alerts.in_doubt(session, notification.id, road.worker, text)
            return "in_doubt"
        permanent = getattr(error, "permanent", False)
        again = (
            None
            if permanent or notification.attempts >= rules.max_attempts
            else road.now() + wait_before(notification.attempts + 1, rules)
        )
        alerts.postponed(session, notification.id, road.worker, text, next_attempt_at=again)
    return "postponed" if again else "failed"


def wait_before(attempt: int, rules: Delivery) -> timedelta:
    """Twice as long each time, up to the longest; the power is bounded, because a hundred
    doublings are no time span any more."""
    doublings = min(max(0, attempt - 2), 20)
    return min(rules.first_retry * (1 << doublings), rules.longest_retry)


def _after_a_crash(road: Road) -> int:
    """Give back what a worker that no longer runs had claimed. What it was transmitting stays in
    doubt: the receiver very likely has it, and nobody gets the same alert twice by itself."""
    doubtful = 0
    with road.db.read() as session:
        held = alerts.claimed(session)
    for notification in left_behind(held, road.worker, road.now()):
        with road.db.write() as session:
            doubtful += alerts.give_back(session, notification, road.now()) == "in_doubt"
    return doubtful
