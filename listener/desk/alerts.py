"""What needs attention, whom it reached, and what is muted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from listener import silencing
from listener.desk.office import Office
from listener.desk.rights import ABOUT_AUTHOR, may_see, may_work, worker
from listener.domain import AlertKind, Scope, Silence
from listener.errors import NotAllowed, NotFound, StorageError
from listener.storage import alerts, silences
from listener.storage.alerts import AlertFilter, StoredAlert, StoredNotification
from listener.storage.people import User


@dataclass(frozen=True, slots=True)
class AlertView:
    """`silence` is what muted it when it was raised, `muting` what mutes more of its kind now."""

    alert: StoredAlert
    deliveries: tuple[StoredNotification, ...]
    silence: Silence | None
    muting: Silence | None = None


class AlertDesk:
    """Everybody sees and mutes the alerts of their brands. What would mute other brands as well is
    for those who see every brand; a broken promise is for those who work on cases."""

    def __init__(self, office: Office) -> None:
        self.office = office

    # ------------------------------------------------------------------ alerts

    def listed(
        self,
        user: User,
        wanted: AlertFilter = AlertFilter(),  # noqa: B008 - frozen
        *,
        limit: int = 25,
        offset: int = 0,
    ) -> tuple[list[AlertView], int]:
        """(a page of alerts, the newest first; how many there are)."""
        brands = user.brands or None
        with self.office.db.read() as session:
            found = alerts.recent(session, wanted, brands=brands, limit=limit, offset=offset)
            total = alerts.count(session, wanted, brands=brands)
            return _views(session, user, found), total

    def one(self, user: User, alert_id: int) -> AlertView:
        """Raises NotFound, or NotAllowed when it is of another brand."""
        with self.office.db.read() as session:
            found = self._seen(session, user, alert_id)
            now = self.office.now()
            muting = silencing.silenced(found.as_raised(), silences.active(session, now), now)
            return replace(_views(session, user, [found])[0], muting=muting)

    def send_again(self, user: User, notification_id: int) -> None:
        """Transmit a failed or doubtful notification once more."""
        worker(user)
        with self.office.db.write() as session:
            delivery = alerts.notification(session, notification_id)
            alert = alerts.get(session, delivery.alert_id) if delivery else None
            if alert is None or not may_see(user, alert.brand):
                raise NotAllowed("you may not see this alert")
            if not alerts.send_again(session, notification_id, self.office.now()):
                raise StorageError("this message is not failed or in doubt any more: reload")

    def _seen(self, session: Session, user: User, alert_id: int) -> StoredAlert:
        found = alerts.get(session, alert_id)
        if found is None:
            raise NotFound("alert {id} does not exist", id=alert_id)
        if not may_see(user, found.brand):
            raise NotAllowed("this alert belongs to a brand that you do not see")
        return found

    # ------------------------------------------------------------------ silences

    def offers(self, user: User, alert: StoredAlert) -> tuple[Scope, ...]:
        """What this person may mute from an alert."""
        return tuple(s for s in silencing.offers(alert.as_raised()) if may_mute(user, s))

    def silence(
        self, user: User, alert_id: int, scope: Scope, *, until: datetime, reason: str
    ) -> int:
        """Mute what the scope covers, from an alert that it covers. Raises SilenceRefused."""
        now = self.office.now()
        with self.office.db.write() as session:
            alert = self._seen(session, user, alert_id)
            if scope not in silencing.offers(alert.as_raised()):
                raise StorageError(
                    "alert {id} offers no such silence: reload the page", id=alert_id
                )
            _allowed(user, scope)
            silencing.check(scope, until, reason, now)
            return silences.add(
                session, scope, until=until, reason=reason.strip(), by=user.username, now=now
            )

    def silences(self, user: User, *, over: bool = False) -> list[Silence]:
        with self.office.db.read() as session:
            return silences.listed(session, self.office.now(), brands=user.brands, over=over)

    def end_silence(self, user: User, silence_id: int) -> None:
        """Before its time, by whoever might have made it."""
        with self.office.db.write() as session:
            found = silences.get(session, silence_id)
            if found is None:
                raise NotFound("silence {id} does not exist", id=silence_id)
            _allowed(user, found.scope)
            if not silences.end(session, silence_id, by=user.username, now=self.office.now()):
                raise StorageError("this silence is over already: reload")


def may_mute(user: User, scope: Scope) -> bool:
    if scope.kind is AlertKind.PROMISE_BROKEN and not may_work(user):
        return False
    return not user.brands or scope.brand in user.brands


def _allowed(user: User, scope: Scope) -> None:
    if not may_mute(user, scope):
        raise NotAllowed(
            f"{user.username} may not decide on this silence: one of other brands is for those who "
            "see every brand, one of a broken promise for community managers and administrators"
        )


def _views(session: Session, user: User, found: Sequence[StoredAlert]) -> list[AlertView]:
    sent: dict[int, list[StoredNotification]] = {}
    for delivery in alerts.notifications_of(session, [a.id for a in found]):
        sent.setdefault(delivery.alert_id, []).append(delivery)
    muted = silences.several(session, [a.silence_id for a in found if a.silence_id is not None])
    return [
        AlertView(_shown(user, a), tuple(sent.get(a.id, ())), muted.get(a.silence_id or 0))
        for a in found
    ]


def _shown(user: User, alert: StoredAlert) -> StoredAlert:
    """Without what the reasons say of the author in the CRM, for those who may not know it."""
    if may_work(user):
        return alert
    return replace(alert, reasons=tuple(r for r in alert.reasons if r.key not in ABOUT_AUTHOR))
