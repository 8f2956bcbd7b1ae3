"""What campaigns dialled and sold, and the complaints that are laid to them. Marta complains after
two campaigns, Nuria threatens to leave, Tomás is known by his phone only, Eva is content."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from builders import NOW, ByHand, found, reading, user
from command import Home
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from listener import ledger, pipeline
from listener.crm import csv_import
from listener.desk import Desk
from listener.domain import CaseStatus, Resolution
from listener.errors import NotAllowed
from listener.httpclient import HttpClient
from listener.ledger import Assumptions, Count, Counts
from listener.pipeline import Road
from listener.settings import Brand, Http, Settings
from listener.storage import Database, case_search, mentions, suppressions
from listener.storage import ledger as stored
from listener.storage.case_search import CaseFilter
from listener.storage.case_summary import CaseSummary
from listener.storage.ledger import By, Complaint, Found, Sums, Touch
from listener.storage.suppressions import Phone, Wanted
from listener.storage.tables import CaseRow, CrmEvent
from listener.vault import open_vault

MADRID = ZoneInfo("Europe/Madrid")
MOVISTAR = Brand(key="movistar", name="Movistar", query="movistar OR number:1004")
PEOPLE = """customer_id,name,phone,handles,country,time_zone
C-1,Marta Rey,612904417,mastodon:marta@social.example,ES,Europe/Madrid
C-2,Nuria Sanz,600111222,mastodon:nuria@social.example,ES,
C-3,Tomás Gil,600333444,mastodon:tomas@social.example,ES,
C-4,Eva Pons,600555666,,ES,
"""
EVENTS = (
    "event_id,at,direction,channel,customer_id,customer_number,caller_number,campaign,list,centre,"
    "agent,disposition,duration_s,note\n"
)
WORDS = {
    "marta": "Otra vez Movistar al teléfono mientras comíamos, qué cruz de gente",
    "nuria": "Les dije que no y otra vez el 1004, Movistar: me doy de baja mañana mismo",
    "tomas": "Tercera llamada de hoy, otra vez los de Movistar con la fibra, no puedo más",
    "desconocida": "Y otra vez Movistar despertando al bebé de la siesta con sus ofertas",
}
ANSWERS = {
    "me doy de baja": reading(harassment=True, churn_threat=True),
    "otra vez": reading(harassment=True),
    "Otra vez": reading(harassment=True),
}


@dataclass
class Scene:
    db: Database
    folder: Path
    count: int = 0

    def settings(self) -> Settings:
        return Settings(
            folder=self.folder, var=self.folder, database_url=self.db.url, brands=(MOVISTAR,)
        )

    def log(self, *rows: str, invented: bool = False) -> None:
        """Rows without their ids."""
        lines = []
        for row in rows:
            self.count += 1
            lines.append(f"E-{self.count},{row}\n")
        file = self.folder / "events.csv"
        file.write_text(EVENTS + "".join(lines), encoding="utf-8")
        told = csv_import.import_events(self.db, self.settings(), file, invented=invented)
        assert not told.refused

    def post(self, author: str, at: datetime = NOW) -> CaseSummary:
        self.count += 1
        item = found(f"post-{self.count}", WORDS[author], author=author, published_at=at)
        with self.db.write() as session:
            mentions.save_found(session, "square/movistar", [item], now=at)
        road = Road(
            self.settings(), self.db, HttpClient(Http()), lambda: ByHand(ANSWERS), lambda: at
        )
        pipeline.process(road)
        return self.case(author)

    def case(self, author: str) -> CaseSummary:
        with self.db.read() as session:
            lines, _ = case_search.search(session, CaseFilter())
        return next(line for line in lines if line.author.startswith(author))

    def found(
        self, by: By = By.CAMPAIGN, first: date | None = None, last: date | None = None, **kw: bool
    ) -> Found:
        start, end = ledger.span(first, last, MADRID)
        with self.db.read() as session:
            return stored.read(session, by, start=start, end=end, **kw)

    def counts(
        self, by: By = By.CAMPAIGN, first: date | None = None, last: date | None = None, **kw: bool
    ) -> Counts:
        return ledger.count(self.found(by, first, last, **kw))

    def lines(self, by: By = By.CAMPAIGN, **kw: bool) -> dict[str, Count]:
        return {line.key: line for line in self.counts(by, **kw).lines}

    def complaints(self) -> dict[str, int]:
        return {key: line.complaints for key, line in self.lines().items() if line.complaints}


@pytest.fixture
def scene(database: Database, tmp_path: Path) -> Scene:
    made = Scene(database, tmp_path)
    file = tmp_path / "people.csv"
    file.write_text(PEOPLE, encoding="utf-8")
    csv_import.import_people(database, made.settings(), file)
    return made


def days_before(days: float) -> str:
    return (NOW - timedelta(days=days)).isoformat()


def call(
    days: float,
    who: str = "C-1",
    campaign: str = "Fibra",
    code: str = "no_answer",
    seconds: int = 0,
    note: str = "",
    **changes: str,
) -> str:
    fields = {
        "direction": "out",
        "channel": "call",
        "number": "",
        "caller": "1004",
        "list": "L-1",
        "centre": "Norte",
        "agent": "A7",
    } | changes
    return (
        f"{days_before(days)},{fields['direction']},{fields['channel']},{who},{fields['number']},"
        f"{fields['caller']},{campaign},{fields['list']},{fields['centre']},{fields['agent']},"
        f"{code},{seconds},{note}"
    )


# ---------------------------------------------------------------------------- contacts


def test_dials_answers_sales_and_refusals(scene: Scene) -> None:
    scene.log(
        call(1),
        call(2, code="sale", seconds=300),
        call(3, code="not_interested", seconds=20),
        call(4, code="do_not_call", seconds=15),
        call(5, code="busy"),
        call(6, channel="sms", code="none"),
        call(7, direction="in", code="sale", seconds=200),  # she called
        call(8, campaign="TV", code="hang_up_by_customer", seconds=3),
    )
    lines = scene.lines()
    assert lines["Fibra"].sums == Sums(contacts=6, dials=5, answers=3, sales=1, refusals=2)
    assert lines["TV"].sums == Sums(contacts=1, dials=1, answers=1)
    assert scene.counts().total.sums == Sums(7, 6, 4, 1, 2)


@pytest.mark.parametrize(
    ("campaign", "note", "counts"),
    [
        ("Cita técnico", "", False),
        ("Cita técnico", "le ofrezco la fibra", True),
        ("Fibra", "confirmación de cita", False),
        ("Fibra", "no coge", True),
        ("", "recordatorio de la cita del técnico", False),
        ("", "", True),
        ("Captación fibra", "confirmación de cita", True),
        ("Recobro", "confirmación de cita", True),
    ],
)
def test_service_contacts_are_left_out(
    scene: Scene, campaign: str, note: str, counts: bool
) -> None:
    scene.log(call(1, campaign=campaign, note=note))
    told = scene.counts()
    assert [line.sums.dials for line in told.lines] == ([1] if counts else [])
    assert told.service_contacts == (0 if counts else 1)


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        (By.CAMPAIGN, {"Fibra": 3}),
        (By.CENTRE, {"Norte": 2, "Sur": 1}),
        (By.LIST, {"L-1": 1, "L-2": 2}),
        (By.AGENT, {"A7": 1, "": 2}),
        (By.NUMBER, {"1004": 2, "+34840112233": 1}),
    ],
)
def test_by_each_of_them(scene: Scene, by: By, keys: dict[str, int]) -> None:
    scene.log(
        call(1, centre="Sur"),
        call(2, list="L-2", agent="", caller="+34840112233"),
        call(3, list="L-2", agent=""),
    )
    assert {key: line.sums.dials for key, line in scene.lines(by).items()} == keys


def test_names_that_differ_in_capitals_or_spaces_are_one_campaign(scene: Scene) -> None:
    scene.log(call(1), call(2), call(3, campaign="FIBRA"))
    scene.post("marta")
    (line,) = scene.counts().lines
    assert (line.key, line.sums.dials, line.complaints) == ("Fibra", 3, 1)


def test_days_are_those_of_the_zone_both_ends_counted(scene: Scene) -> None:
    for moment in (
        "2026-03-09T23:30:00+01:00",
        "2026-03-10T00:00:00+01:00",
        "2026-03-11T23:59:00+01:00",
        "2026-03-12T00:00:00+01:00",
    ):
        scene.log(f"{moment},out,call,C-1,,1004,Fibra,,,,no_answer,0,")
    told = scene.counts(first=date(2026, 3, 10), last=date(2026, 3, 11))
    assert told.total.sums.dials == 2
    assert told.first == datetime(2026, 3, 9, 23, tzinfo=UTC)
    assert scene.counts(first=date(2026, 3, 10)).total.sums.dials == 3
    assert scene.counts(last=date(2026, 3, 9)).total.sums.dials == 1


def test_what_is_invented_counts_only_when_asked(scene: Scene) -> None:
    scene.log(call(1), invented=True)
    scene.post("marta")
    assert scene.counts().lines == ()
    assert scene.lines(invented=True)["Fibra"].complaints == 1


# ---------------------------------------------------------------------------- complaints


def test_a_complaint_counts_for_every_campaign_of_the_30_days_before(scene: Scene) -> None:
    scene.log(
        call(1),
        call(2),
        call(30, campaign="TV"),
        call(30.01, campaign="Móvil"),
        call(-1, campaign="Hogar"),  # a day after
        call(3, campaign="Cita técnico"),
        call(4, campaign="Entrante", direction="in"),
        call(5, who="C-4", campaign="Otra"),
    )
    scene.post("marta")
    assert scene.complaints() == {"Fibra": 1, "TV": 1}
    told = scene.counts()
    assert (told.total.complaints, told.complaints) == (1, 1)
    assert (told.unknown, told.untouched) == (0, 0)


def test_writing_again_on_an_open_case_is_one_complaint(scene: Scene) -> None:
    scene.log(call(1))
    scene.post("marta", NOW - timedelta(hours=1))
    WORDS["marta2"] = "Movistar, sois insufribles: otra vez a la hora de la cena, ya basta"
    scene.count += 1
    item = found("again", WORDS["marta2"], author="marta", published_at=NOW)
    with scene.db.write() as session:
        mentions.save_found(session, "square/movistar", [item], now=NOW)
    pipeline.process(
        Road(scene.settings(), scene.db, HttpClient(Http()), lambda: ByHand(ANSWERS), lambda: NOW)
    )
    (complaint,) = scene.found().complaints
    assert complaint.at == NOW - timedelta(hours=1)


def test_a_contact_without_a_customer_is_told_by_the_phone(scene: Scene) -> None:
    scene.log(
        call(1, who="", number="600 333 444"), call(2, who="", number="699000111", campaign="X")
    )
    scene.post("tomas")
    assert scene.complaints() == {"Fibra": 1}


def test_a_customer_s_contact_is_not_told_by_the_phone(scene: Scene) -> None:
    """The number was somebody else's in the log."""
    scene.log(call(1, who="C-4", number="600 333 444"))
    scene.post("tomas")
    assert scene.complaints() == {}
    assert scene.counts().untouched == 1


