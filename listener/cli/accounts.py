"""Accounts of the dashboard."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from listener.cli.shared import load_settings, open_database, out

_BY = "command line"


def add(
    username: str,
    name: Annotated[str, typer.Option(help="As people call them.")] = "",
    email: Annotated[str, typer.Option(help="Where their alerts go.")] = "",
    role: Annotated[
        str,
        typer.Option(help="community_manager, brand_manager, marketing_lead or administrator."),
    ] = "community_manager",
    language: Annotated[str, typer.Option(help="Of pages and e-mails: es or en.")] = "",
    brand: Annotated[list[str] | None, typer.Option(help="May see these; all if absent.")] = None,
    reads: Annotated[
        list[str] | None, typer.Option(help="Languages they answer in; all if absent.")
    ] = None,
    queue: Annotated[list[str] | None, typer.Option(help="Queues they serve; all.")] = None,
) -> None:
    """Add an account and print the one-time link that sets its password."""
    from listener import staff
    from listener.accounts import utc_now

    settings = load_settings()
    link = staff.add(
        open_database(settings),
        settings,
        username,
        name=name or username,
        email=email,
        role=role,
        language=language,
        reach=staff.Reach(tuple(brand or ()), tuple(reads or ()), tuple(queue or ())),
        by=_BY,
        now=utc_now(),
    )
    print(f"{settings.listener.service.public_url.rstrip('/')}{link}")


def link(username: str) -> None:
    """A new one-time link, for a forgotten password."""
    from listener import staff
    from listener.accounts import utc_now

    settings = load_settings()
    link = staff.new_link(open_database(settings), username, by=_BY, now=utc_now())
    print(f"{settings.listener.service.public_url.rstrip('/')}{link}")


def show() -> None:
    """Who has an account."""
    from listener.storage import people

    table = Table("user", "name", "e-mail", "role", "brands", "queues", "state", box=None)
    with open_database(load_settings()).read() as session:
        for user in people.everyone(session):
            state = "disabled" if user.disabled else "" if user.password_hash else "no password yet"
            table.add_row(
                user.username,
                user.name,
                user.email,
                user.role,
                ", ".join(user.brands) or "all",
                ", ".join(user.queues) or "all",
                state,
            )
    out.print(table)


def disable(username: str) -> None:
    """End an account's sessions and refuse its sign-in; what the person did stays."""
    from listener import staff
    from listener.accounts import utc_now

    staff.disable(open_database(load_settings()), username, by=_BY, now=utc_now())
    print(f"{username} is disabled")


def enable(username: str) -> None:
    """Let a disabled account sign in again."""
    from listener import staff
    from listener.accounts import utc_now

    staff.enable(open_database(load_settings()), username, by=_BY, now=utc_now())
    print(f"{username} may sign in again")


def unlock(username: str) -> None:
    """Let somebody try again whom failed sign-ins have locked out."""
    from listener import staff
    from listener.accounts import utc_now

    staff.unlock(open_database(load_settings()), username, by=_BY, now=utc_now())
    print(f"{username} may try again")
