"""Possible breaches: by the rule in force on the day, in the person's own time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.calling_rules import CompanyPolicy
from listener.contact_log import Post, prepare
from listener.contact_policy import judge
from listener.domain import (
    Breach,
    BreachKind,
    CallerNumber,
    Channel,
    ContactEvent,
    Customer,
    Direction,
    NumberKind,
)
from listener.settings_files import load

ROOT = Path(__file__).resolve().parent.parent
RULES = load(ROOT / "config", {}).calling
NOBODY = CompanyPolicy(frequency=())
LUCIA = Customer(
    "local", "C-1", "Lucía", ("+34600101010",), country="ES", time_zone="Europe/Madrid"
)


def call(at: str, number: str = "+34910101010", **more: object) -> ContactEvent:
    moment = datetime.fromisoformat(at)
    event = ContactEvent(at, moment, Direction.OUT, Channel.CALL, caller_number=number)
    return replace(event, **more)  # type: ignore[arg-type]


def judged(
    events: Sequence[ContactEvent],
    who: Customer = LUCIA,
    post: Post | None = None,
    company: CompanyPolicy = NOBODY,
    registry: Sequence[CallerNumber] = (),
) -> tuple[Breach, ...]:
    log = prepare(
        events, customer=who, home="ES", rules=RULES, now=datetime(2027, 1, 1, tzinfo=UTC)
    )
    return judge(log, post, rules=RULES, company=company, registry=registry)


def kinds(*args: object, **named: object) -> set[str]:
    return {b.kind.value for b in judged(*args, **named)}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("at", "found"),
    [
        ("2026-05-13T09:00:00+02:00", set()),
        ("2026-05-13T21:00:30+02:00", set()),
        ("2026-05-13T21:01:00+02:00", {"hours"}),
        ("2026-05-13T08:59:00+02:00", {"hours"}),
        ("2026-05-16T12:00:00+02:00", {"day"}),  # a Saturday
        ("2026-05-01T23:00:00+02:00", {"day"}),  # a holiday; no "hours" beside it
        ("2026-05-13T06:59:59+00:00", {"hours"}),  # 8:59 in Madrid
    ],
)
def test_hours_in_spain(at: str, found: set[str]) -> None:
    assert kinds([call(at)]) == found


def test_the_persons_own_zone() -> None:
    tenerife = replace(LUCIA, time_zone="Atlantic/Canary")
    late = call("2026-05-13T21:30:00+02:00")  # 20:30 on the islands
    assert kinds([late], tenerife) == set()
    canary_day = call("2025-05-30T12:00:00+01:00")  # Día de Canarias, a Friday
    assert kinds([canary_day], tenerife) == {"day"}
    assert kinds([canary_day]) == set()


def test_the_rule_in_force_on_the_day() -> None:
    manon = replace(LUCIA, country="FR", time_zone="Europe/Paris", status="prospect")
    assert kinds([call("2026-08-10T13:30:00+02:00")], manon) == {"hours"}
    assert kinds([call("2026-08-11T13:30:00+02:00")], manon) == {"no_consent"}
    mobile = "+34612345678"
    assert kinds([call("2025-06-06T12:00:00+02:00", mobile)]) == set()
    assert kinds([call("2025-06-09T12:00:00+02:00", mobile)]) == {"number_range"}
    ana = replace(LUCIA, country="BR", time_zone="America/Sao_Paulo")
    assert kinds([call("2025-07-31T12:00:00-03:00", "+551130301010")], ana) == {"number_range"}
    assert kinds([call("2025-07-31T12:00:00-03:00", "0303 123 4567")], ana) == set()
    assert kinds([call("2025-08-01T12:00:00-03:00", "+551130301010")], ana) == set()


def test_colombia_binds_messages_and_debts_too() -> None:
    juan = replace(LUCIA, country="CO", time_zone="America/Bogota")
    sunday = call("2026-05-10T10:00:00-05:00", channel=Channel.SMS, campaign="Cobranza")
    assert kinds([sunday], juan) == {"day"}
    assert kinds([replace(sunday, campaign="Cita técnico")], juan) == set()


def test_consent() -> None:
    prospect = replace(LUCIA, status="prospect")
    noon = call("2026-05-13T12:00:00+02:00")
    assert kinds([noon], prospect) == {"no_consent"}
    granted = replace(prospect, consent="granted", consent_at=noon.at - timedelta(days=1))
    assert kinds([noon], granted) == set()
    assert kinds([noon], replace(granted, consent_at=noon.at + timedelta(days=1))) == {"no_consent"}
    assert kinds([noon]) == set()  # a customer
    assert kinds([call("2023-06-28T12:00:00+02:00")], prospect) == set()


def test_a_register_and_its_grace() -> None:
    rosa = replace(LUCIA, country="MX", time_zone="America/Mexico_City")
    at = datetime(2026, 5, 13, 18, tzinfo=UTC)
    noon = call("2026-05-12T12:00:00-06:00")

    def post(text: str) -> Post:
        return Post(text, "es", at)

    assert kinds([noon], rosa, post("Llevo dos meses en el REPEP")) == {"after_register"}
    assert kinds([noon], rosa, post("Me apunté al REPEP hace diez días")) == set()
    assert kinds([noon], rosa, post("No me llamen")) == set()
    assert kinds([replace(noon, note="cliente en REPEP")], rosa) == {"after_register"}


def test_care_numbers_do_not_sell() -> None:
    care = [CallerNumber("1001", "movistar", NumberKind.CARE_ONLY)]
    noon = call("2026-05-13T12:00:00+02:00", "1001", campaign="Promo fibra")
    assert kinds([noon], registry=care) == {"number_range"}
    assert kinds([replace(noon, campaign="Avería")], registry=care) == set()


def test_the_company_s_own_policy() -> None:
    day = [call(f"2026-05-13T1{n}:00:00+02:00") for n in range(3)]
    found = judged(day, company=CompanyPolicy())
    assert [(b.kind, b.by_law, len(b.event_ids)) for b in found] == [
        (BreachKind.FREQUENCY, False, 3)
    ]
    assert judged(day[:2], company=CompanyPolicy()) == ()
    monthly = [call(f"2026-05-{4 + 7 * n:02d}T12:00:00+02:00") for n in range(4)]
    assert judged(monthly, company=CompanyPolicy()) == ()
    assert judged([*monthly, call("2026-06-01T12:00:00+02:00")], company=CompanyPolicy())


@settings(max_examples=60)
@given(
    st.lists(
        st.datetimes(datetime(2022, 1, 1), datetime(2026, 12, 1)).map(
            lambda d: d.replace(tzinfo=UTC)
        ),
        max_size=12,
    ),
    st.sampled_from(sorted(RULES)),
)
def test_every_breach_names_contacts_of_the_log(times: list[datetime], country: str) -> None:
    events = [ContactEvent(str(i), at, Direction.OUT, Channel.CALL) for i, at in enumerate(times)]
    who = replace(LUCIA, country=country, time_zone="")
    for breach in judged(events, who, company=CompanyPolicy()):
        assert breach.event_ids
        assert set(breach.event_ids) <= {e.event_id for e in events}
        assert breach.rule
        assert breach.source


def test_a_reserved_range_is_no_number() -> None:
    rule = next(r for r in RULES["BR"].numbers if r.required)
    assert rule.names_range("0303")
    assert not rule.names_range("03031234567")
    assert not rule.names_range("1004")
