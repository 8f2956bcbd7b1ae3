"""`listener diagnose`: one person's contacts, the post and the rules brought together and judged.

Sequence only: what is found comes from the CRM `local` and the reader, what follows from it is
decided in `diagnosis.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from classifiers.reading import CallFacts
from listener import i18n, phones
from listener.contact_log import Post, prepare
from listener.crm.local import LocalCrm
from listener.diagnosis import Ground, diagnose
from listener.domain import (
    CallerNumber,
    ContactEvent,
    Customer,
    Diagnosis,
    Identifier,
    IdentifierKind,
    Reason,
    Step,
)
from listener.errors import ConfigError, CRMError, ImportError_
from listener.reader import ReadsFacts
from listener.settings import Settings
from listener.storage import Database, cases
from listener.times import parse_time
from listener.vault import open_vault


def home(settings: Settings) -> str:
    """The country of the first brand of our own, else of the first brand."""
    brands = sorted(settings.brands, key=lambda b: b.kind != "own")
    return brands[0].countries[0] if brands and brands[0].countries else "ES"


# ---------------------------------------------------------------------------- who


def by_customer(crm: LocalCrm, ref: str) -> tuple[Customer, list[ContactEvent]]:
    """Raises CRMError for an id that is not there."""
    customer = crm.get(ref)
    if customer is None:
        raise CRMError(
            f"there is no customer {ref!r}; look at the id, or import people", crm="local"
        )
    return customer, crm.history(ref)


def by_phone(
    crm: LocalCrm, written: str, settings: Settings
) -> tuple[Customer | None, list[ContactEvent], str]:
    """Whoever has the phone, in any written form; with several, or nobody, the phone alone.
    Raises ImportError_ for what is no phone."""
    countries = dict.fromkeys([home(settings), *(c for b in settings.brands for c in b.countries)])
    tried = list(dict.fromkeys(n for c in countries if (n := phones.normalise(written, c))))
    # A national form of a country where no brand of ours is: whoever has it in the record.
    tried += [n for c in settings.calling if (n := phones.normalise(written, c)) and n not in tried]
    if not tried:
        raise ImportError_(f"{written!r} is no phone number; write it as +34600123456")
    for number in tried:
        found = crm.find([Identifier(IdentifierKind.PHONE, number)])
        if len(found) == 1:
            customer = found[0].customer
            return customer, crm.history(customer.ref), number
        events = crm.of_number(number)
        if events or found:
            return None, events, number
    return None, [], tried[0]


# ---------------------------------------------------------------------------- what they wrote


def read_post(
    path: Path, reader: ReadsFacts, countries: Sequence[str], now: datetime, settings: Settings
) -> Post:
    """A post from a file: its text, or a JSON object with `text` and, where known, `lang` and
    `published_at`. Raises ImportError_."""
    try:
        written = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ImportError_(f"cannot read the post {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ImportError_(
            f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8."
        ) from error
    told = _object(written, path)
    text = str(told.get("text", ""))
    if not text.strip():
        raise ImportError_(f"{path}: the post has no text.")
    at = now
    if told.get("published_at"):
        try:
            at = parse_time(told["published_at"], settings.listener.service.zone)
        except ValueError as error:
            raise ImportError_(f"{path}: published_at: {error}.") from error
    lang = str(told.get("lang") or "") or reader.read([text])[0].lang
    facts = reader.facts([text], langs=[lang], countries=countries)[0]
    return post_of(text, lang, at, facts)


def _object(written: str, path: Path) -> Mapping[str, Any]:
    if not written.lstrip().startswith("{"):
        return {"text": written}
    try:
        told = json.loads(written)
    except ValueError as error:
        raise ImportError_(f"{path}: begins like JSON and is none: {error}.") from error
    if not isinstance(told.get("text"), str):
        raise ImportError_(f'{path}: the object has no "text".')
    return dict(told)


def post_of(text: str, lang: str, at: datetime, facts: CallFacts) -> Post:
    return Post(
        text=text,
        lang=lang,
        at=at,
        contact_count=facts.contact_count,
        period_days=facts.period_days,
        numbers=tuple(n.e164 or n.digits for n in facts.numbers),
        channels=facts.channels,
        refusals=facts.spans.get("opt_out", ()) if facts.opt_out else (),
        legal_threat=facts.legal_threat,
        churn_threat=facts.churn_threat,
        off_hours=facts.off_hours,
    )


def post_of_case(detail: cases.CaseDetail) -> Post | None:
    """The complaint of a case that says most; of several the newest."""

    def says(mention: cases.CaseMentionView) -> tuple[int, datetime]:
        facts = mention.reading.facts if mention.reading else {}
        told = ("contact_count", "period_days", "numbers", "opt_out")
        return sum(bool(facts.get(name)) for name in told), mention.published_at

    read = [m for m in detail.mentions if m.reading is not None and m.reading.harassment]
    best = max(read, key=says, default=None)
    if best is None or best.reading is None:
        return None
    facts = best.reading.facts
    spans = facts.get("spans", {})
    return Post(
        text=best.text,
        lang=best.reading.lang,
        at=best.published_at,
        contact_count=facts.get("contact_count"),
        period_days=facts.get("period_days"),
        numbers=tuple(n["e164"] or n["text"] for n in facts.get("numbers", ())),
        channels=tuple(facts.get("channels", ())),
        refusals=tuple((a, b) for a, b in spans.get("opt_out", ())),
        legal_threat=bool(facts.get("legal_threat")),
        churn_threat=bool(facts.get("churn_threat")),
        off_hours=bool(facts.get("off_hours")),
    )


# ---------------------------------------------------------------------------- together


def registry(settings: Settings, crm: LocalCrm, brand: str | None = None) -> list[CallerNumber]:
    """The numbers of brands.toml and those that were imported; of one brand, or of all."""
    found = [
        CallerNumber(
            number=phones.normalise_caller(n.number, b.countries[0] if b.countries else ""),
            brand=b.key,
            kind=n.kind,
            owner=n.owner,
            valid_from=_midnight(n.valid_from, 0),
            valid_to=_midnight(n.valid_to, 1),
        )
        for b in settings.brands
        if b.kind == "own" and brand in (None, b.key)
        for n in b.numbers
    ]
    return [*found, *crm.numbers(brand)]


def _midnight(day: date | None, later: int) -> datetime | None:
    return datetime.combine(day + timedelta(days=later), time(), UTC) if day else None


def inquire(
    db: Database,
    settings: Settings,
    *,
    customer: str | None = None,
    phone: str | None = None,
    case: int | None = None,
    post: Path | None = None,
    reader: Callable[[], ReadsFacts],
    now: datetime,
) -> Diagnosis:
    """One of customer, phone and case says whose contacts; a case has its post."""
    crm = LocalCrm(db, open_vault(settings.var))
    who: Customer | None = None
    events: list[ContactEvent] = []
    number, brand = "", None
    wrote: Post | None = None
    if case is not None:
        with db.read() as session:
            detail = cases.get(session, case)
        if detail is None:
            raise CRMError(f"there is no case {case}", crm="local")
        brand, wrote = detail.summary.brand, post_of_case(detail)
        if detail.summary.customer_ref:
            who, events = by_customer(crm, detail.summary.customer_ref)
    elif customer is not None:
        who, events = by_customer(crm, customer)
    elif phone is not None:
        who, events, number = by_phone(crm, phone, settings)
    else:
        raise ConfigError("say whose contacts: --customer, --phone or --case")
    log = prepare(
        events,
        customer=who,
        number=number,
        home=home(settings),
        rules=settings.calling,
        now=now,
        suppressed_at=crm.suppressed_at([*(who.phones if who else ()), number]),
    )
    if post is not None:
        countries = tuple(dict.fromkeys([log.country, home(settings)]))
        wrote = read_post(post, reader(), countries, now, settings)
    if wrote is not None:
        plain = tuple(phones.normalise_caller(n, log.country) for n in wrote.numbers)
        wrote = replace(wrote, numbers=plain)
    return diagnose(
        Ground(
            log=log,
            post=wrote,
            registry=registry(settings, crm, brand),
            rules=settings.calling,
            company=settings.company,
            thresholds=settings.diagnosis,
            used=crm.uses,
        )
    )


# ---------------------------------------------------------------------------- told


def to_json(found: Diagnosis, language: str, zone: Any) -> dict[str, Any]:
    """The object of `listener diagnose --json`; reasons in words."""

    def said(reason: Reason) -> str:
        return i18n.explain(reason, language, zone)

    def steps(of: Sequence[Step]) -> list[dict[str, str]]:
        return [{"action": s.action.value, "reason": said(s.reason)} for s in of]

    return {
        "causes": [
            {
                "cause": c.kind.value,
                "confidence": c.confidence,
                "reason": " ".join(said(r) + "." for r in c.reasons),
                "evidence": list(c.evidence),
                "against": [said(r) for r in c.against],
            }
            for c in found.causes
        ],
        "breaches": [
            {
                "kind": b.kind.value,
                "rule": b.rule,
                "event_ids": list(b.event_ids),
                "source": b.source,
            }
            for b in found.breaches
        ],
        "claimed": {"contact_count": found.claimed_count, "period_days": found.claimed_days},
        "logged_in_period": found.logged_in_period,
        "next_best_action": {
            "do": steps(found.next_best_action.do),
            "avoid": steps(found.next_best_action.avoid),
        },
    }


def show(told: Mapping[str, Any], language: str, out: Console) -> None:
    """The same for people, on a terminal."""

    def head(key: str) -> None:
        out.print(i18n.text(key, language), style="bold")

    claimed = told["claimed"]
    head("What the person claims and what the log holds")
    out.print(
        i18n.text(
            "claimed: {count} contacts in {days} days; in the log in that time: {logged}",
            language,
            {
                "count": _or_none(claimed["contact_count"]),
                "days": _or_none(claimed["period_days"]),
                "logged": _or_none(told["logged_in_period"]),
            },
        ),
        markup=False,
    )
    head("Likely causes")
    for cause in told["causes"]:
        name = i18n.label("cause", cause["cause"], language)
        sure = i18n.percent(cause["confidence"], language)
        out.print(f"  {name} ({sure}): {cause['reason']}", markup=False)
        out.print(f"    {', '.join(cause['evidence'])[:400]}", markup=False)
        for against in cause["against"]:
            out.print(f"    - {against}", markup=False)
    head("Possible breaches")
    for breach in told["breaches"]:
        name = i18n.label("breach", breach["kind"], language)
        ids = ", ".join(breach["event_ids"])[:300]
        out.print(f"  {name}: {breach['rule']} ({breach['source']}): {ids}", markup=False)
    for key, title in (("do", "What to do"), ("avoid", "What not to do")):
        head(title)
        for step in told["next_best_action"][key]:
            name = i18n.label("action", step["action"], language)
            out.print(f"  {name}: {step['reason']}", markup=False)


def _or_none(value: int | None) -> object:
    return "-" if value is None else value
