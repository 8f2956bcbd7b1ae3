"""The command line. Each command is thin: it reads its arguments, calls one function and prints.

Exit codes: 0 done; 1 something is unhealthy or refused; 2 the input or the call is wrong. Imports
that take long (the reader, the dashboard) happen inside the commands that need them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from listener import settings as settings_module
from listener.errors import ConfigError, ImportError_, ListenerError, QueryError
from listener.settings import Settings
from listener.storage import Database

app = typer.Typer(
    name="listener",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Every complaint of harassment is seen, explained, answered and ended.",
)
user_app = typer.Typer(no_args_is_help=True, help="Accounts of the dashboard.")
crm_app = typer.Typer(no_args_is_help=True, help="People and contact events of the company.")
sample_app = typer.Typer(no_args_is_help=True, help="Invented data for a first look.")
app.add_typer(user_app, name="user")
app.add_typer(crm_app, name="crm")
app.add_typer(sample_app, name="sample")

err = Console(stderr=True, highlight=False)
out = Console(highlight=False)

_WRONG_INPUT = (ConfigError, QueryError, ImportError_)

Once = Annotated[bool, typer.Option("--once", help="Run once and end, rather than until stopped.")]
InputFile = Annotated[
    Path | None, typer.Argument(help="JSON Lines; standard input when absent or -.")
]


def main() -> None:
    """Run the command line; an error that we know is one clear message, not a traceback."""
    try:
        app(standalone_mode=True)
    except ListenerError as error:
        err.print(f"[red]error:[/red] {_plain(str(error))}", soft_wrap=True)
        sys.exit(2 if isinstance(error, _WRONG_INPUT) else 1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


@app.callback()
def _common(
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    from listener import logs

    if log_level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise typer.BadParameter(f"{log_level!r}: choose DEBUG, INFO, WARNING or ERROR")
    logs.configure(level=log_level.upper())


# ---------------------------------------------------------------------------- the service


@app.command()
def run(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Dashboard's port.")] = None,
    dashboard: Annotated[bool, typer.Option(help="Serve the dashboard, too.")] = True,
) -> None:
    """Scheduler, the three loops and the dashboard, until stopped."""
    from listener import accounts, logs, service

    settings = _settings()
    if port is not None:
        page = settings.listener.dashboard.model_copy(update={"port": port})
        listener = settings.listener.model_copy(update={"dashboard": page})
        settings = settings.model_copy(update={"listener": listener})
    logs.configure(settings.listener.service.log_format)
    db = _database(settings)
    link = accounts.first_administrator(db)
    if dashboard:
        base = settings.listener.service.public_url.rstrip("/")
        if port is not None:
            base = f"http://{settings.listener.dashboard.host}:{port}"
        if link:
            err.print(
                "[bold]First start.[/bold] Set the administrator's password here (once, within a "
                f"day; user name: admin):\n  {base}{link}",
                soft_wrap=True,
            )
        else:
            err.print(f"Dashboard: {base}", soft_wrap=True)
    raise typer.Exit(service.run(settings, db, dashboard=dashboard))


def _loop_command(name: str, text: str) -> None:
    def command(
        once: Once = False,
        force: Annotated[
            bool, typer.Option(help="collect: ask every source now, due or not.")
        ] = False,
    ) -> None:
        _run_loop(name, once=once, force=force)

    command.__doc__ = text
    app.command(name=name)(command)


_loop_command("collect", "Ask the sources that are due and store what is new.")


@app.command()
def process(
    once: Once = False,
    failed: Annotated[
        bool, typer.Option(help="First, let what could not be processed wait again.")
    ] = False,
) -> None:
    """Read, match, prioritise and route what was collected."""
    _run_loop("process", once=once, failed=failed)


_loop_command("deliver", "Send what waits in the outbox.")


def _run_loop(name: str, *, once: bool, force: bool = False, failed: bool = False) -> None:
    import signal

    from listener import pipeline, schedule, service
    from listener.storage import pending

    settings = _settings()
    road = service.road(settings, _database(settings))
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
            print(json.dumps({name: schedule.run_loop(road, name, loop)}), flush=True)
        except ListenerError as error:
            if once:
                raise
            # A worker outlives a database that restarts; what failed is in `listener status`.
            err.print(f"[red]{name}:[/red] {_plain(str(error))}", soft_wrap=True)
        if once or road.stop.wait(every):
            break
    road.http.close()
    road.db.close()


# ---------------------------------------------------------------------------- texts in, answers out


@app.command()
def classify(file: InputFile = None) -> None:
    """JSON Lines with `text` in, readings out: one line for one line, in order."""
    from listener import texts

    with _opened(file) as stream:
        raise typer.Exit(texts.classify(stream, sys.stdout.buffer, sys.stderr))


@app.command()
def match(
    query: Annotated[str, typer.Argument(help="A boolean query; see docs/query-language.md.")],
    file: InputFile = None,
    country: Annotated[
        list[str] | None, typer.Option(help="Countries whose numbers `number:` knows.")
    ] = None,
) -> None:
    """Which lines of a JSONL a boolean query finds, and which part of each."""
    from listener import texts

    with _opened(file) as stream:
        raise typer.Exit(
            texts.match(query, tuple(country or ("ES",)), stream, sys.stdout.buffer, sys.stderr)
        )


@app.command(name="import")
def import_file(
    file: Annotated[Path, typer.Argument(help="JSONL or CSV of mentions.")],
    rejects: Annotated[
        Path | None, typer.Option(help="Write every refused line with its reason here (CSV).")
    ] = None,
) -> None:
    """Mentions from a file: says how many came in, were there already, were refused and why."""
    from listener import imports, service

    settings = _settings()
    road = service.road(settings, _database(settings))
    result = imports.mentions(road, file, rejects, err)
    print(json.dumps(result.to_json(), ensure_ascii=False))


@app.command()
def retrain(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="JSONL of labelled texts that you may use, beside the corrections."),
    ] = None,
    full: Annotated[
        Path | None,
        typer.Option(help="Fine-tune the whole encoder, with the public sets in this folder."),
    ] = None,
    use: Annotated[str | None, typer.Option(help="Put this version to use.")] = None,
    rollback: Annotated[bool, typer.Option(help="Back to what came before.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Every version.")] = False,
    force: Annotated[bool, typer.Option(help="Use the new weights even if worse.")] = False,
) -> None:
    """Teach the reader what people corrected; a worse one is kept and not used (exit 1)."""
    from listener import retraining
    from listener.pipeline import utc_now

    settings = _settings()
    if show:
        retraining.show(settings, out)
    elif rollback:
        print(f"{retraining.roll_back(settings)} is in use from the next start of the service on")
    elif use is not None:
        retraining.use(settings, use)
        print(f"{use} is in use from the next start of the service on")
    else:
        better = retraining.run(
            settings,
            _database(settings),
            files or [],
            now=utc_now(),
            told=out,
            public=full,
            force=force,
        )
        raise typer.Exit(0 if better else 1)


# ---------------------------------------------------------------------------- what there is


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Sources, loops, queue depths, last errors; exit 1 when something is unhealthy."""
    from listener import status as status_module

    settings = _settings()
    report = status_module.report(settings, _database(settings, migrate=False))
    if as_json:
        print(json.dumps(report.to_json(), ensure_ascii=False, default=str))
    else:
        status_module.show(report, out)
    raise typer.Exit(0 if report.healthy else 1)


