"""The dossier of a number: what people say of it, what the registry and the log say, and who may
see what."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from builders import NOW, ByHand, found, reading, user
from hypothesis import given
from hypothesis import strategies as st

from classifiers.reading import NumberMention
from listener import (
    charts_numbers,
    claims,
    dossiers,
    inquiry,
    matching,
    number_registry,
    offers,
    processing,
    reported_numbers,
)
from listener.crm import csv_import, systems
from listener.crm.local import LocalCrm
from listener.desk import Desk
from listener.domain import CallerNumber, NumberKind
from listener.dossiers import Dossier
from listener.errors import NotAllowed
from listener.settings import AlertRules, Brand, BrandNumber, Settings
from listener.storage import (
    Database,
    mentions,
    number_complaints,
    number_log,
    pending,
    readings,
    registered_numbers,
)
from listener.storage.number_complaints import Asked, Complaint, Matched, Said
from listener.storage.number_log import Use
from listener.vault import open_vault

MADRID = ZoneInfo("Europe/Madrid")
AGENCY, STRANGER = "+34840990001", "+34911222333"
ANA = user("ana")
MARC = user("marc", role="brand_manager")
BERTA = user("berta", brands=("vodafone",))
OLGA = user("olga", brands=("o2",))

MOVISTAR = Brand(
    key="movistar",
    name="Movistar",
    query="movistar",
    numbers=(
        BrandNumber(number="1004"),
        BrandNumber(
            number="840 99 00 01",
            kind=NumberKind.AGENCY,
            owner="Canal Norte",
            valid_from=date(2026, 1, 1),
            valid_to=date(2026, 10, 31),
        ),
    ),
)
O2 = Brand(key="o2", name="O2", query="o2", numbers=(BrandNumber(number="1551"),))
VODAFONE = Brand(key="vodafone", name="Vodafone", kind="competitor", query="vodafone")


# ---------------------------------------------------------------------------- the kind on the day


def kind_on(number: str, day: str, *more: CallerNumber, **asked: Any) -> number_registry.Standing:
    registry = [*number_registry.configured([MOVISTAR, O2, VODAFONE]), *more]
    at = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    values: dict[str, Any] = {"brands": ("movistar",), "country": "ES"} | asked
    return number_registry.standing(number, at, registry, **values)


def keys(said: number_registry.Standing) -> list[str]:
    return [r.key for r in said.reasons]


def test_the_agency_s_number_is_theirs_until_the_last_day() -> None:
    last = kind_on(AGENCY, "2026-10-31")
    assert (last.kind, keys(last)) == (NumberKind.AGENCY, ["number_registered"])
    assert last.entry is not None
    assert last.entry.owner == "Canal Norte"
    after = kind_on(AGENCY, "2026-11-01", in_log=True)
    assert (after.kind, after.entry) == (NumberKind.UNKNOWN, None)
    assert keys(after) == ["number_registered_until", "number_in_log"]
    assert after.reasons[0].values == {"kind": "agency", "day": "2026-10-31"}
    before = kind_on(AGENCY, "2025-12-31")
    assert keys(before) == ["number_registered_from"]
    assert before.reasons[0].values["day"] == "2026-01-01"


def test_a_number_that_nobody_registered_is_unknown_and_says_what_the_log_knows() -> None:
    assert keys(kind_on(STRANGER, "2026-11-20")) == ["number_not_registered"]
    assert keys(kind_on(STRANGER, "2026-11-20", in_log=False))[-1] == "number_not_in_log"
    assert kind_on("911 222 333", "2026-11-20").unknown


def test_a_national_form_meets_the_registry() -> None:
    assert kind_on("840990001", "2026-05-05").kind is NumberKind.AGENCY
    assert kind_on("+34 1004", "2026-05-05").kind is NumberKind.OWN


def test_another_brand_s_number_is_told_without_its_owner() -> None:
    said = kind_on("1551", "2026-11-20")
    assert (said.kind, said.entry) == (NumberKind.OWN, None)
    assert keys(said) == ["number_of_another_brand"]


def test_two_entries_for_one_day_are_both_told_and_the_configuration_wins() -> None:
    other = CallerNumber("1004", "movistar", NumberKind.RETIRED)
    said = kind_on("1004", "2026-11-20", other)
    assert said.kind is NumberKind.OWN
    assert [r.values["kind"] for r in said.reasons] == ["own", "retired"]


def test_forms_of_a_number_that_somebody_types() -> None:
    assert reported_numbers.forms(" 911 22 23 33 ", ["ES"]) == (STRANGER, "911 22 23 33")
    assert reported_numbers.forms("1004", ["ES", "PT"]) == ("1004",)
    assert reported_numbers.forms("  ", ["ES"]) == ()


def mentioned(written: str, e164: str | None = None, text: str = "") -> NumberMention:
    start = text.index(written) if text else 0
    digits = "".join(c for c in written if c.isdigit())
    return NumberMention(written, e164, (start, start + len(written)), digits)


@pytest.mark.parametrize(
    ("text", "e164", "countries", "plain"),
    [
        ("1004", None, ["ES"], "1004"),
        ("911 22 23 33", STRANGER, ["ES"], STRANGER),
        # No plan has assigned these ranges but Chile's.
        ("897 55 01 23", "+56897550123", ["ES"], "+34897550123"),
        ("897 55 01 23", None, ["ES"], "+34897550123"),
        ("897 55 01 23", "+56897550123", ["ES", "CL"], "+56897550123"),
        ("+56 897 55 01 23", "+56897550123", ["ES"], "+56897550123"),
        ("55 1234 5678", "+525512345678", ["ES"], "+525512345678"),
        ("+52 1 55 1234 5678", "+5215512345678", ["MX"], "+525512345678"),
        ("12345678", None, ["ES"], "12345678"),
    ],
)
def test_a_reported_number_has_the_form_of_the_registry(
    text: str, e164: str | None, countries: list[str], plain: str
) -> None:
    assert reported_numbers.callers(text, [mentioned(text, e164)], [], countries) == {plain}


def test_the_author_s_own_phone_called_nobody() -> None:
    text = "El 1004 otra vez. Mi número es 612 904 417, soy cliente INV-1006. Y el 911 22 23 33"
    found = [
        mentioned("1004", None, text),
        mentioned("612 904 417", "+34612904417", text),
        mentioned("1006", None, text),
        mentioned("911 22 23 33", STRANGER, text),
    ]
    given = matching.identifiers(text, countries=["ES"], registry=["1004"])
    assert {i.kind.value for i in given} == {"phone", "customer_id"}
    assert reported_numbers.callers(text, found, given, ["ES"]) == {"1004", STRANGER}


@pytest.mark.parametrize(
    ("number", "country"), [(STRANGER, "ES"), ("+5215512345678", "MX"), ("1004", ""), ("x", "")]
)
def test_the_country_of_a_number(number: str, country: str) -> None:
    assert reported_numbers.country_of(number) == country


# ---------------------------------------------------------------------------- when

_MENTIONS = itertools.count(1)


def complaint(author: str = "marta", hours: float = 1, **changes: Any) -> Complaint:
    values: dict[str, Any] = {
        "mention_id": next(_MENTIONS),
        "brand": "movistar",
        "author": author,
        "published_at": NOW - timedelta(hours=hours),
        "lang": "es",
        "source": "mastodon",
        "site": "",
        "contacts": None,
        "days": None,
        "invented": False,
    }
    return Complaint(**(values | changes))


def test_days_and_hours_are_those_of_the_reader() -> None:
    late = complaint(published_at=datetime(2026, 11, 19, 23, 30, tzinfo=UTC))
    assert dossiers.by_day([late], MADRID) == {date(2026, 11, 20): 1}
    assert dossiers.by_hour([late], MADRID)[0].count == 1
    assert dossiers.by_weekday([late], MADRID)[4].count == 1  # a Friday
    assert dossiers.by_hour([late], ZoneInfo("Asia/Kolkata"))[5].count == 1  # 5:00


@given(st.integers(0, 400), st.integers(0, 400))
def test_an_interval_holds_its_share(count: int, more: int) -> None:
    low, high = dossiers.wilson(count, count + more)
    assert 0 <= low <= high <= 1
    if count + more:
        assert low <= count / (count + more) <= high


def test_the_interval_of_a_text_book() -> None:
    low, high = dossiers.wilson(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.49, 0.943)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=24))
def test_shares_keep_the_counts_within_their_intervals(counts: list[int]) -> None:
    told = dossiers.shares(counts)
    assert [s.count for s in told] == counts
    assert all(s.low - 1e-9 <= s.count <= s.high + 1e-9 for s in told)


def test_the_chart_draws_every_slot_its_interval_and_the_even_line() -> None:
    words = charts_numbers.Words("Hora", "Quejas", "mín.", "máx.", "iguales")
    told = dossiers.by_hour([complaint(), complaint(hours=2)], MADRID)
    spec = charts_numbers.spread(told, [str(h) for h in range(24)], words).to_dict()
    bars, intervals, line = spec["layer"]
    assert len(bars["data"]["values"]) == 24
    assert bars["encoding"]["x"]["scale"]["domain"][:2] == ["0", "1"]
    assert intervals["encoding"]["y2"]["field"] == "high"
    assert line["data"]["values"][0]["even"] == pytest.approx(2 / 24)


# ---------------------------------------------------------------------------- the claims


def test_one_person_s_claims_about_the_same_time_count_once_the_largest() -> None:
    told = [
        complaint("marta", 48, contacts=9, days=14),
        complaint("marta", 24, contacts=12, days=14),
        complaint("marta", 12, contacts=5),  # about the same, as far as anybody can tell
        complaint("paco", 10, contacts=4, days=2),
        complaint("eva", 5),
    ]
    said = claims.summed(told)
    assert (said.told, said.people, said.contacts) == (4, 2, 16)
    assert (said.dated, said.dated_people) == (16, 2)
    assert said.start == NOW - timedelta(hours=48, days=14)
    assert said.end == NOW - timedelta(hours=10)


def test_claims_about_different_times_add_up() -> None:
    old, new = complaint(hours=24 * 60, contacts=3, days=7), complaint(contacts=5, days=7)
    assert claims.summed([new, old]).contacts == 8
    year = complaint(hours=0.5, contacts=6, days=365)  # says less than the two that it spans
    assert claims.summed([new, old, year]).contacts == 8
    assert claims.summed([new, old, replace(year, contacts=20)]).contacts == 20


def test_nobody_claims_anything() -> None:
    assert claims.summed([complaint(), complaint(days=3)]) == claims.Claims()


CLAIMS = st.lists(
    st.builds(
        complaint,
        author=st.sampled_from("abc"),
        hours=st.floats(0, 2000),
        contacts=st.none() | st.integers(0, 40),
        days=st.none() | st.integers(1, 60),
    ),
    max_size=12,
)


@given(CLAIMS, st.randoms(use_true_random=False))
def test_claims_are_bounded_and_their_order_changes_nothing(
    told: list[Complaint], chance: Any
) -> None:
    said = claims.summed(told)
    counts = [c.contacts for c in told if c.contacts is not None]
    assert max(counts, default=0) <= said.contacts <= sum(counts)
    assert said.dated <= said.contacts
    again = list(told)
    chance.shuffle(again)
    assert claims.summed(again) == said
    # Who says all of it once more adds nothing.
    assert claims.summed([*told, *told]).contacts == said.contacts


@given(CLAIMS)
def test_windows_do_not_touch(told: list[Complaint]) -> None:
    made = claims.windows(told)
    assert all(a.end < b.start for a, b in itertools.pairwise(made))
    assert len(made) <= sum(c.contacts is not None and c.days is not None for c in told)


def test_only_what_the_log_holds_in_the_claimed_time_is_compared() -> None:
    posts = [
        complaint("marta", 24, contacts=9, days=7),
        complaint("marta_otra", 12, contacts=6, days=7),
        complaint("paco", 12, contacts=4, days=2),
    ]
    who = [
        Matched(posts[0].mention_id, "local", "C-1", "ES"),
        Matched(posts[1].mention_id, "local", "C-1", "ES"),  # her other account
        Matched(posts[2].mention_id, "elsewhere", "C-1", None),
    ]
    theirs = claims.of_customers(posts, who, ["local"])
    assert list(theirs) == ["C-1"]
    contacts = [("C-1", NOW - timedelta(days=n)) for n in (1, 2, 30)] + [("C-2", NOW)]
    assert claims.compared(theirs, contacts) == claims.Compared(1, 9, 2)


# ---------------------------------------------------------------------------- the offers


def words_of(texts: Sequence[Said], *ignored: str) -> dict[str, dict[str, int]]:
    return {o.lang: dict(o.words) for o in offers.offered(texts, ignored)}


def test_words_are_counted_by_people_and_shown_as_written() -> None:
    texts = [
        Said("marta", "es", "Otra vez el 1004 de Movistar con la fibra y el móvil, ¡hartos!"),
        Said("marta", "es", "La alarma, la alarma, la alarma: siempre la alarma de Movistar"),
        Said("paco", "es", "Me llaman a la siesta por la FIBRA. Móvil, dicen @movistar_es"),
        Said("eva", "es", "movistar https://fibra.example/alarma me ofrece Fibra y móvil"),
        Said("tom", "en", "They keep calling about fibre broadband"),
        Said("liz", "en", "fibre again, eight calls this week, client INV-1006"),
        Said("sue", "en", "INV-1007 here"),
        Said("kai", "hi", "फाइबर फाइबर"),
        Said("rui", "hi", "फाइबर"),
    ]
    told = words_of(texts, *offers.names_of([MOVISTAR]))
    assert told == {"es": {"fibra": 3, "móvil": 3}, "en": {"fibre": 2}}
    assert [o.people for o in offers.offered(texts)] == [3, 3]


@given(
    st.lists(
        st.builds(
            Said,
            author=st.sampled_from("abcd"),
            lang=st.sampled_from(["es", "en", "pt", "fr", "it", "de", "hi", "und"]),
            text=st.text(
                st.sampled_from("fibra luz tv ñoÑé#@.:/ 1") | st.characters(), max_size=80
            ),
        ),
        max_size=12,
    )
)
def test_any_text_can_be_counted(texts: list[Said]) -> None:
    for offer in offers.offered(texts):
        assert all(2 <= count <= offer.people for _, count in offer.words)
        assert offer.people == len({t.author for t in texts if t.lang == offer.lang})


def test_nothing_of_what_every_complaint_says_is_an_offer() -> None:
    texts = {
        "es": "Me llaman cada día por teléfono desde ese número y nunca cuelgan, qué acoso",
        "en": "They keep calling me every day from this phone number, stop harassing us",
        "pt": "Ligam todos os dias para o meu telefone, já disse que não quero",
        "fr": "Ils appellent tous les jours sur mon téléphone, j'ai dit non, arrêtez",
        "it": "Mi chiamano tutti i giorni al telefono, ho detto di no, basta",
        "de": "Die rufen jeden Tag unter meiner Nummer an, ich habe nein gesagt",
    }
    said = [Said(author, lang, text) for lang, text in texts.items() for author in "ab"]
    assert {o.lang: o.words for o in offers.offered(said)} == dict.fromkeys(texts, ())


# ---------------------------------------------------------------------------- whom to ask


def test_the_owner_is_asked_else_the_log_else_nobody() -> None:
    uses = [Use("Fibra", "Norte", 120), Use("Fibra", "Sur", 5), Use("", "Sur", 1)]
    owned = kind_on(AGENCY, "2026-05-05")
    assert [r.values for r in dossiers.ask(owned, uses)] == [{"owner": "Canal Norte"}]
    own = kind_on("1004", "2026-05-05")  # the registry names no owner
    assert [r.values["names"] for r in dossiers.ask(own, uses)] == [
        "Norte (120), Sur (6)",
        "Fibra (125)",
    ]
    assert [r.key for r in dossiers.ask(own, [Use(" ", "", 4)])] == ["ask_nobody"]
    mark = CallerNumber(STRANGER, "movistar", NumberKind.IMPOSTOR)
    impostor = kind_on(STRANGER, "2026-05-05", mark)
    assert [r.key for r in dossiers.ask(impostor, [])] == ["ask_nobody_impostor"]


def test_what_a_campaign_is_for() -> None:
    assert dossiers.purpose("Fibra otoño") == "sales"
    assert dossiers.purpose("Recobro amistoso") == "collection"


# ---------------------------------------------------------------------------- with a database

PEOPLE = (
    "customer_id,name,phone,handles,country\n"
    "C-1,Marta Rey,612 904 417,mastodon:marta@social.example,ES\n"
    "C-2,Paco Gil,655 010 203,mastodon:paco@social.example,PT\n"
)
EVENTS = "event_id,at,direction,channel,customer_id,customer_number,caller_number,campaign,centre\n"
NUMBERS = "number,brand,kind,owner\n897 55 01 23,movistar,impostor,\n"

# Far enough from each other that none is taken for a copy.
TEXTS = (
    "Movistar: otra vez a la hora de comer con la fibra, nueve veces en dos semanas",
    "Qué pesados los de Movistar, mi padre ya no descuelga por la fibra de marras",
    "Me ofrecen la fibra de Movistar cuando estoy conduciendo, un peligro de verdad",
    "¿Alguien puede parar a Movistar? Mañana, tarde y noche, sin educación ninguna",
    "Tengo el buzón lleno de avisos, gentileza de Movistar y su máquina de marcar",
    "Cinco timbrazos antes del desayuno, cortesía de Movistar; hoy he gritado",
)


@dataclass
class Town:
    """Posts, customers and a log; what people write is read as a test says."""

    db: Database
    folder: Path
    answers: dict[str, Any] = field(default_factory=dict)

    def settings(self) -> Settings:
        return Settings(
            folder=self.folder,
            var=self.folder,
            database_url=self.db.url,
            brands=(MOVISTAR, O2, VODAFONE),
            alerts=AlertRules(recipients=("desk@example.org",)),
        )

    def write(
        self,
        text: str,
        *called: str,
        author: str = "marta",
        hours: float = 1,
        brands: Sequence[str] = ("movistar",),
        invented: bool = False,
        repost_of: str | None = None,
        **facts: Any,
    ) -> None:
        self.answers[text] = reading(harassment=True, numbers=called, **facts)
        item = found(
            f"post-{len(self.answers)}-{hours}-{author}",
            text,
            brands,
            author=author,
            published_at=NOW - timedelta(hours=hours),
            invented=invented,
            repost_of=repost_of,
        )
        with self.db.write() as session:
            mentions.save_found(session, "square/movistar", [item], now=NOW)
            waiting = pending.oldest(session, 10)
        crms = systems(self.settings(), self.db, lambda: NOW)
        reader = ByHand(self.answers)
        processing.step(self.db, self.settings(), reader, crms, waiting, lambda: NOW)

    def load(self, people: str = "", events: Sequence[str] = (), registry: str = "") -> None:
        for name, text, read in (
            ("people.csv", people, csv_import.import_people),
            ("events.csv", EVENTS + "\n".join(events) if events else "", csv_import.import_events),
            ("numbers.csv", registry, csv_import.import_numbers),
        ):
            if text:
                file = self.folder / name
                file.write_text(text, encoding="utf-8")
                assert not read(self.db, self.settings(), file).refused

    def asked(self, days: float = 30, brands: Sequence[str] = ("movistar",)) -> Asked:
        return Asked(tuple(brands), NOW - timedelta(days=days), NOW)

    def desk(self) -> Desk:
        return Desk(self.db, self.settings(), lambda: NOW)

    def dossier(self, number: str, who: Any = ANA, **changes: Any) -> Dossier:
        values: dict[str, Any] = {
            "first": date(2026, 10, 22),
            "last": date(2026, 11, 20),
            "zone": MADRID,
        }
        return self.desk().numbers.dossier(who, number, **(values | changes))


@pytest.fixture
def town(database: Database, tmp_path: Path) -> Town:
    return Town(database, tmp_path)


def test_the_diagnosis_and_the_dossier_read_one_registry(town: Town) -> None:
    town.load(registry=NUMBERS)
    local = LocalCrm(town.db, open_vault(town.folder))
    with town.db.read() as session:
        read = [
            *number_registry.configured(town.settings().brands),
            *registered_numbers.imported(session),
        ]
        assert registered_numbers.imported(session, ["o2"]) == []
        assert registered_numbers.imported(session, invented=True) == []
        assert len(registered_numbers.imported(session, ["movistar"], invented=False)) == 1
    assert read == inquiry.registry(town.settings(), local)
    assert read[-1] == CallerNumber("+34897550123", "movistar", NumberKind.IMPOSTOR)


def test_people_are_counted_and_copies_are_not(town: Town) -> None:
    town.write(TEXTS[0], "1004", STRANGER)
    town.write(TEXTS[1], "1004", hours=3)
    town.write(TEXTS[2], "1004", author="paco", hours=5)
    town.write(TEXTS[2], "1004", author="eva", hours=4)  # the same leaflet
    town.write(TEXTS[3], "1004", author="eva", hours=24 * 40)
    town.write(TEXTS[4], "1004", author="luis", brands=("vodafone",))
    with town.db.read() as session:
        told = number_complaints.reported(session, town.asked())
        again = number_complaints.copies(session, ["1004"], town.asked())
    assert [(r.number, r.complaints, r.people, r.before) for r in told] == [
        ("1004", 3, 2, 1),
        (STRANGER, 1, 1, 0),
    ]
    assert told[0].last_at == NOW - timedelta(hours=1)
    assert again == 1


def test_what_people_correct_is_no_complaint_any_more(town: Town) -> None:
    town.write(TEXTS[0], "1004")
    with town.db.write() as session:
        readings.correct(session, 1, "harassment", False, by="ana", now=NOW)
        assert number_complaints.reported(session, town.asked()) == []
        assert number_complaints.load(session, ["1004"], town.asked()) == []


def test_invented_posts_count_where_they_are_asked_for(town: Town) -> None:
    town.write(TEXTS[0], "1004", invented=True)
    with town.db.read() as session:
        [told] = number_complaints.reported(session, town.asked())
        assert number_complaints.reported(session, replace(town.asked(), invented=False)) == []
    assert told.invented == 1


def test_the_claims_of_a_reading_come_back(town: Town) -> None:
    town.write(TEXTS[0], "1004", contact_count=9, period_days=14)
    town.write(TEXTS[1], "1004", hours=3, brands=("movistar", "o2"))
    with town.db.read() as session:
        both = number_complaints.load(session, ["1004"], town.asked(brands=("movistar", "o2")))
    assert [(c.contacts, c.days, c.brand) for c in both] == [
        (None, None, "movistar"),
        (9, 14, "movistar"),
    ]


def test_posts_come_with_their_case_the_newest_first(town: Town) -> None:
    for n in range(4):
        town.write(TEXTS[n], "1004", author=f"p{n}", hours=n + 1)
    with town.db.read() as session:
        first = number_complaints.posts(session, ["1004"], town.asked(), limit=3)
        rest = number_complaints.posts(session, ["1004"], town.asked(), limit=3, offset=3)
    assert [p.text for p in [*first, *rest]] == list(TEXTS[:4])
    assert all(p.case_id for p in first)
    assert len({p.case_id for p in [*first, *rest]}) == 4
    assert first[0].reading.facts["numbers"][0]["text"] == "1004"


def log(event: str, hours: float, *, caller: str = "1004", who: str = "C-1", **more: str) -> str:
    at = (NOW - timedelta(hours=hours)).isoformat()
    phone, campaign = more.get("phone", ""), more.get("campaign", "Fibra")
    way = more.get("direction", "out")
    return (
        f"{event},{at},{way},call,{who},{phone},{caller},{campaign},{more.get('centre', 'Norte')}"
    )


def test_the_log_of_a_number_by_campaign_and_centre(town: Town) -> None:
    town.load(
        events=[
            log("E-1", 1),
            log("E-2", 2),
            log("E-3", 2, centre="Sur"),
            log("E-4", 3, direction="in"),
            log("E-5", 3, caller=AGENCY, campaign="Móvil"),
            log("E-6", 24 * 40),
        ]
    )
    month, now = NOW - timedelta(days=30), NOW
    with town.db.read() as session:
        assert number_log.uses(session, ["1004"], month, now) == [
            Use("Fibra", "Norte", 2),
            Use("Fibra", "Sur", 1),
        ]
        assert number_log.logged(session, ["1004"], NOW - timedelta(hours=2), NOW) == 3
        assert number_log.logged(session, ["1004"], NOW - timedelta(hours=5), NOW) == 3
        assert number_log.used(session, ["1004", AGENCY, STRANGER]) == {"1004", AGENCY}
        assert number_log.used(session, [AGENCY], invented=False) == {AGENCY}


def test_contacts_belong_to_the_customer_named_or_to_whoever_has_the_phone(town: Town) -> None:
    town.load(
        PEOPLE,
        [
            log("E-1", 1),
            log("E-2", 2, who="", phone="612904417"),
            log("E-3", 3, who="C-2", phone="612904417"),  # her phone, his record
            log("E-4", 4, caller=AGENCY),
            log("E-5", 5, direction="in"),
            log("E-6", 24 * 9),
        ],
    )
    with town.db.read() as session:
        told = number_log.contacts_with(session, ["1004"], ["C-1"], NOW - timedelta(days=7), NOW)
    assert sorted(told) == [("C-1", NOW - timedelta(hours=2)), ("C-1", NOW - timedelta(hours=1))]


def lived(town: Town) -> None:
    """Marta and Paco are customers; the 1004 called her twice in the two weeks that she tells of."""
    days = [24.0 * n for n in (2, 5, 40)]
    town.load(PEOPLE, [log(f"E-{n}", h) for n, h in enumerate(days)], NUMBERS)
    town.write(TEXTS[0], "1004", contact_count=9, period_days=14)
    town.write(TEXTS[1], "1004", author="paco", hours=30)
    town.write(TEXTS[2], "1004", author="eva", hours=50, contact_count=3)
    town.write(TEXTS[3], STRANGER, author="luis", hours=60)


def test_the_dossier_brings_all_of_it_together(town: Town) -> None:
    lived(town)
    told = town.dossier("1004")
    assert (told.complaints, told.people, told.copies) == (3, 3, 0)
    assert told.standing.kind is NumberKind.OWN
    assert (told.claims.contacts, told.claims.dated, told.logged) == (12, 9, 2)
    assert told.compared == claims.Compared(customers=1, claimed=9, logged=2)
    assert told.customers == {"ES": 1, "PT": 1}
    assert told.country == ""
    assert [o.words[0] for o in told.offers] == [("fibra", 3)]
    assert [(u.campaign, u.contacts) for u in told.uses] == [("Fibra", 2)]
    assert [r.values["names"] for r in told.ask] == ["Norte (2)", "Fibra (2)"]
    assert sum(told.by_day.values()) == sum(s.count for s in told.by_hour) == 3
    assert told.brands == {"movistar": 3}
    assert [line.imported for line in told.listed] == [False]


def test_a_number_that_somebody_types_is_found(town: Town) -> None:
    lived(town)
    assert town.dossier("911 22 23 33").number == STRANGER
    assert town.dossier("897 550 123").standing.kind is NumberKind.IMPOSTOR  # registered only
    stranger = town.dossier(STRANGER)
    assert keys(stranger.standing) == ["number_not_registered", "number_not_in_log"]
    assert stranger.country == "ES"
    assert [r.key for r in stranger.ask] == ["ask_nobody"]


def test_the_list_flags_who_is_unknown(town: Town) -> None:
    lived(town)
    lines, registry = town.desk().numbers.reported(ANA)
    assert [(x.reported.number, x.standing.kind.value) for x in lines] == [
        ("1004", "own"),
        (STRANGER, "unknown"),
    ]
    assert [line.standing.unknown for line in lines] == [False, True]
    assert [(x.entry.number, x.imported) for x in registry] == [
        ("1004", False),
        (AGENCY, False),
        ("1551", False),
        ("+34897550123", True),
    ]


# ---------------------------------------------------------------------------- who may see what


def test_who_the_authors_are_is_for_those_who_work_on_cases(town: Town) -> None:
    lived(town)
    told = town.dossier("1004", MARC)
    assert (told.customers, told.compared) == (None, None)
    assert told.complaints == 3
    for anybody in (told, town.dossier("1004")):
        assert "Marta Rey" not in repr(anybody)
        assert "C-1" not in repr(anybody)


@pytest.mark.parametrize("who", [BERTA, OLGA])
def test_another_brand_s_numbers_are_nobody_else_s(town: Town, who: Any) -> None:
    lived(town)
    lines, registry = town.desk().numbers.reported(who)
    assert lines == []
    assert {x.entry.brand for x in registry} <= set(who.brands)
    for number in ("1004", STRANGER, "+34897550123", "no es un número"):
        with pytest.raises(NotAllowed):
            town.dossier(number, who)
        with pytest.raises(NotAllowed):
            town.desk().numbers.posts(
                who, number, first=date(2026, 11, 1), last=date(2026, 11, 20), zone=MADRID
            )


def test_a_post_shows_the_kind_of_its_own_day(town: Town) -> None:
    town.write(TEXTS[0], AGENCY)
    town.write(TEXTS[1], AGENCY, author="paco", hours=24 * 25)
    told = town.desk().numbers.posts(
        ANA, AGENCY, first=date(2026, 10, 1), last=date(2026, 11, 20), zone=MADRID
    )
    assert [kind.kind.value for _, kind in told] == ["unknown", "agency"]
    both = town.dossier(AGENCY)
    assert keys(both.standing)[0] == "number_registered_until"
    assert [r.key for r in both.ask] == ["ask_nobody"]
