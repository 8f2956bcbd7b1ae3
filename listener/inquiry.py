"""`listener diagnose`: one person's contacts, the post and the rules brought together and judged.

Sequence only: what is found comes from the CRM `local` and the reader, what follows from it is
decided in `diagnosis.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from classifiers.reading import CallFacts
from listener import facts, i18n, number_registry, phones
from listener.contact_log import ContactLog, Post, prepare
from listener.crm import Capability, Systems
from listener.crm.local import LocalCrm
from listener.crm.merging import merged
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
from listener.storage import Database, case_detail
from listener.times import parse_time
from listener.vault import open_vault


def home(settings: Settings) -> str:
    """The country of the first brand of our own, else of the first brand."""
    brands = sorted(settings.brands, key=lambda b: b.kind != "own")
    return brands[0].countries[0] if brands and brands[0].countries else "ES"


# ---------------------------------------------------------------------------- who


@dataclass(frozen=True, slots=True)
class Who:
    """Whose contacts are judged: a customer, or only a phone."""

    customer: Customer | None
    events: tuple[ContactEvent, ...]
    number: str = ""
    silent: tuple[str, ...] = ()  # systems that could not say what they know


def by_customer(crms: Systems, ref: str, crm: str | None = None) -> Who:
    """The customer of that id in the CRM, or in the first that has one. Raises CRMError."""
    for name in [crm] if crm else crms.that_can(Capability.HISTORY):
        customer = crms.customer(name, ref)
        if customer is not None:
            events, silent = crms.contacts(name, customer)
            return Who(customer, tuple(events), silent=tuple(silent))
    raise CRMError(
        "there is no customer {ref!r}; look at the id, or import people",
        crm=crm or "local",
        ref=ref,
    )


def by_phone(crms: Systems, local: LocalCrm, written: str, settings: Settings) -> Who:
    """Whoever has the phone, in any written form; with several, or nobody, the phone alone.
    Raises ImportError_ for what is no phone."""
    countries = dict.fromkeys([home(settings), *(c for b in settings.brands for c in b.countries)])
    # The last is a national form of a country where no brand of ours is: whoever has it.
    forms = (phones.normalise(written, c) for c in (*countries, *settings.calling))
    tried = list(dict.fromkeys(n for n in forms if n))
    if not tried:
        raise ImportError_(f"{written!r} is no phone number; write it as +34600123456")
    for number in tried:
        found = crms.find([Identifier(IdentifierKind.PHONE, number)]).candidates
        if len(found) == 1:
            customer = found[0].customer
            events, silent = crms.contacts(customer.crm, customer)
            return Who(customer, tuple(events), number, tuple(silent))
        dialled, quiet = crms.calls([number])
        events = merged(local.of_number(number), [("dialler", e) for e in dialled])
        if events or found:
            return Who(None, tuple(events), number, tuple(quiet))
    return Who(None, (), tried[0])


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
    claims = reader.facts([text], langs=[lang], countries=countries)[0]
    return post_of(text, lang, at, claims)


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


def post_of(text: str, lang: str, at: datetime, claims: CallFacts) -> Post:
    return Post(
        text=text,
        lang=lang,
        at=at,
        contact_count=claims.contact_count,
        period_days=claims.period_days,
        numbers=tuple(n.e164 or n.digits for n in claims.numbers),
        channels=claims.channels,
        refusals=claims.spans.get("opt_out", ()) if claims.opt_out else (),
        legal_threat=claims.legal_threat,
        churn_threat=claims.churn_threat,
        off_hours=claims.off_hours,
    )


def post_of_case(detail: case_detail.CaseDetail) -> Post | None:
    """The complaint of a case that says most; of several the newest."""

    def says(mention: case_detail.CaseMentionView) -> tuple[int, datetime]:
        claims = mention.reading.facts if mention.reading else {}
        told = ("contact_count", "period_days", "numbers", "opt_out")
        return sum(bool(claims.get(name)) for name in told), mention.published_at

    read = [m for m in detail.mentions if m.reading is not None and m.reading.harassment]
    best = max(read, key=says, default=None)
    if best is None or best.reading is None:
        return None
    found = facts.call_facts(best.reading.facts)
    post = post_of(best.text, best.reading.lang, best.published_at, found)
    # A person says that they refused, and no passage was found: it is looked for in all of the post.
    said = post.refusals or (((0, len(best.text)),) if found.opt_out else ())
    numbers = tuple(n.e164 or n.text for n in found.numbers)
    return replace(post, refusals=said, numbers=numbers)


# ---------------------------------------------------------------------------- together


def registry(settings: Settings, crm: LocalCrm, brand: str | None = None) -> list[CallerNumber]:
    """The numbers of brands.toml and those that were imported; of one brand, or of all."""
    found = number_registry.configured(settings.brands)
    return [*(n for n in found if brand in (None, n.brand)), *crm.numbers(brand)]


def of_case(crms: Systems, detail: case_detail.CaseDetail) -> Inquiry:
    """A case with its post. Raises CRMError when the CRM does not answer."""
    ref = detail.summary.customer_ref
    who = by_customer(crms, ref, detail.crm) if ref else Who(None, ())
    return Inquiry(who, post_of_case(detail), detail.summary.brand)


def inquire(
    db: Database,
    settings: Settings,
    crms: Systems,
    *,
    customer: str | None = None,
    phone: str | None = None,
    case: int | None = None,
    post: Path | None = None,
    reader: Callable[[], ReadsFacts],
    now: datetime,
) -> Diagnosis:
    """One of customer, phone and case says whose contacts; a case has its post."""
    local = LocalCrm(db, open_vault(settings.var))
    if case is not None:
        with db.read() as session:
            detail = case_detail.get(session, case)
        if detail is None:
            raise CRMError("there is no case {id}", crm="local", id=case)
        asked = of_case(crms, detail)
    elif customer is not None:
        asked = Inquiry(by_customer(crms, customer))
    elif phone is not None:
        asked = Inquiry(by_phone(crms, local, phone, settings))
    else:
        raise ConfigError("say whose contacts: --customer, --phone or --case")
    if post is not None:
        log = prepared(asked.who, settings, local, now)
        countries = tuple(dict.fromkeys([log.country, home(settings)]))
        asked = replace(asked, post=read_post(post, reader(), countries, now, settings))
    return judged(asked, settings, local, now)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Whose contacts, what they wrote, and of which brand it is (None: of any)."""

    who: Who
    post: Post | None = None
    brand: str | None = None


def prepared(who: Who, settings: Settings, local: LocalCrm, now: datetime) -> ContactLog:
    phones_ = [*(who.customer.phones if who.customer else ()), who.number]
    return prepare(
        who.events,
        customer=who.customer,
        number=who.number,
        home=home(settings),
        rules=settings.calling,
        now=now,
        suppressed_at=local.suppressed_at(phones_),
    )


def judged(asked: Inquiry, settings: Settings, local: LocalCrm, now: datetime) -> Diagnosis:
    log = prepared(asked.who, settings, local, now)
    post = asked.post
    if post is not None:
        plain = tuple(phones.normalise_caller(n, log.country) for n in post.numbers)
        post = replace(post, numbers=plain)
    return diagnose(
        Ground(
            log=log,
            post=post,
            registry=registry(settings, local, asked.brand),
            rules=settings.calling,
            company=settings.company,
            thresholds=settings.diagnosis,
            used=local.uses,
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
                "rule": b.rule.get(language) or b.rule["en"],
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