@app.command()
def count(
    by: Annotated[str | None, typer.Option(help="Break down by one kind (see the error).")] = None,
) -> None:
    """What is stored, as one JSON object."""
    from listener.storage import trends

    if by is not None and by not in trends.KINDS:
        raise typer.BadParameter(f"{by!r}: choose one of {', '.join(trends.KINDS)}")
    settings = _settings()
    with _database(settings, migrate=False).read() as session:
        print(json.dumps(trends.counts(session, by), ensure_ascii=False))


@app.command()
def doctor(
    migrate: Annotated[bool, typer.Option(help="Bring the database's schema up to date.")] = False,
) -> None:
    """Check configuration, database, sources, reader and e-mail; exit 1 if something is wrong."""
    from listener import doctor as doctor_module

    raise typer.Exit(doctor_module.run(out, migrate=migrate))


# ---------------------------------------------------------------------------- people


@user_app.command("add")
def user_add(
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

    settings = _settings()
    service = settings.listener.service
    link = accounts.add_user(
        _database(settings),
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


@user_app.command("link")
def user_link(username: str) -> None:
    """A new one-time link, for a forgotten password."""
    from listener import accounts

    settings = _settings()
    link = accounts.make_setup_link(_database(settings), username)
    print(f"{settings.listener.service.public_url.rstrip('/')}{link}")


@user_app.command("list")
def user_list() -> None:
    """Who has an account."""
    from listener.storage import people

    table = Table("user", "name", "e-mail", "role", "brands", "queues", "state", box=None)
    with _database(_settings()).read() as session:
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


@user_app.command("disable")
def user_disable(username: str) -> None:
    """End an account's sessions and refuse its sign-in; what the person did stays."""
    from listener import accounts

    accounts.disable(_database(_settings()), username)
    print(f"{username} is disabled")


@crm_app.command("import")
def crm_import(
    people: Annotated[Path | None, typer.Option(help="people.csv")] = None,
    events: Annotated[Path | None, typer.Option(help="events.csv")] = None,
    numbers: Annotated[Path | None, typer.Option(help="numbers.csv")] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="TOML: your column names and codes for ours (docs/crm.md).")
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Write every refused row with its line and reason here.")
    ] = None,
) -> None:
    """People, contact events and numbers from CSV or XLSX; bad rows are listed, the rest comes in."""
    from listener import imports

    if not (people or events or numbers):
        raise typer.BadParameter("name at least one of --people, --events, --numbers")
    settings = _settings()
    refused = imports.crm(
        settings, _database(settings), people, events, numbers, mapping, err, rejects=rejects
    )
    raise typer.Exit(1 if refused else 0)