def test_a_customer_of_another_crm_is_told_by_the_phones_of_their_suppression(scene: Scene) -> None:
    scene.log(call(1, who="C-1"), call(2, who="C-4", number="600555666", campaign="TV"))
    case = scene.post("desconocida")
    vault = open_vault(scene.folder)
    phone = Phone(vault.index("+34600555666"), vault.seal("+34600555666"))
    wanted = Wanted(
        case.id, "movistar", None, "odoo", "C-1", (phone,), (), "se lo prometimos", "ana", NOW
    )
    with scene.db.write() as session:
        row = session.get_one(CaseRow, case.id)
        row.crm, row.customer_ref = "odoo", "C-1"  # another's C-1
        suppressions.approve(session, wanted, NOW)
    assert scene.complaints() == {"TV": 1}


def test_who_is_not_known_and_who_was_not_contacted_is_told_apart(scene: Scene) -> None:
    scene.log(call(1, who="C-4"))
    scene.post("desconocida")
    scene.post("marta")
    told = scene.counts()
    assert (told.complaints, told.total.complaints) == (2, 0)
    assert (told.unknown, told.untouched) == (1, 1)


@pytest.mark.parametrize(
    ("resolution", "counted"),
    [
        (Resolution.ANSWERED, 1),
        (Resolution.SUPPRESSED, 1),
        (Resolution.MISREAD, 0),
        (Resolution.NOT_OURS, 0),
        (Resolution.IMPOSTOR, 0),
    ],
)
def test_how_a_case_ended_says_whether_it_was_a_complaint_of_ours(
    scene: Scene, resolution: Resolution, counted: int
) -> None:
    scene.log(call(1))
    case = scene.post("marta")
    Desk(scene.db, scene.settings(), lambda: NOW).cases.set_status(
        user("ana"), case.id, CaseStatus.CLOSED, resolution, version=case.version
    )
    assert scene.counts().complaints == counted


