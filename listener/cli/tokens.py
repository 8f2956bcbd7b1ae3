"""Tokens of the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table

from listener.cli.shared import load_settings, open_database, out


def add(
    username: str,
    scope: Annotated[
        list[str], typer.Option(help="read, work, ingest, suppress, admin, metrics; several times.")
    ],
    name: Annotated[str, typer.Option(help="What it is for.")] = "token",
    lasts: Annotated[str, typer.Option(help="Until it ends: 12h, 90d, 52w.")] = "90d",
) -> None:
    """Make a token that acts as a user, and print it: it is shown this once."""
    from listener import api_tokens
    from listener.accounts import utc_now
    from listener.config_documents import COMMAND_LINE

    settings = load_settings()
    _, token = api_tokens.add(
        open_database(settings),
        username,
        name=name,
        scopes=scope,
        lasts=_duration(lasts),
        by=COMMAND_LINE,
        now=utc_now(),
    )
    print(token)


def show() -> None:
    """The tokens that there are, the newest first."""
    from listener import api_tokens
    from listener.accounts import utc_now

    table = Table("id", "name", "user", "scopes", "last used", "state", box=None)
    now = utc_now()
    for token in api_tokens.everyone(open_database(load_settings())):
        ends = f"until {token.expires_at:%Y-%m-%d}"
        state = "revoked" if token.revoked_at else ends if now < token.expires_at else "ended"
        table.add_row(
            str(token.id),
            token.name,
            token.username,
            ", ".join(token.scopes),
            f"{token.used_at:%Y-%m-%d %H:%M} UTC" if token.used_at else "never",
            state,
        )
    out.print(table)


def revoke(token_id: int) -> None:
    """End a token at once."""
    from listener import api_tokens
    from listener.accounts import utc_now
    from listener.config_documents import COMMAND_LINE

    api_tokens.revoke(open_database(load_settings()), token_id, by=COMMAND_LINE, now=utc_now())
    print(f"token {token_id} is revoked")


def _duration(written: str) -> timedelta:
    from listener.sections import parse_duration

    try:
        return parse_duration(written)
    except ValueError as error:
        raise typer.BadParameter(f"--lasts: {error}") from None