@app.command()
def diagnose(
    phone: Annotated[str | None, typer.Option(help="The person's phone, however written.")] = None,
    customer: Annotated[str | None, typer.Option(help="The customer's id in the CRM.")] = None,
    case: Annotated[int | None, typer.Option(help="A case, with its posts.")] = None,
    post: Annotated[
        Path | None, typer.Option(help="What they wrote: text, or JSON with text and published_at.")
    ] = None,
    now: Annotated[
        str | None, typer.Option(help="Judge as of this time; later contacts are left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Why did we contact them again: causes, possible breaches, what to do next."""
    from listener import inquiry, pipeline, reader
    from listener.crm import systems
    from listener.times import parse_time

    if [phone, customer, case].count(None) != 2:
        raise typer.BadParameter("say whose contacts: one of --phone, --customer, --case")
    settings = _settings()
    try:
        at = parse_time(now, settings.listener.service.zone) if now else pipeline.utc_now()
    except ValueError as error:
        raise typer.BadParameter(f"--now: {error}") from None
    db = _database(settings)
    found = inquiry.inquire(
        db,
        settings,
        systems(settings, db),
        customer=customer,
        phone=phone,
        case=case,
        post=post,
        reader=lambda: reader.configured(settings),
        now=at,
    )
    service = settings.listener.service
    told = inquiry.to_json(found, service.language, service.zone)
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        inquiry.show(told, service.language, out)


@app.command()
def ledger(
    by: Annotated[
        str, typer.Option(help="campaign, centre, list, agent or number (that calls).")
    ] = "campaign",
    first: Annotated[
        str | None, typer.Option("--from", help="The first day (2026-03-05); from the beginning.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last day; to the end.")] = None,
    sale_value: Annotated[float, typer.Option(min=0, help="What a sale is worth.")] = 150.0,
    customer_value: Annotated[float, typer.Option(min=0, help="What a customer is worth.")] = 600.0,
    churn_share: Annotated[
        float, typer.Option(min=0, max=1, help="Of those who threaten to leave, so many do.")
    ] = 0.25,
    lost_per_complaint: Annotated[
        float, typer.Option(min=0, help="Customers lost with each complaint, besides.")
    ] = 0.5,
    invented: Annotated[bool, typer.Option(help="Count what is invented, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """What each campaign dialled and sold, the complaints that followed, and whether it paid."""
    from listener import ledger as ledgers
    from listener.storage import ledger as stored

    if by not in set(stored.By):
        raise typer.BadParameter(f"--by {by!r}: choose one of {', '.join(stored.By)}")
    settings = _settings()
    service = settings.listener.service
    start, end = _span(first, last, service.zone)
    with _database(settings, migrate=False).read() as session:
        found = stored.read(
            session,
            stored.By(by),
            start=start,
            end=end,
            local=[c.name for c in settings.crms if c.type == "local"],
            invented=invented,
        )
    given = ledgers.Assumptions(sale_value, customer_value, churn_share, lost_per_complaint)
    judged = ledgers.judge(ledgers.count(found), given)
    if as_json:
        print(json.dumps(ledgers.to_json(judged, service.language), ensure_ascii=False))
    else:
        ledgers.show(judged, service.language, service.zone, out)


@app.command()
def simulate(
    per_week: Annotated[
        int | None, typer.Option(min=0, help="At most so many contacts in any seven days.")
    ] = None,
    cool_off: Annotated[
        int | None,
        typer.Option(min=0, max=36_500, help="No sales contact for so many days after a refusal."),
    ] = None,
    hours: Annotated[
        str | None, typer.Option(help="Only then, by the person's clock: 10-20, 10:30-20:00.")
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="The first day (2026-03-05); from the beginning.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last day; to the end.")] = None,
    invented: Annotated[bool, typer.Option(help="Count what is invented, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """What another contact policy would have meant: contacts, complaints and sales that were."""
    from datetime import timedelta

    from listener import inquiry, simulation
    from listener.storage import ledger as stored

    if per_week is None and cool_off is None and hours is None:
        raise typer.BadParameter("say what changes: --per-week, --cool-off, --hours")
    try:
        policy = simulation.Policy(
            per_week,
            None if cool_off is None else timedelta(days=cool_off),
            None if hours is None else simulation.parse_hours(hours),
        )
    except ValueError as error:
        raise typer.BadParameter(f"--hours: {error}") from None
    settings = _settings()
    service = settings.listener.service
    start, end = _span(first, last, service.zone)
    local = [c.name for c in settings.crms if c.type == "local"]
    with _database(settings, migrate=False).read() as session:
        found = simulation.simulate(
            stored.people(session, end=end, invented=invented, zones=policy.hours is not None),
            policy,
            stored.complaints(session, start=start, end=end, local=local, invented=invented),
            zone_of=simulation.zones(settings.calling, inquiry.home(settings)),
            start=start,
        )
    if as_json:
        print(json.dumps(simulation.to_json(found, service.language), ensure_ascii=False))
    else:
        simulation.show(found, service.language, out)


@sample_app.command("load")
def sample_load() -> None:
    """About 200 invented posts, 60 customers, 400 contact events, marked as invented."""
    from listener import sample
    from listener.pipeline import utc_now

    settings = _settings()
    print(json.dumps(sample.load(_database(settings), settings, utc_now())))


@sample_app.command("remove")
def sample_remove() -> None:
    """Remove everything invented."""
    from listener import sample

    print(json.dumps(sample.remove(_database(_settings()))))


# ---------------------------------------------------------------------------- shared


def _settings() -> Settings:
    return settings_module.load()


def _database(settings: Settings, *, migrate: bool = True) -> Database:
    db = Database(settings.database_url)
    if migrate:
        db.upgrade()
    return db


def _span(first: str | None, last: str | None, zone: Any) -> tuple[Any, Any]:
    """From the first day's beginning to the last one's end."""
    from datetime import date

    from listener import ledger as ledgers

    try:
        days = [date.fromisoformat(day) if day else None for day in (first, last)]
        return ledgers.span(days[0], days[1], zone)
    except ValueError as error:
        raise typer.BadParameter(f"--from and --to are days, as 2026-03-05: {error}") from None


def _opened(file: Path | None) -> Any:
    if file is None or str(file) == "-":
        return sys.stdin.buffer
    try:
        return file.open("rb")
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from error


def _plain(text: str) -> str:
    """Square brackets are markup to rich; an error's are just brackets."""
    return text.replace("[", r"\[")