def test_no_other_matter_than_harassment_is_a_complaint_here(scene: Scene) -> None:
    scene.log(call(1))
    case = scene.post("marta")
    Desk(scene.db, scene.settings(), lambda: NOW).cases.correct(
        user("ana"), case.id, case.mention_id, "category", "billing", version=case.version
    )
    assert scene.case("marta").matter == "billing"
    assert scene.counts().complaints == 0


def test_a_complaint_of_these_days_may_be_of_contacts_before_them(scene: Scene) -> None:
    scene.log(call(20), call(1, who="C-4", campaign="TV"))
    scene.post("marta")
    first = (NOW - timedelta(days=5)).date()
    counts = scene.counts(first=first)
    told = {line.key: line for line in counts.lines}
    assert (told["Fibra"].sums.dials, told["Fibra"].complaints) == (0, 1)
    judged = ledger.judge(counts, Assumptions())
    (line,) = [line for line in judged.lines if line.count.key == "Fibra"]
    assert (line.rate, line.paid, line.sure) == (None, None, False)  # its sales are older
    assert ledger.verdict(line, "en") == "-"
    assert told["TV"].complaints == 0
    assert scene.counts(last=first - timedelta(days=1)).complaints == 0


def test_a_threat_to_leave_is_counted_with_its_complaint(scene: Scene) -> None:
    scene.log(call(1), call(1, who="C-2"), call(2, who="C-2", campaign="TV"))
    scene.post("marta")
    scene.post("nuria")
    lines = scene.lines()
    assert (lines["Fibra"].complaints, lines["Fibra"].churn_threats) == (2, 1)
    assert (lines["TV"].complaints, lines["TV"].churn_threats) == (1, 1)


