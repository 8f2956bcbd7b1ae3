"""Documents of the configuration as people left them in the dashboard, with everything before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from listener.errors import StaleSettings
from listener.storage.tables import ConfigEdit


@dataclass(frozen=True, slots=True)
class Edit:
    """One version of a document. `text` is None where the file was put in force again."""

    name: str
    version: int
    text: str | None
    by: str
    at: datetime
    note: str


def count(session: Session) -> int:
    """How many edits there ever were: more than a moment ago, and something was edited since. (The
    highest id would not tell: two edits at once may be committed in the other order.)"""
    return session.scalar(sa.select(sa.func.count()).select_from(ConfigEdit)) or 0


def in_force(session: Session) -> dict[str, Edit]:
    """The last edit of each document that was ever edited."""
    last = sa.select(sa.func.max(ConfigEdit.id)).group_by(ConfigEdit.name)
    rows = session.scalars(
        sa.select(ConfigEdit).where(ConfigEdit.id.in_(last)).order_by(ConfigEdit.name)
    )
    return {row.name: _edit(row) for row in rows}


def history(session: Session, name: str) -> list[Edit]:
    """Every version of a document, the newest first."""
    rows = sa.select(ConfigEdit).where(ConfigEdit.name == name)
    return [_edit(row) for row in session.scalars(rows.order_by(ConfigEdit.version.desc()))]


def add(
    session: Session,
    name: str,
    text: str | None,
    *,
    after: int,
    by: str,
    now: datetime,
    note: str = "",
) -> None:
    """The next version of a document, whose last one was `after` (0: none).

    Raises StaleSettings where somebody was faster."""
    last = session.scalars(
        sa.select(ConfigEdit).where(ConfigEdit.name == name).order_by(ConfigEdit.version.desc())
    ).first()
    if (last.version if last else 0) != after:
        raise stale(name, _edit(last) if last else None)
    row = ConfigEdit(name=name, version=after + 1, text=text, by_user=by, at=now, note=note)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:  # in the same moment
        raise stale(name, None) from error


def stale(name: str, last: Edit | None) -> StaleSettings:
    who = f" by {last.by} at {last.at:%Y-%m-%d %H:%M} UTC" if last else ""
    return StaleSettings(
        f"{name} was changed meanwhile{who}; nothing was stored. Look at it again, then decide.",
        who=last.by if last else "?",
    )


def overriding(edits: Iterable[Edit]) -> list[Edit]:
    """Those that stand in place of a file."""
    return [edit for edit in edits if edit.text is not None]


def _edit(row: ConfigEdit) -> Edit:
    return Edit(row.name, row.version, row.text, row.by_user, row.at, row.note)
