"""Accounts of the dashboard."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from listener.cli.shared import load_settings, open_database, out


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
    from listener import accounts

    settings = load_settings()
    service = settings.listener.service
    link = accounts.add_user(
        open_database(settings),
        username,
        name=name or username,
        email=email,
        role=role,
        language=language or service.language,
        time_zone=service.time_zone,
        brands=tuple(brand or ()),
        languages=tuple(reads or ()),
        queues=tuple(queue or ()),
    )
    print(f"{service.public_url.rstrip('/')}{link}")


def link(username: str) -> None:
    """A new one-time link, for a forgotten password."""
    from listener import accounts

    settings = load_settings()
    link = accounts.make_setup_link(open_database(settings), username)
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
    from listener import accounts

    accounts.disable(open_database(load_settings()), username)
    print(f"{username} is disabled")
