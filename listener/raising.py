"""Alerts stored together with the messages to whom they concern, unless somebody muted them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from listener import silencing
from listener.domain import Alert, Role
from listener.settings import Settings
from listener.storage import alerts, people, silences
from listener.storage.alerts import Recipient


def raise_alert(
    session: Session,
    alert: Alert,
    settings: Settings,
    *,
    owner: str | None,
    now: datetime,
    invented: bool = False,
) -> bool:
    """Store an alert with one notification each for the configured recipients and the owner; for
    the administrators, when that is nobody. While it is silenced it is stored, and nobody is
    written to."""
    recipients = _configured(settings)
    person = people.get(session, owner) if owner else None
    if person is not None and person.email and not person.disabled:
        recipients.insert(0, Recipient(person.email, person.language, person.time_zone))
    recipients = recipients or _administrators(session)
    domain = settings.listener.email.sender.rsplit("@", 1)[-1].rstrip("> ") or "localhost"
    muted = silencing.silenced(alert, silences.active(session, now), now)
    made = alerts.raise_alert(
        session,
        alert,
        recipients,
        notifier="email",
        domain=domain,
        now=now,
        invented=invented,
        silence_id=muted.id if muted else None,
    )
    return made is not None


def standing_recipients(session: Session, settings: Settings) -> list[Recipient]:
    """Who is written to about what has no owner, as a source that fails."""
    return _configured(settings) or _administrators(session)


def _configured(settings: Settings) -> list[Recipient]:
    service = settings.listener.service
    return [
        Recipient(address, service.language, service.time_zone)
        for address in settings.alerts.recipients
    ]


def _administrators(session: Session) -> list[Recipient]:
    return [
        Recipient(user.email, user.language, user.time_zone)
        for user in people.everyone(session)
        if user.role == Role.ADMINISTRATOR and user.email and not user.disabled
    ]