def test_many_complaints_are_asked_for_in_parts(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "_BATCH", 1)
    monkeypatch.setattr(stored, "_ROWS", 1)
    scene.log(call(1), call(2, who="C-2"), call(3, who="", number="600333444"))
    for author in ("marta", "nuria", "tomas"):
        scene.post(author)
    assert scene.complaints() == {"Fibra": 3}


# ---------------------------------------------------------------------------- who sees it


def test_who_sees_it_and_that_nobody_is_named(scene: Scene) -> None:
    scene.log(call(1), call(2, who="", number="600333444", campaign="=1+1"))
    scene.post("marta")
    scene.post("tomas")
    desk = Desk(scene.db, scene.settings(), lambda: NOW)
    for role in ("community_manager", "brand_manager", "marketing_lead", "administrator"):
        for brands in ((), ("movistar",)):
            seen = desk.figures.ledger(user("marc", role=role, brands=brands), By.CAMPAIGN)
            told = ledger.judge(seen, Assumptions())
            said = f"{seen} {json.dumps(ledger.to_json(told, 'es'))} {ledger.to_csv(told)!r}"
            for hidden in ("Marta", "Rey", "Tom", "C-1", "C-3", "600333444", "612904417"):
                assert hidden not in said
    assert said.count("=1+1") == 3
    with pytest.raises(NotAllowed):
        desk.figures.ledger(user("berta", role="brand_manager", brands=("vodafone",)), By.CAMPAIGN)


