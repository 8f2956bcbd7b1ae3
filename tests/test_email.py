"""The outbox and e-mail, against a real SMTP server with STARTTLS and AUTH."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from builders import NOW, Clock, case_on, found, route
from hypothesis import given
from hypothesis import strategies as st
from servers_smtp import Drop, Hang, Refuse, SmtpServer

from listener import pipeline
from listener.domain import Alert, AlertKind, Message, Reason
from listener.errors import MissingCredential, NotifyError
from listener.httpclient import HttpClient
from listener.notifiers import email
from listener.pipeline import Road
from listener.settings import Delivery, Email, Http, ListenerFile, Settings
from listener.storage import Database, alerts, mentions, people
from listener.storage.alerts import Recipient, StoredNotification
from listener.storage.people import User
from listener.storage.tables import CaseRow


@pytest.fixture
def smtp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmtpServer]:
    with SmtpServer(tmp_path / "smtp") as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        yield server


@dataclass
class Office:
    """A road with an outbox, as the service has it; the clock is ours."""

    db: Database
    server: SmtpServer
    email: dict[str, Any] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.settings = Settings(
            folder=self.server.folder,
            database_url=self.db.url,
            var=self.server.folder,
            listener=ListenerFile(email=Email(**(self.server.config() | self.email))),
        )
        self.road = self.new_road()

    def new_road(self) -> Road:
        def no_reader() -> Any:
            raise AssertionError("delivering reads nothing")

        return Road(self.settings, self.db, HttpClient(Http()), no_reader, now=self.clock)

    def alert(
        self,
        key: str = "severe:1",
        kind: AlertKind = AlertKind.SOURCE_FAILING,
        subject: dict[str, Any] | None = None,
        reasons: tuple[Reason, ...] = (),
        language: str = "es",
        zone: str = "Europe/Madrid",
        to: str = "lucia@example.org",
        case_id: int | None = None,
    ) -> None:
        with self.db.write() as session:
            alerts.raise_alert(
                session,
                Alert(
                    kind, key, "movistar", subject or {"source": "mastodon-es"}, reasons, case_id
                ),
                [Recipient(to, language, zone)],
                notifier="email",
                domain="example.org",
                now=self.clock(),
            )

    def deliver(self) -> dict[str, Any]:
        """What became of the e-mails; nothing waits for a CRM or a webhook here."""
        counts = pipeline.deliver(self.road)
        others = {
            name: counts.pop(name) for name in list(counts) if name.startswith(("writ", "hooks"))
        }
        assert not any(others.values())
        return counts

    @property
    def outbox(self) -> list[StoredNotification]:
        with self.db.read() as session:
            return alerts.notifications_of(session, [a.id for a in alerts.recent(session)])

    @property
    def only(self) -> StoredNotification:
        [row] = self.outbox
        return row


@pytest.fixture
def office(database: Database, smtp: SmtpServer) -> Office:
    return Office(database, smtp)


@pytest.fixture
def desk(sqlite_database: Database, smtp: SmtpServer) -> Office:
    """As `office`, where the kind of database makes no difference."""
    return Office(sqlite_database, smtp)


# ---------------------------------------------------------------------------- it arrives


def test_an_alert_arrives_encrypted_signed_in_and_once(office: Office, smtp: SmtpServer) -> None:
    office.alert()
    assert office.deliver() == {"sent": 1, "postponed": 0, "failed": 0, "in_doubt": 0}
    assert office.deliver()["sent"] == 0
    [mail] = smtp.transmissions
    assert mail.encrypted
    assert mail.user == "listener"
    assert (mail.sender, mail.recipients) == ("listener@example.org", ("lucia@example.org",))
    assert mail.message_id == office.only.message_id
    assert mail.mail["Auto-Submitted"] == "auto-generated"
    assert office.only.status == "sent"
    assert office.only.sent_at == NOW


def test_every_line_on_the_wire_is_short_and_of_seven_bits(desk: Office, smtp: SmtpServer) -> None:
    desk.alert(reasons=(Reason("alert_failing", {"error": "ñandú€ " * 200, "failures": 3}),))
    desk.deliver()
    [mail] = smtp.transmissions
    assert mail.raw.isascii()
    assert max(map(len, mail.raw.split(b"\r\n"))) <= 78
    assert "ñandú€ ñandú€" in mail.text


def test_what_waits_is_sent_when_email_is_switched_on(
    sqlite_database: Database, smtp: SmtpServer
) -> None:
    off = Office(sqlite_database, smtp, {"enabled": False})
    off.alert()
    assert off.deliver()["waiting"] == "[email] enabled is false"
    assert Office(sqlite_database, smtp).deliver()["sent"] == 1


# ---------------------------------------------------------------------------- it does not arrive


def test_a_wrong_password_waits_for_the_right_one(
    desk: Office, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.alert()
    monkeypatch.setenv("LISTENER_SMTP_PASSWORD", "wrong")
    assert desk.deliver()["postponed"] == 1
    assert desk.only.status == "pending"
    assert "LISTENER_SMTP_PASSWORD" in (desk.only.last_error or "")
    assert "wrong" not in (desk.only.last_error or "")
    assert smtp.logins == [False] * len(smtp.logins) != []
    monkeypatch.setenv("LISTENER_SMTP_PASSWORD", smtp.password)
    desk.clock.at += timedelta(minutes=1)
    assert desk.deliver()["sent"] == 1


def test_a_password_that_nobody_set(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.alert()
    monkeypatch.delenv("LISTENER_SMTP_PASSWORD")
    assert desk.deliver()["postponed"] == 1
    assert "LISTENER_SMTP_PASSWORD is not set" in (desk.only.last_error or "")


def test_without_starttls_no_password_travels(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpServer(tmp_path / "plain", starttls=False) as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        desk = Office(sqlite_database, server, {"security": "starttls"})
        desk.alert()
        assert desk.deliver()["postponed"] == 1
        assert "offers no STARTTLS" in (desk.only.last_error or "")
        assert server.logins == []
        assert server.transmissions == []


def test_a_server_that_we_do_not_trust(sqlite_database: Database, smtp: SmtpServer) -> None:
    desk = Office(sqlite_database, smtp, {"ca_file": ""})
    desk.alert()
    assert desk.deliver()["postponed"] == 1
    assert "[email] ca_file" in (desk.only.last_error or "")
    assert smtp.logins == []


def test_an_authority_file_that_is_not_there(sqlite_database: Database, smtp: SmtpServer) -> None:
    desk = Office(sqlite_database, smtp, {"ca_file": "nowhere.pem"})
    desk.alert()
    desk.deliver()
    assert "ca_file nowhere.pem cannot be used: No such file" in (desk.only.last_error or "")


def test_no_server_at_all(sqlite_database: Database, tmp_path: Path) -> None:
    with SmtpServer(tmp_path / "gone") as server:
        desk = Office(sqlite_database, server)
    desk.alert()
    assert desk.deliver()["postponed"] == 1
    assert f"cannot reach 127.0.0.1:{desk.settings.listener.email.port}" in str(
        desk.only.last_error
    )


@pytest.mark.parametrize("at", ["MAIL", "RCPT", "DOT"])
def test_not_now_is_tried_again_at_growing_intervals(
    desk: Office, smtp: SmtpServer, at: Any
) -> None:
    desk.alert()
    smtp.behave(Refuse(at, 451, "busy, come back"))
    waits = []
    for attempt in range(1, 4):
        assert desk.deliver() == {"sent": 0, "postponed": 1, "failed": 0, "in_doubt": 0}
        assert desk.only.attempts == attempt
        assert desk.only.last_error == "email: the server said 451 busy, come back"
        waits.append(desk.only.next_attempt_at - desk.clock.at)
        desk.clock.at = desk.only.next_attempt_at - timedelta(seconds=1)
        assert desk.deliver()["postponed"] == 0  # not before its time
        desk.clock.at += timedelta(seconds=1)
    assert waits == [timedelta(seconds=30), timedelta(seconds=60), timedelta(seconds=120)]
    smtp.behave(None)
    assert desk.deliver()["sent"] == 1
    assert len(smtp.accepted) == 1
    assert len({t.message_id for t in smtp.transmissions}) == 1


def test_what_never_goes_is_given_up_and_shown(desk: Office, smtp: SmtpServer) -> None:
    desk.alert()
    smtp.behave(Refuse("RCPT", 450, "mailbox busy"))
    rules = desk.settings.listener.delivery
    while desk.only.status == "pending":
        desk.clock.at = desk.only.next_attempt_at
        desk.deliver()
        assert desk.only.next_attempt_at - desk.clock.at <= rules.longest_retry
    assert (desk.only.status, desk.only.attempts) == ("failed", rules.max_attempts)
    assert "450 mailbox busy" in (desk.only.last_error or "")


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 10**7))
def test_waits_grow_and_are_bounded(attempt: int, first: int, longest: int) -> None:
    rules = Delivery(first_retry=timedelta(seconds=first), longest_retry=timedelta(seconds=longest))
    waits = [pipeline.wait_before(n, rules) for n in range(attempt, attempt + 3)]
    assert waits == sorted(waits)
    assert timedelta(0) < waits[0] <= waits[-1] <= rules.longest_retry
    assert pipeline.wait_before(2, rules) == min(rules.first_retry, rules.longest_retry)


@pytest.mark.parametrize("at", ["RCPT", "DOT"])
def test_no_is_no_and_shown(desk: Office, smtp: SmtpServer, at: Any) -> None:
    desk.alert()
    smtp.behave(Refuse(at, 550, "no such person"))
    assert desk.deliver()["failed"] == 1
    assert desk.only.status == "failed"
    assert desk.only.last_error == "email: the server said 550 no such person"
    desk.clock.at += timedelta(days=30)
    assert desk.deliver()["sent"] == 0
    # A person mends the address and decides to send it again.
    smtp.behave(None)
    with desk.db.write() as session:
        assert alerts.send_again(session, desk.only.id, desk.clock())
    assert desk.deliver()["sent"] == 1


def test_a_no_to_our_own_settings_loses_no_mail(desk: Office, smtp: SmtpServer) -> None:
    desk.alert()
    smtp.behave(Refuse("MAIL", 550, "this sender is not yours"))
    assert desk.deliver()["postponed"] == 1
    smtp.behave(None)
    desk.clock.at = desk.only.next_attempt_at
    assert desk.deliver()["sent"] == 1


def test_one_bad_address_holds_up_nobody(desk: Office, smtp: SmtpServer) -> None:
    desk.alert("a", to="lucía@españa.example")
    desk.alert("b", to="x@example.org\r\nBcc: everybody@example.org")
    desk.alert("c")
    assert desk.deliver() == {"sent": 1, "postponed": 0, "failed": 2, "in_doubt": 0}
    assert [t.recipients for t in smtp.transmissions] == [("lucia@example.org",)]
    assert "lucía@españa.example" in (
        next(n for n in desk.outbox if "ñ" in n.recipient).last_error or ""
    )


# ---------------------------------------------------------------------------- it may have arrived


def test_a_line_that_breaks_after_the_dot_is_in_doubt_for_ever(
    office: Office, smtp: SmtpServer
) -> None:
    office.alert()
    smtp.behave(Drop("after", times=1))
    assert office.deliver()["in_doubt"] == 1
    assert office.only.status == "in_doubt"
    assert len(smtp.accepted) == 1  # it did arrive
    office.clock.at += timedelta(days=30)
    assert office.deliver()["sent"] == 0
    assert len(smtp.transmissions) == 1
    with office.db.write() as session:
        alerts.send_again(session, office.only.id, office.clock())
    assert office.deliver()["sent"] == 1
    assert smtp.by_message_id() == {office.only.message_id: 2}  # the same to a careful receiver


def test_a_line_that_breaks_with_the_dot_is_in_doubt_too(desk: Office, smtp: SmtpServer) -> None:
    # From outside it looks the same: only the server knows that it took nothing.
    desk.alert()
    smtp.behave(Drop("before"))
    assert desk.deliver()["in_doubt"] == 1
    assert smtp.accepted == []


def test_a_server_that_falls_asleep_over_the_dot(
    sqlite_database: Database, smtp: SmtpServer
) -> None:
    desk = Office(sqlite_database, smtp, {"timeout": "1s"})
    desk.alert()
    smtp.behave(Hang(3, times=1))
    assert desk.deliver()["in_doubt"] == 1
    assert "timed out" in (desk.only.last_error or "")


@pytest.mark.parametrize(
    ("moment", "left", "afterwards"),
    [("claimed", "claimed", "sent"), ("transmitting", "transmitting", "in_doubt")],
)
def test_a_worker_that_dies_leaves_a_state_that_tells(
    office: Office, smtp: SmtpServer, moment: str, left: str, afterwards: str
) -> None:
    office.alert()
    with office.db.write() as session:
        row = alerts.claim_next(session, "elsewhere:4711", office.clock())
        assert row is not None
        if moment == "transmitting":
            assert alerts.transmitting(session, row.id, "elsewhere:4711")
    assert office.only.status == left
    office.deliver()
    assert office.only.status == left  # ten minutes long it may be alive
    office.clock.at += timedelta(minutes=11)
    counts = office.deliver()
    assert counts[afterwards] == 1
    assert office.only.status == afterwards
    assert len(smtp.transmissions) == (1 if afterwards == "sent" else 0)


def test_a_worker_of_this_machine_is_known_to_be_dead_at_once(desk: Office) -> None:
    desk.alert()
    host = desk.road.worker.rpartition(":")[0]
    with desk.db.write() as session:
        alerts.claim_next(session, f"{host}:{2**22 + 1}", desk.clock())  # beyond any process id
    assert desk.deliver()["sent"] == 1


def test_a_worker_that_slept_through_its_claim_sends_nothing(
    office: Office, smtp: SmtpServer
) -> None:
    office.alert()
    sleeper = office.new_road()
    sleeper.worker = "elsewhere:1"
    with office.db.write() as session:
        held = alerts.claim_next(session, sleeper.worker, office.clock())
    assert held is not None
    office.clock.at += timedelta(minutes=11)
    assert office.deliver()["sent"] == 1  # the other took it over
    assert pipeline._deliver_one(sleeper, held) == "postponed"  # and now it wakes up
    assert len(smtp.accepted) == 1
    assert office.only.status == "sent"


# ---------------------------------------------------------------------------- what it says

ALERTS: dict[AlertKind, tuple[dict[str, Any], tuple[Reason, ...]]] = {
    AlertKind.SEVERE_HARASSMENT: (
        {"brand": "Movistar", "level": "urgent"},
        (Reason("alert_level", {"level": "urgent", "score": 95}),),
    ),
    AlertKind.NUMBER_COMPLAINTS: (
        {"brand": "Movistar", "number": "1004", "count": 3, "window": "24 h"},
        (Reason("alert_number", {"number": "1004", "count": 3, "window": "24 h"}),),
    ),
    AlertKind.UNKNOWN_NUMBER: (
        {"brand": "Movistar", "number": "+34911222333", "count": 2, "window": "7 d"},
        (
            Reason("alert_unknown_number", {"number": "+34911222333", "count": 2, "window": "7 d"}),
            Reason("number_not_in_log"),
        ),
    ),
    AlertKind.PROMISE_BROKEN: (
        {"brand": "Movistar"},
        (Reason("promise_broken", {"since": "?"}),),
    ),
    AlertKind.SOURCE_FAILING: (
        {"source": "mastodon-es"},
        (Reason("alert_failing", {"failures": 3, "since": "?", "error": "no answer"}),),
    ),
    AlertKind.SOURCE_SILENT: (
        {"source": "mastodon-es"},
        (Reason("alert_silent", {"since": "?", "expected": "48 h"}),),
    ),
}

HEADLINES = {
    (AlertKind.SEVERE_HARASSMENT, "es"): "Movistar: queja de acoso, prioridad urgente",
    (AlertKind.SEVERE_HARASSMENT, "en"): "Movistar: complaint of harassment, priority urgent",
    (AlertKind.NUMBER_COMPLAINTS, "es"): "Movistar: 3 quejas sobre el 1004 en 24 h",
    (AlertKind.NUMBER_COMPLAINTS, "en"): "Movistar: 3 complaints about 1004 in 24 h",
    (
        AlertKind.UNKNOWN_NUMBER,
        "es",
    ): "Movistar: 2 personas hablan de llamadas del +34911222333, un número desconocido, en 7 d",
    (
        AlertKind.UNKNOWN_NUMBER,
        "en",
    ): "Movistar: 2 people tell of calls from +34911222333, an unknown number, in 7 d",
    (
        AlertKind.PROMISE_BROKEN,
        "es",
    ): "Movistar: promesa rota, contacto después de la supresión",
    (AlertKind.PROMISE_BROKEN, "en"): "Movistar: promise broken, contact after a suppression",
    (AlertKind.SOURCE_FAILING, "es"): "La fuente mastodon-es está fallando",
    (AlertKind.SOURCE_FAILING, "en"): "Source mastodon-es is failing",
    (AlertKind.SOURCE_SILENT, "es"): "La fuente mastodon-es se ha quedado en silencio",
    (AlertKind.SOURCE_SILENT, "en"): "Source mastodon-es has fallen silent",
}


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("kind", list(AlertKind))
def test_every_alert_speaks_the_language_of_its_reader(
    desk: Office, smtp: SmtpServer, kind: AlertKind, language: str
) -> None:
    subject, reasons = ALERTS[kind]
    desk.alert(kind=kind, subject=subject, reasons=reasons, language=language)
    desk.deliver()
    [sent] = smtp.transmissions
    assert sent.mail["Subject"] == f"[Listener] {HEADLINES[kind, language]}"
    why = "Por qué recibe este mensaje:" if language == "es" else "Why this message:"
    for body in (sent.text, sent.html):
        assert why in body
        for value in reasons[0].values.values():
            assert str(value) in body or value == "urgent"
        for left in ("reason.", "alert.", "value.", "{", "None"):
            assert left not in body.replace("{color", "")
    assert "/alerts?id=" in sent.text
    other = "Raised on" if language == "es" else "Generada"
    assert other not in sent.text


LUCIA = User(
    username="lucia",
    name="Lucía",
    email="lucia@example.org",
    role="community_manager",
    language="es",
    time_zone="Europe/Madrid",
    brands=(),
)
STAFF: dict[str, dict[str, Any]] = {
    "lucia": {},
    "admin": {"role": "administrator"},
    "marc": {"role": "marketing_lead"},
    "other": {"brands": ("vodafone",)},
    "gone": {"disabled": True},
}

HOSTILE = (
    "Otra vez el 1004\r\nBcc: victim@example.org\r\n\r\n<script>alert(1)</script>"
    '\n.\nQUIT\n.. <img src=x onerror="x"> "></blockquote> {{7*7}} {brand} %s ‮ \0 fin'
)


def case_of(desk: Office, text: str, handle: str = "marta") -> int:
    with desk.db.write() as session:
        [mention_id] = mentions.save_found(
            session, "x", [found("m1", text, author=handle)], now=NOW
        ).new_ids
        return case_on(session, mention_id, route=route())


def test_what_a_stranger_wrote_stays_text(desk: Office, smtp: SmtpServer) -> None:
    case_id = case_of(desk, HOSTILE, handle='<b>marta\r\nBcc: x@example.org"')
    subject, reasons = ALERTS[AlertKind.NUMBER_COMPLAINTS]
    desk.alert(
        kind=AlertKind.NUMBER_COMPLAINTS,
        subject=subject | {"number": HOSTILE, "brand": "Movi\r\nBcc: y@example.org"},
        reasons=(
            Reason("alert_number", {"number": HOSTILE, "count": 3, "window": "24 h"}),
            *reasons,
        ),
        case_id=case_id,
    )
    assert desk.deliver()["sent"] == 1
    [sent] = smtp.transmissions
    assert sent.recipients == ("lucia@example.org",)
    assert sent.mail["Bcc"] is None
    assert sent.mail.get_all("To") == ["lucia@example.org"]
    assert "<script" not in sent.html
    assert "<img" not in sent.html
    assert "<b>marta" not in sent.html
    assert "&lt;script&gt;" in sent.html
    assert "{{7*7}}" in sent.text  # not calculated
    assert "{brand}" in sent.text  # not filled in
    assert "\n.\nQUIT\n.." in sent.text.replace("\r\n", "\n")  # the dot ended nothing
    assert sent.text.rstrip().endswith(
        "2026, 11:30. Todas las horas son de Europe/Madrid."
    )  # nothing was cut off
    assert f"/case?id={case_id}" in sent.text


def test_each_reads_the_times_of_their_own_zone(desk: Office, smtp: SmtpServer) -> None:
    since = Reason("alert_silent", {"since": "2026-11-18T23:30+00:00", "expected": "2 d"})
    case_id = case_of(desk, "Otra vez el 1004")  # due at 11:30 UTC
    zones = {"Europe/Madrid": "12:30", "America/Mexico_City": "5:30", "UTC": "11:30"}
    for zone in zones:
        desk.alert(key=zone, to=f"{zone[:3]}@example.org", zone=zone, reasons=(since,),
                   case_id=case_id)  # fmt: skip
    assert desk.deliver()["sent"] == 3
    texts = {m.recipients[0][:3]: " ".join(m.text.split()) for m in smtp.transmissions}
    for zone, due in zones.items():
        assert f"20 nov 2026, {due} " in texts[zone[:3]]
        assert texts[zone[:3]].endswith(f"Todas las horas son de {zone}.")
    assert "18 nov 2026, 17:30" in texts["Ame"]
    assert "19 nov 2026, 0:30" in texts["Eur"]


def test_only_those_who_work_on_the_case_are_mailed_the_customers_name(
    desk: Office, smtp: SmtpServer
) -> None:
    case_id = case_of(desk, "Otra vez el 1004")
    with desk.db.write() as session:
        session.execute(sa.update(CaseRow).values(match={"decided": True, "name": "Marta Ruiz"}))
        for name, changes in STAFF.items():
            people.add(session, replace(LUCIA, username=name, email=f"{name}@example.org", **changes),
                       NOW)  # fmt: skip
    for name in (*STAFF, "press"):
        desk.alert(key=name, to=f"{name}@example.org", case_id=case_id)
    assert desk.deliver()["sent"] == len(STAFF) + 1
    told = {m.recipients[0] for m in smtp.transmissions if "Marta Ruiz" in m.text + m.html}
    assert told == {"lucia@example.org", "admin@example.org"}


def test_a_long_text_is_cut_to_what_is_read(desk: Office, smtp: SmtpServer) -> None:
    case_id = case_of(desk, "Otra vez. " * 500)
    subject, reasons = ALERTS[AlertKind.SEVERE_HARASSMENT]
    desk.alert(kind=AlertKind.SEVERE_HARASSMENT, subject=subject, reasons=reasons, case_id=case_id)
    desk.deliver()
    [sent] = smtp.transmissions
    assert sent.text.count("Otra vez.") == 60
    assert "Otra vez. …" in sent.text


def test_the_case_of_an_alert_is_told(desk: Office, smtp: SmtpServer) -> None:
    case_id = case_of(desk, "Otra vez el 1004, van seis llamadas hoy")
    subject, reasons = ALERTS[AlertKind.SEVERE_HARASSMENT]
    desk.alert(kind=AlertKind.SEVERE_HARASSMENT, subject=subject, reasons=reasons, case_id=case_id)
    desk.deliver()
    [sent] = smtp.transmissions
    for body in (sent.text, sent.html):
        assert "van seis llamadas hoy" in body
        assert "marta@social.example" in body
        assert "lucia" in body  # the owner
        assert "20 nov 2026, 12:30" in body  # due, in Madrid's time


@pytest.mark.parametrize("breaks", ["\r\n", "\n", "\r", "\x0b", "\u2028", "\x85"])
def test_no_line_break_gets_into_a_header(breaks: str) -> None:
    message = Message(
        f"<1@x{breaks}Bcc: a@example.org>",
        "lucia@example.org",
        f"a{breaks}Bcc: b@example.org",
        "t",
        "h",
    )
    try:
        raw = email.compose(message, "Listener <l@example.org>", NOW)
    except ValueError:
        return  # refused, too, is harmless
    head = raw.partition(b"\r\n\r\n")[0]
    assert b"\nBcc" not in head.replace(b"\r", b"\n")


def test_dots_at_the_beginning_of_lines_survive(smtp: SmtpServer, desk: Office) -> None:
    text = ".\n..\n...\n.hola\nfin\n."
    message = Message("<1@example.org>", "lucia@example.org", "puntos", text, "<p>.</p>")
    email.send(message, desk.settings, lambda: None)
    [sent] = smtp.transmissions
    assert sent.text.replace("\r\n", "\n").rstrip("\n") == text


def test_the_moment_of_handing_over_is_told_just_before_the_dot(
    smtp: SmtpServer, desk: Office
) -> None:
    seen: list[int] = []
    message = Message("<1@example.org>", "lucia@example.org", "s", "t", "h")
    email.send(message, desk.settings, lambda: seen.append(len(smtp.transmissions)))
    assert seen == [0]
    assert len(smtp.transmissions) == 1

    smtp.behave(Refuse("RCPT", 550, "no"))
    with pytest.raises(NotifyError):
        email.send(message, desk.settings, lambda: seen.append(1))
    assert seen == [0]  # never reached


def test_a_check_of_the_settings_signs_in_and_sends_nothing(
    smtp: SmtpServer, desk: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    with email.signed_in(desk.settings.listener.email):
        pass
    assert (smtp.logins, smtp.transmissions) == ([True], [])
    monkeypatch.setenv("LISTENER_SMTP_USERNAME", "")
    with pytest.raises(MissingCredential), email.signed_in(desk.settings.listener.email):
        pass
    monkeypatch.setenv("LISTENER_SMTP_USERNAME", "somebody")
    with (
        pytest.raises(smtplib.SMTPAuthenticationError),
        email.signed_in(desk.settings.listener.email),
    ):
        pass


def test_the_server_of_these_tests_wants_starttls_and_a_password(smtp: SmtpServer) -> None:
    client: Callable[[], smtplib.SMTP] = lambda: smtplib.SMTP("127.0.0.1", smtp.port)  # noqa: E731
    with client() as plain:
        plain.ehlo()
        assert plain.mail("x@example.org")[0] == 530  # STARTTLS first
    with client() as encrypted:
        encrypted.starttls()
        encrypted.ehlo()
        assert encrypted.mail("x@example.org")[0] == 530  # AUTH first
    assert smtp.transmissions == []
