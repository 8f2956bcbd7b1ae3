"""Answers that are kept, so that a request which is sent again is carried out once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.storage.database import insert_new
from listener.storage.tables_api import ApiAnswerRow


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """`status` is None while the first request is at work, or when it never came to its end."""

    digest: str
    status: int | None
    sealed: str
    media_type: str
    at: datetime


def begin(
    session: Session, token_id: int, key: str, digest: str, *, now: datetime, older: datetime
) -> KeptAnswer | None:
    """None when the request is the first with this key (what is from before `older` is forgotten);
    otherwise what is known of the first."""
    session.execute(
        sa.delete(ApiAnswerRow).where(
            ApiAnswerRow.token_id == token_id, ApiAnswerRow.key == key, ApiAnswerRow.at < older
        )
    )
    row = {
        "token_id": token_id,
        "key": key,
        "digest": digest,
        "sealed": "",
        "media_type": "",
        "at": now,
    }
    if insert_new(session, ApiAnswerRow, [row], returning=ApiAnswerRow.key):
        return None
    return get(session, token_id, key)


def get(session: Session, token_id: int, key: str) -> KeptAnswer | None:
    row = session.get(ApiAnswerRow, (token_id, key), populate_existing=True)
    if row is None:
        return None
    return KeptAnswer(row.digest, row.status, row.sealed, row.media_type, row.at)


def finish(
    session: Session, token_id: int, key: str, *, status: int, sealed: str, media_type: str
) -> None:
    session.execute(
        sa.update(ApiAnswerRow)
        .where(ApiAnswerRow.token_id == token_id, ApiAnswerRow.key == key)
        .values(status=status, sealed=sealed, media_type=media_type[:100])
    )


def drop(session: Session, token_id: int, key: str) -> None:
    """The request came to nothing: the same key may be used again."""
    session.execute(
        sa.delete(ApiAnswerRow).where(ApiAnswerRow.token_id == token_id, ApiAnswerRow.key == key)
    )


def older_than(moment: datetime) -> sa.Delete:
    return sa.delete(ApiAnswerRow).where(ApiAnswerRow.at < moment)