def test_a_spreadsheet_runs_no_campaign_as_a_formula(scene: Scene) -> None:
    scene.log(call(1, campaign="=HYPERLINK(1)"))
    judged = ledger.judge(scene.counts(), Assumptions())
    rows = list(csv.reader(io.StringIO(ledger.to_csv(judged).decode("utf-8-sig"))))
    assert rows[0][:3] == ["campaign", "contacts", "dials"]
    assert rows[1][:3] == ["'=HYPERLINK(1)", "1", "1"]
    assert len(rows[1]) == len(rows[0])


# ---------------------------------------------------------------------------- figures


def test_the_interval_is_garwoods() -> None:
    assert ledger.poisson(0) == (0.0, pytest.approx(3.6889, abs=1e-4))
    assert ledger.poisson(3) == (pytest.approx(0.6187, abs=1e-4), pytest.approx(8.7673, abs=1e-4))
    assert ledger.poisson(100) == (pytest.approx(81.36, abs=0.01), pytest.approx(121.63, abs=0.01))


def made(sums: Sums, complaints: Iterable[Complaint] = (), touches: Iterable[Touch] = ()) -> Counts:
    told, near = tuple(complaints), tuple(touches)
    return ledger.count(Found(By.CAMPAIGN, {"Fibra": sums}, 0, NOW, NOW, told, near))


def complaint(number: int, *, threat: bool = False) -> Complaint:
    return Complaint(number, NOW, True, f"C-{number}", frozenset(), threat)


def touch(customer: int, campaign: str = "Fibra", days: float = 1) -> Touch:
    of = dict.fromkeys(By, "x") | {By.CAMPAIGN: campaign}
    return Touch(NOW - timedelta(days=days), f"C-{customer}", "", of)


def test_whether_it_paid() -> None:
    told = [complaint(n, threat=n < 2) for n in range(4)]
    found_ = made(Sums(20_000, 20_000, 8_000, 10, 500), told, [touch(n) for n in range(4)])
    (line,) = ledger.judge(found_, Assumptions(150, 600, 0.25, 0.5)).lines
    assert (line.rate, line.won, line.lost) == (2.0, 1500, 2 * 0.25 + 4 * 0.5)
    assert line.balance == 1500 - 2.5 * 600
    assert not line.paid  # nought is no gain
    assert not line.sure
    assert line.balance_low < line.balance < line.balance_high
    assert line.break_even == pytest.approx((1500 - 0.5 * 600) / (4 * 600))
    (line,) = ledger.judge(found_, Assumptions(1500, 600, 0.25, 0.5)).lines
    assert line.paid
    assert line.sure
    (line,) = ledger.judge(found_, Assumptions(1, 600, 0.25, 0.5)).lines
    assert not line.paid
    assert line.sure


