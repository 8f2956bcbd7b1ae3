"""The company's contacts: where they come in, why somebody was contacted again, what campaigns dialled
and sold, what another policy would have meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from listener.cli.shared import err, load_settings, open_database, out, span


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
    settings = load_settings()
    refused = imports.crm(
        settings, open_database(settings), people, events, numbers, mapping, err, rejects=rejects
    )
    raise typer.Exit(1 if refused else 0)


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
    settings = load_settings()
    try:
        at = parse_time(now, settings.listener.service.zone) if now else pipeline.utc_now()
    except ValueError as error:
        raise typer.BadParameter(f"--now: {error}") from None
    db = open_database(settings)
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
    settings = load_settings()
    service = settings.listener.service
    start, end = span(first, last, service.zone)
    with open_database(settings, migrate=False).read() as session:
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
    settings = load_settings()
    service = settings.listener.service
    start, end = span(first, last, service.zone)
    local = [c.name for c in settings.crms if c.type == "local"]
    with open_database(settings, migrate=False).read() as session:
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


def erase(
    author: Annotated[list[str] | None, typer.Option(help="source:handle.")] = None,
    customer: Annotated[list[str] | None, typer.Option(help="[system:]reference.")] = None,
    phone: Annotated[list[str] | None, typer.Option(help="In any written form.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only tell.")] = False,
) -> None:
    """Erase one person: posts, cases' notes about them, matches, phones. Tells first what there is."""
    from listener import erasing, pipeline

    settings = load_settings()
    who = erasing.asked(settings, author or (), customer or (), phone or ())
    known, counts = erasing.erase(
        open_database(settings), who, do=yes, by="command line", now=pipeline.utc_now
    )
    told = counts or {
        "authors": len(known.authors),
        "mentions": len(known.mentions),
        "copies": len(known.copies),
        "cases": len(known.cases),
        "suppressions": len(known.suppressions),
    }
    print(json.dumps({"erased" if yes else "would_erase": told}))
    for line in known.also:
        err.print(f"perhaps the same person, not erased: {line}", markup=False, soft_wrap=True)
    for line in erasing.NOT_ERASED:
        err.print(f"stays: {line}", markup=False, soft_wrap=True)
    if not yes:
        err.print("Nothing was changed; add --yes to erase.")
