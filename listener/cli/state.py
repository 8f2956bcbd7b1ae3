"""What there is, and whether it is well."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from listener.cli.shared import load_settings, open_database, out


def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Sources, loops, queue depths, last errors; exit 1 when something is unhealthy."""
    from listener import status as status_module

    settings = load_settings()
    report = status_module.report(settings, open_database(settings, migrate=False))
    if as_json:
        print(json.dumps(report.to_json(), ensure_ascii=False, default=str))
    else:
        status_module.show(report, out)
    raise typer.Exit(0 if report.healthy else 1)


def count(
    by: Annotated[str | None, typer.Option(help="Break down by one kind (see the error).")] = None,
) -> None:
    """What is stored, as one JSON object."""
    from listener.storage import trends

    if by is not None and by not in trends.KINDS:
        raise typer.BadParameter(f"{by!r}: choose one of {', '.join(trends.KINDS)}")
    settings = load_settings()
    with open_database(settings, migrate=False).read() as session:
        print(json.dumps(trends.counts(session, by), ensure_ascii=False))


def doctor(
    migrate: Annotated[bool, typer.Option(help="Bring the database's schema up to date.")] = False,
) -> None:
    """Check configuration, database, sources, reader and e-mail; exit 1 if something is wrong."""
    from listener import doctor as doctor_module

    raise typer.Exit(doctor_module.run(out, migrate=migrate))
