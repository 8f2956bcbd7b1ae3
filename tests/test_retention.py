"""What is old goes, what is not stays, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener import retention, settings_files
from listener.domain import HookEvent
from listener.httpclient import HttpClient
from listener.pipeline import Road
from listener.reader import lazy
from listener.storage import Database, api_answers, api_tokens, webhooks
from listener.storage.tables import RawPageRow, Reject, SessionRow, SetupLink, UserRow
from listener.storage.tables_api import ApiAnswerRow, WebhookDeliveryRow

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def _page(days: int) -> RawPageRow:
    return RawPageRow(
        subscription="mastodon-es",
        source_type="mastodon",
        url="https://example.org/",
        content_type="application/json",
        fetched_at=NOW - timedelta(days=days),
        body_gzip=b"",
        meta={},
    )


def _refused(digest: str, days: int) -> Reject:
    return Reject(
        origin="mastodon-es",
        reason="no text",
        excerpt="what a stranger wrote",
        digest=digest,
        at=NOW - timedelta(days=days),
    )


def test_old_pages_sessions_and_links_are_erased(database: Database, tmp_path: Path) -> None:
    own = settings_files.load(
        Path(__file__).parent.parent / "config", {"LISTENER_VAR": str(tmp_path)}
    )
    http = HttpClient(own.listener.http)
    road = Road(settings=own, db=database, http=http, reader=lazy(own), now=lambda: NOW)
    with database.write() as session:
        session.add_all([_page(31), _page(29), _refused("a", 31), _refused("b", 29)])
        session.add(
            UserRow(
                username="lucia",
                name="Lucía",
                email="",
                role="community_manager",
                language="es",
                time_zone="Europe/Madrid",
                brands=[],
                languages=[],
                queues=[],
                created_at=NOW,
            )
        )
        session.flush()
        long_ago = NOW - timedelta(days=8)
        session.add_all(
            [
                SessionRow(token_hash="a", username="lucia", created_at=long_ago, seen_at=NOW),
                SessionRow(token_hash="b", username="lucia", created_at=NOW, seen_at=NOW),
                SetupLink(token_hash="c", username="lucia", expires_at=NOW - timedelta(hours=1)),
                SetupLink(token_hash="d", username="lucia", expires_at=NOW + timedelta(hours=1)),
            ]
        )
        _of_the_api(session)
    gone = {"raw_pages": 1, "rejects": 1, "sessions": 1, "links": 1}
    gone |= {"viewers": 0, "private_links": 0, "answers": 1, "deliveries": 1}
    assert retention.forget(road) == gone
    assert retention.forget(road) == dict.fromkeys(gone, 0)
    with database.read() as session:
        assert session.scalars(sa.select(SessionRow.token_hash)).all() == ["b"]
        assert session.scalars(sa.select(SetupLink.token_hash)).all() == ["d"]
        assert session.scalars(sa.select(ApiAnswerRow.key)).all() == ["today"]
        kept = session.scalars(sa.select(WebhookDeliveryRow.status)).all()
        assert sorted(kept) == ["pending", "sent"]
    http.close()


def _of_the_api(session: Session) -> None:
    """Answers of yesterday and today; an old delivery that was sent, one that waits, and a new one."""
    day = timedelta(days=1)
    token = api_tokens.add(
        session, token_hash="h", username="lucia", name="t", scopes=["work"], by="lucia", now=NOW,
        expires_at=NOW + day,
    )  # fmt: skip
    for key, at in (("yesterday", NOW - 1.1 * day), ("today", NOW - 0.9 * day)):
        api_answers.begin(session, token, key, "d", now=at, older=at - day)
    hook = webhooks.add(
        session,
        url="https://a.example/x",
        events=["test"],
        sealed_secret="",
        username="lucia",
        now=NOW,
    )
    for status, at in (("sent", NOW - 31 * day), ("pending", NOW - 31 * day), ("sent", NOW)):
        told = webhooks.put(session, hook.id, HookEvent.TEST, None, {}, at)
        session.get_one(WebhookDeliveryRow, told.id).status = status