def test_without_a_complaint_nothing_is_lost_but_that_is_no_certainty() -> None:
    (line,) = ledger.judge(made(Sums(100, 100, 40, 1, 5)), Assumptions()).lines
    assert (line.lost, line.balance, line.paid, line.sure) == (0, 150, True, False)
    assert line.break_even is None


_KEYS = st.sampled_from(["Fibra", "fibra ", "TV", ""])
_TOUCHES = st.builds(
    lambda who, campaign, days, phone: replace(
        touch(who, campaign, days), customer=f"C-{who}" if who else None, phone=phone
    ),
    st.integers(0, 3),
    _KEYS,
    st.floats(-2, 40),
    st.sampled_from(["", "p1", "p2"]),
)
_COMPLAINTS = st.lists(
    st.builds(
        lambda who, phones, threat, days: Complaint(
            0,
            NOW - timedelta(days=days),
            True,
            f"C-{who}" if who else None,
            frozenset(phones),
            threat,
        ),
        st.integers(0, 3),
        st.sets(st.sampled_from(["p1", "p2"])),
        st.booleans(),
        st.integers(0, 5),
    ),
    max_size=6,
).map(lambda found_: [replace(c, id=n) for n, c in enumerate(found_)])


@given(_COMPLAINTS, st.lists(_TOUCHES, max_size=12))
def test_a_complaint_is_laid_to_what_concerns_it_and_to_nothing_else(
    told: list[Complaint], touches: list[Touch]
) -> None:
    laid = ledger.attributed(told, touches)
    for c in told:
        near = [
            t
            for t in touches
            if timedelta(0) <= c.at - t.at <= timedelta(days=30)
            and (
                t.customer == c.customer
                if t.customer is not None and c.customer is not None
                else t.phone in c.phones
            )
        ]
        assert {id(t) for t in laid[c.id]} == {id(t) for t in near}
        assert len(laid[c.id]) == len(near)


@given(_COMPLAINTS, st.lists(_TOUCHES, max_size=12), st.integers(0, 5), st.integers(0, 50))
def test_what_always_holds(
    told: list[Complaint], touches: list[Touch], sales: int, dials: int
) -> None:
    judged = ledger.judge(made(Sums(dials, dials, 0, sales, 0), told, touches), Assumptions())
    counts, total = judged.counts, judged.counts.total
    assert total.complaints + counts.unknown + counts.untouched == counts.complaints == len(told)
    assert total.complaints <= sum(line.complaints for line in counts.lines)
    for line in (*judged.lines, judged.total):
        assert 0 <= line.count.churn_threats <= line.count.complaints <= total.complaints
        assert line.lost_low <= line.lost <= line.lost_high
        assert line.balance_low <= line.balance <= line.balance_high
        if line.rate is not None and line.rate_low is not None and line.rate_high is not None:
            assert line.rate_low <= line.rate < line.rate_high
        if line.sure:
            assert line.paid == (line.balance_low > 0) == (line.balance_high > 0)
    assert len({ledger.folded(line.key) for line in counts.lines}) == len(counts.lines)


def test_a_span_of_days() -> None:
    start, end = ledger.span(date(2026, 3, 29), date(2026, 3, 29), MADRID)
    assert start is not None
    assert end is not None
    assert end.astimezone(UTC) - start.astimezone(UTC) == timedelta(hours=23)  # clocks go forward
    assert ledger.span(None, None, MADRID) == (None, None)
    with pytest.raises(ValueError, match="before the first"):
        ledger.span(date(2026, 3, 2), date(2026, 3, 1), MADRID)


# ---------------------------------------------------------------------------- told


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_assumptions_stand_beside_the_result(language: str) -> None:
    told = [complaint(1, threat=True)]
    judged = ledger.judge(
        made(Sums(5_000, 5_000, 90, 3, 2), told, [touch(1), touch(1, "\x1b[31m[red]TV")]),
        Assumptions(123, 4567, 0.42, 7.5),
    )
    out = io.StringIO()
    ledger.show(judged, language, MADRID, Console(file=out, width=300))
    said = out.getvalue()
    for figure in ("123", "42", "30", *{"es": ("4.567", "7,5"), "en": ("4,567", "7.5")}[language]):
        assert figure in said
    assert "[31m[red]TV" in said
    assert "\x1b" not in said
    assert len(ledger.columns(By.CAMPAIGN, language)) == len(ledger.cells(judged.total, language))


