"""The service, and each of its three loops alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

import typer

from listener.cli.shared import Once, err, load_settings, open_database, plain
from listener.errors import ListenerError


def run(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Dashboard's port.")] = None,
    dashboard: Annotated[bool, typer.Option(help="Serve the dashboard, too.")] = True,
) -> None:
    """Scheduler, the three loops and the dashboard, until stopped."""
    from listener import accounts, logs, service
    from listener.checks import listening_host

    settings = load_settings()
    if port is not None:
        page = settings.listener.dashboard.model_copy(update={"port": port})
        listener = settings.listener.model_copy(update={"dashboard": page})
        settings = settings.model_copy(update={"listener": listener})
    logs.configure(settings.listener.service.log_format)
    db = open_database(settings)
    link = accounts.first_administrator(db)
    if dashboard:
        base = settings.listener.service.public_url.rstrip("/")
        host, why = listening_host(
            settings, settings.listener.dashboard.host, guarded=accounts.somebody_enters(db)
        )
        if port is not None or why:
            base = f"http://{host}:{settings.listener.dashboard.port}"
        if why:
            err.print(f"[yellow]Note:[/yellow] {plain(why)}", soft_wrap=True)
        if link:
            err.print(
                "[bold]First start.[/bold] Set the administrator's password here (once, within a "
                f"day; user name: admin):\n  {base}{link}",
                soft_wrap=True,
            )
        else:
            err.print(f"Dashboard: {base}", soft_wrap=True)
    raise typer.Exit(service.run(settings, db, dashboard=dashboard))


def collect(
    once: Once = False,
    force: Annotated[bool, typer.Option(help="Ask every source now, due or not.")] = False,
) -> None:
    """Ask the sources that are due and store what is new."""
    _run_loop("collect", once=once, force=force)


def deliver(once: Once = False) -> None:
    """Send what waits in the outbox."""
    _run_loop("deliver", once=once)


def process(
    once: Once = False,
    failed: Annotated[
        bool, typer.Option(help="First, let what could not be processed wait again.")
    ] = False,
) -> None:
    """Read, match, prioritise and route what was collected."""
    _run_loop("process", once=once, failed=failed)


def _run_loop(name: str, *, once: bool, force: bool = False, failed: bool = False) -> None:
    import signal

    from listener import pipeline, schedule, service
    from listener.storage import pending

    settings = load_settings()
    newest = service.roads(settings, open_database(settings))
    road = newest()
    if failed:
        with road.db.write() as session:
            again = pending.wait_again(session)
        err.print(f"{again} mentions wait again")
    loop: Callable[[pipeline.Road], dict[str, Any]] = schedule.LOOPS[name]
    if name == "collect" and force:
        loop = lambda r: pipeline.collect(r, force=True)  # noqa: E731
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: road.stop.set())
    every = getattr(settings.listener.schedule, name).total_seconds()
    while True:
        try:
            print(json.dumps({name: schedule.run_loop(newest(), name, loop)}), flush=True)
        except ListenerError as error:
            if once:
                raise
            # A worker outlives a database that restarts; what failed is in `listener status`.
            err.print(f"[red]{name}:[/red] {plain(str(error))}", soft_wrap=True)
        if once or road.stop.wait(every):
            break
    road.http.close()
    road.db.close()
