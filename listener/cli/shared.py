"""What commands share: configuration, database, consoles, and arguments of the same meaning."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from listener import in_force
from listener.errors import ConfigError
from listener.settings import Settings
from listener.storage import Database

err = Console(stderr=True, highlight=False)
out = Console(highlight=False)

Once = Annotated[bool, typer.Option("--once", help="Run once and end, rather than until stopped.")]
InputFile = Annotated[
    Path | None, typer.Argument(help="JSON Lines; standard input when absent or -.")
]


def load_settings() -> Settings:
    """The files, with what was edited in the dashboard."""
    return in_force.load()


def open_database(settings: Settings, *, migrate: bool = True) -> Database:
    db = Database(settings.database_url)
    if migrate:
        db.upgrade()
    return db


def span(first: str | None, last: str | None, zone: Any) -> tuple[Any, Any]:
    """From the first day's beginning to the last one's end."""
    from listener import ledger as ledgers

    try:
        days = [date.fromisoformat(day) if day else None for day in (first, last)]
        return ledgers.span(days[0], days[1], zone)
    except ValueError as error:
        raise typer.BadParameter(f"--from and --to are days, as 2026-03-05: {error}") from None


def opened(file: Path | None) -> Any:
    if file is None or str(file) == "-":
        return sys.stdin.buffer
    try:
        return file.open("rb")
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from error


def plain(text: str) -> str:
    """Square brackets are markup to rich; an error's are just brackets."""
    return text.replace("[", r"\[")