def test_the_command(scene: Scene, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.environ = {"LISTENER_DATABASE_URL": scene.db.url}
    scene.log(call(1), call(2, code="sale", seconds=90), call(3, centre="Sur"))
    scene.post("marta")
    told = home.call("ledger", "--json").json
    (line,) = told["lines"]
    assert (line["key"], line["dials"], line["sales"], line["complaints"]) == ("Fibra", 3, 1, 1)
    assert line["complaints_per_10000_dials"] == pytest.approx(3333.3333)
    assert told["complaints"] == {
        "all": 1,
        "attributed": 1,
        "customer_unknown": 0,
        "not_contacted": 0,
    }
    assert told["assumptions"] == {
        "sale_value": 150.0,
        "customer_value": 600.0,
        "churn_share": 0.25,
        "lost_per_complaint": 0.5,
    }
    two = home.call("ledger", "--by", "centre", "--sale-value", "1", "--json").json
    assert {x["key"]: x["dials"] for x in two["lines"]} == {"Norte": 2, "Sur": 1}
    assert two["assumptions"]["sale_value"] == 1
    day = (NOW - timedelta(days=2)).date().isoformat()
    assert home.call("ledger", "--from", day, "--to", day, "--json").json["total"]["dials"] == 1
    shown = home.call("ledger")
    assert shown.code == 0
    assert "Fibra" in shown.out


@pytest.mark.parametrize(
    "wrong",
    [
        ("--by", "customer"),
        ("--from", "yesterday"),
        ("--from", "2026-03-02", "--to", "2026-03-01"),
        ("--churn-share", "2"),
        ("--sale-value", "-1"),
    ],
)
def test_a_wrong_call_is_told(tmp_path: Path, wrong: tuple[str, ...]) -> None:
    done = Home(tmp_path / "home").call("ledger", *wrong)
    assert done.code == 2
    assert wrong[0].removeprefix("--") in done.err


def test_the_command_s_assumptions_are_the_ledger_s() -> None:
    import inspect

    from listener.cli import contacts

    given_ = inspect.signature(contacts.ledger).parameters
    usual = Assumptions()
    for name in ("sale_value", "customer_value", "churn_share", "lost_per_complaint"):
        assert given_[name].default == getattr(usual, name)


def test_the_questions_use_the_indexes(sqlite_database: Database) -> None:
    """Only the counting itself reads the whole log."""
    asked: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    with sqlite_database.write() as session:
        for n in range(3):
            session.add(
                CrmEvent(
                    event_id=f"E-{n}", at=NOW, direction="out", channel="call", customer_id="C-1",
                    customer_number="p1", caller_number="1004", campaign="Fibra", list_name="",
                    centre="", agent="", disposition="none", duration_s=0, note="", extra={},
                )
            )  # fmt: skip
    told = [Complaint(1, NOW, True, "C-1", frozenset({"p1"}), False)]
    sa.event.listen(sqlite_database.engine, "before_cursor_execute", note)
    with sqlite_database.read() as session:
        assert len(list(stored.touches(session, told, invented=False))) == 3
        plans = [
            str(
                session.connection()
                .exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", (0,) * s.count("?"))
                .all()
            )
            for s in asked[:]
            if "crm_events" in s
        ]
    sa.event.remove(sqlite_database.engine, "before_cursor_execute", note)
    assert len(plans) == 2
    assert "ix_crm_events_customer_id_at" in plans[0]
    assert "ix_crm_events_customer_number_at" in plans[1]
