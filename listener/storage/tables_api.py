"""The tables of the API: tokens, answers that are kept for a repeated request, webhooks and what they
are still to be told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from listener.storage.tables import Base, BigId, Outgoing


class ApiTokenRow(Base):
    """A token acts as its user. Only its hash is stored."""

    __tablename__ = "api_tokens"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    username: Mapped[str] = mapped_column(ForeignKey("users.username"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[Any]]
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]


class ApiAnswerRow(Base):
    """The answer to a POST with an idempotency key; `status` is null while the first is at work."""

    __tablename__ = "api_answers"
    token_id: Mapped[int] = mapped_column(ForeignKey("api_tokens.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))  # of method, path and body
    status: Mapped[int | None] = mapped_column(Integer)
    sealed: Mapped[str]  # the body: it may hold people's texts, or a webhook's secret
    media_type: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime] = mapped_column(index=True)


class WebhookRow(Base):
    """An address that is told of events, for a user who may see what they are about."""

    __tablename__ = "webhooks"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    url: Mapped[str]
    events: Mapped[list[Any]]
    sealed_secret: Mapped[str]
    username: Mapped[str] = mapped_column(ForeignKey("users.username"), index=True)
    made_at: Mapped[datetime]


class WebhookDeliveryRow(Outgoing, Base):
    """The outbox to webhooks: one row an event and webhook, in the commit of what happened."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_status_next_attempt_at", "status", "next_attempt_at"),
        Index("ix_webhook_deliveries_webhook_id_id", "webhook_id", "id"),
    )
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id"))
    event: Mapped[str] = mapped_column(String(30))
    message_id: Mapped[str] = mapped_column(String(60), unique=True)  # the same on every attempt
    brand: Mapped[str | None] = mapped_column(String(60))
    body: Mapped[dict[str, Any]]
    made_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
