"""The CRM `local`: what comes in from CSV, what is refused, who is found, whose history it is."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from listener import imports, phones
from listener.crm import csv_import, csv_rows
from listener.crm.csv_import import Report, import_events, import_numbers, import_people
from listener.crm.local import LocalCrm
from listener.domain import (
    Channel,
    Customer,
    Direction,
    Disposition,
    Identifier,
    IdentifierKind,
    NumberKind,
)
from listener.errors import ImportError_
from listener.settings import Brand, Settings
from listener.storage import Database
from listener.storage.tables import CrmEvent, CrmIdentifier, CrmNumber, CrmPerson, Reject
from listener.vault import open_vault

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
PEOPLE = """customer_id,name,phone,email,handles,country,time_zone,consent,consent_at,preferred_channel,status
C-1,Ana Ruiz,755 10 20 30; +34 840 11 22 33,Ana.Ruiz@ejemplo.es,mastodon:@Ana;bluesky:ana.example,ES,Europe/Madrid,granted,2025-01-31,email,customer
C-2,Ben Hart,07700 900123,ben@example.org,,UK,Europe/London,none,,,prospect
C-3,Carla Díaz,044 55 1234 5678,,,MX,America/Mexico_City,refused,,whatsapp,former
"""
EVENTS = """event_id,at,direction,channel,customer_id,customer_number,caller_number,campaign,list,list_loaded_at,centre,agent,disposition,duration_s,note
E-1,2026-03-02T10:15:00+01:00,out,call,C-1,755102030,1004,Fibra,L1,2026-01-01,Norte,Marta,Not Interested,64,she said no
E-2,2026-03-03 10:15,out,call,C-1,755102030,+34 1004,Fibra,L1,,Norte,Marta,no_answer,0,
E-3,2026-03-04T09:00:00Z,out,sms,,+34 755 10 20 30,840 55 66 77,Fibra,,,,,,,
E-4,2026-03-01T09:00:00Z,out,call,C-2,07700 900123,0800 111 2233,,,,,,busy,0,
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    movistar = Brand(key="movistar", name="Movistar", query="movistar")
    return Settings(folder=tmp_path, var=tmp_path, database_url="", brands=(movistar,))


def write(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def people(db: Database, settings: Settings, folder: Path, text: str = PEOPLE) -> Report:
    return import_people(db, settings, write(folder, "people.csv", text), now=NOW)


def events(db: Database, settings: Settings, folder: Path, text: str = EVENTS) -> Report:
    return import_events(db, settings, write(folder, "events.csv", text), now=NOW)


def counts(report: Report) -> tuple[int, int, int, int]:
    return report.new, report.updated, report.unchanged, len(report.refused)


def local(db: Database, settings: Settings, url: str = "http://x") -> LocalCrm:
    return LocalCrm(db, open_vault(settings.var), public_url=url)


def customer(db: Database, settings: Settings, ref: str) -> Customer:
    found = local(db, settings).get(ref)
    assert found is not None
    return found


# ---------------------------------------------------------------------------- people


def test_people_come_in_with_phones_in_one_form(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    assert counts(people(database, settings, tmp_path)) == (3, 0, 0, 0)
    ana = customer(database, settings, "C-1")
    assert ana.phones == ("+34755102030", "+34840112233")
    assert ana.emails == ("ana.ruiz@ejemplo.es",)
    assert ana.handles == ("bluesky:ana.example", "mastodon:ana")
    assert ana.consent_at == datetime(2025, 1, 30, 23, tzinfo=UTC)  # midnight in Madrid
    assert customer(database, settings, "C-2").country == "GB"
    assert customer(database, settings, "C-3").phones == ("+525512345678",)


def test_importing_again_changes_nothing_and_an_edited_file_updates(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    people(database, settings, tmp_path)
    assert counts(people(database, settings, tmp_path)) == (0, 0, 3, 0)
    edited = PEOPLE.replace("07700 900123", "07700 900456")
    assert counts(people(database, settings, tmp_path, edited)) == (0, 1, 2, 0)
    assert customer(database, settings, "C-2").phones == ("+447700900456",)


def test_a_narrower_file_leaves_the_other_columns_alone(
    sqlite_database: Database, settings: Settings, tmp_path: Path
) -> None:
    people(sqlite_database, settings, tmp_path)
    report = people(sqlite_database, settings, tmp_path, "customer_id,status\nC-1,former\n")
    assert counts(report) == (0, 1, 0, 0)
    ana = customer(sqlite_database, settings, "C-1")
    assert (ana.status, ana.name, len(ana.phones)) == ("former", "Ana Ruiz", 2)


def test_the_last_of_two_rows_about_one_person_wins(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    text = "customer_id,name,phone\nC-9,Dora,755000001\nC-9,Dora Gil,755000002\n"
    assert counts(people(database, settings, tmp_path, text)) == (1, 1, 0, 0)
    dora = customer(database, settings, "C-9")
    assert (dora.name, dora.phones) == ("Dora Gil", ("+34755000002",))


def test_unknown_columns_are_kept_and_told(
    sqlite_database: Database, settings: Settings, tmp_path: Path
) -> None:
    report = people(sqlite_database, settings, tmp_path, "customer_id,segment\nC-1,gold\n")
    assert report.kept_aside == ("segment",)
    assert "segment" in str(report)
    with sqlite_database.read() as session:
        assert session.get_one(CrmPerson, "C-1").extra == {"segment": "gold"}


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (",Nobody,,,,,,,,,", "customer_id is empty"),
        ("C-7,X,,,,ZZ,,,,,", "two-letter code"),
        ("C-7,X,,,,ES,Europe/Madird,,,,", "IANA"),
        ("C-7,X,,,,ES,,perhaps,,,", "granted, refused, none"),
        ("C-7,X,,,,ES,,granted,last week,,", "ISO 8601"),
        ("C-7,X,,,,ES,,,,pigeon,", "call, sms"),
        ("C-7,X,,,,ES,,,,,friend", "customer, former, prospect"),
        ("C-7,X,,,ana,ES,,,,,", "platform:name"),
        ("C-7,X", "2 fields"),
        ('C-7,"X', "never closed"),
        ("C-7,X\0,,,,ES,,,,,", "zero character"),
        (f"{'C' * 201},X,,,,ES,,,,,", "at most 200"),
    ],
)
def test_a_bad_row_is_refused_with_its_line_and_the_rest_comes_in(
    sqlite_database: Database, settings: Settings, tmp_path: Path, row: str, told: str
) -> None:
    lines = PEOPLE.splitlines()
    text = "\n".join([*lines[:2], row, *lines[2:], ""])
    report = people(sqlite_database, settings, tmp_path, text)
    assert counts(report) == (3, 0, 0, 1)
    assert report.refused[0].line == 3
    assert told in report.refused[0].reason
    with sqlite_database.read() as session:
        kept = session.scalars(sa.select(Reject)).one()
    assert (kept.origin, kept.line) == ("crm/people.csv", 3)
    assert told in kept.reason


def test_a_refused_row_with_a_zero_character_can_be_kept_on_every_database(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    report = people(database, settings, tmp_path, "customer_id,name\nC-1,a\0b\n")
    assert counts(report) == (0, 0, 0, 1)


def test_semicolons_tabs_marks_and_windows_letters_are_read(
    sqlite_database: Database, settings: Settings, tmp_path: Path
) -> None:
    path = write(tmp_path, "people.csv", "customer_id;name\r\nC-1;Íñigo Núñez\r\n", "cp1252")
    report = import_people(sqlite_database, settings, path, now=NOW)
    assert customer(sqlite_database, settings, "C-1").name == "Íñigo Núñez"
    assert "cp1252" in str(report)
    path = write(tmp_path, "more.csv", "customer_id\tname\nC-2\tZoë\n", "utf-8-sig")
    import_people(sqlite_database, settings, path, now=NOW)
    assert customer(sqlite_database, settings, "C-2").name == "Zoë"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("name,phone\nAna,755102030\n", "customer_id is missing"),
        ("customer_id,name,name\nC-1,a,b\n", "two columns are called name"),
    ],
)
def test_a_file_without_a_usable_header_is_refused_as_a_whole(
    sqlite_database: Database, settings: Settings, tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(ImportError_, match=told):
        people(sqlite_database, settings, tmp_path, text)


def test_a_file_that_is_not_there_is_told(
    sqlite_database: Database, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(ImportError_, match=r"nowhere\.csv"):
        import_people(sqlite_database, settings, tmp_path / "nowhere.csv", now=NOW)


def test_a_mapping_file_renames_columns_and_codes(
    sqlite_database: Database, settings: Settings, tmp_path: Path
) -> None:
    mapping = write(
        tmp_path,
        "map.toml",
        '[events]\n"Call ID" = "event_id"\nWhen = "at"\nDir = "direction"\nKind = "channel"\n'
        'To = "customer_number"\nCode = "disposition"\n'
        '[disposition]\nNI = "not_interested"\nDNC = "do_not_call"\n'
        '[direction]\nOutbound = "out"\n[channel]\nVoice = "call"\n',
    )
    rows = (
        "Call ID,When,Dir,Kind,To,Code\n"
        "1,2026-03-02T10:00:00Z,outbound,Voice,755102030,ni\n"
        "2,2026-03-02T11:00:00Z,outbound,Voice,755102030,XX\n"
    )
    path = write(tmp_path, "events.csv", rows)
    report = import_events(sqlite_database, settings, path, mapping=mapping, now=NOW)
    assert counts(report) == (1, 0, 0, 1)
    with sqlite_database.read() as session:
        assert session.get_one(CrmEvent, "1").disposition == "not_interested"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[people]\nTel = "telephone"\n', "no such column"),
        ('[persons]\nTel = "phone"\n', "no table"),
        ("[people\n", "TOML"),
    ],
)
def test_a_wrong_mapping_file_names_what_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ImportError_, match=told):
        csv_rows.load_names(write(tmp_path, "map.toml", text), csv_rows.Kind.PEOPLE)


# ---------------------------------------------------------------------------- events


def test_events_come_in_once_with_times_in_utc(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    people(database, settings, tmp_path)
    assert counts(events(database, settings, tmp_path)) == (4, 0, 0, 0)
    assert counts(events(database, settings, tmp_path)) == (0, 0, 4, 0)
    first, second = local(database, settings).history("C-1")[:2]
    assert first.at == datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
    assert second.at == datetime(2026, 3, 3, 9, 15, tzinfo=UTC)  # no zone: the configured one
    assert (first.disposition, second.disposition) == (
        Disposition.NOT_INTERESTED,
        Disposition.NO_ANSWER,
    )
    assert (first.caller_number, second.caller_number) == ("1004", "1004")
    assert (first.direction, first.channel, first.duration_s) == (Direction.OUT, Channel.CALL, 64)


def test_national_numbers_of_an_event_are_read_by_the_country_of_its_customer(
    sqlite_database: Database, settings: Settings, tmp_path: Path
) -> None:
    people(sqlite_database, settings, tmp_path)
    events(sqlite_database, settings, tmp_path)
    (event,) = local(sqlite_database, settings).history("C-2")
    assert (event.customer_number, event.caller_number) == ("+447700900123", "+448001112233")


def test_an_event_without_a_customer_belongs_to_whoever_has_the_number(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    people(database, settings, tmp_path)
    events(database, settings, tmp_path)
    crm = local(database, settings)
    assert [e.event_id for e in crm.history("C-1")] == ["E-1", "E-2", "E-3"]
    assert [e.event_id for e in crm.history("C-2")] == ["E-4"]
    assert crm.history("C-404") == []


def test_an_event_of_another_customer_on_the_same_line_is_not_theirs(
    sqlite_database: Database, settings: Settings, tmp_path: Path
) -> None:
    people(sqlite_database, settings, tmp_path)
    row = "E-9,2026-03-05T10:00:00Z,out,call,C-2,755102030,1004,,,,,,none,0,\n"
    events(sqlite_database, settings, tmp_path, EVENTS + row)
    crm = local(sqlite_database, settings)
    assert "E-9" not in {e.event_id for e in crm.history("C-1")}
    assert "E-9" in {e.event_id for e in crm.history("C-2")}


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("E-7,2026-03-05,out,call,C-1,,,,,,,,,,", "date and hour"),
        ("E-7,2026-02-30T10:00:00Z,out,call,C-1,,,,,,,,,,", "ISO 8601"),
        ("E-7,05/03/2026 10:00,out,call,C-1,,,,,,,,,,", "ISO 8601"),
        ("E-7,0001-01-01T00:00:00+14:00,out,call,C-1,,,,,,,,,,", "ISO 8601"),
        ("E-7,1066-10-14T09:00:00Z,out,call,C-1,,,,,,,,,,", "1970"),
        ("E-7,2026-03-05T10:00:00Z,up,call,C-1,,,,,,,,,,", "out, in"),
        ("E-7,2026-03-05T10:00:00Z,out,fax,C-1,,,,,,,,,,", "whatsapp"),
        ("E-7,2026-03-05T10:00:00Z,out,call,,,,,,,,,,,", "whose contact"),
        ("E-7,2026-03-05T10:00:00Z,out,call,C-1,,,,,,,,refused,,", "not_interested"),
        ("E-7,2026-03-05T10:00:00Z,out,call,C-1,,,,,,,,none,-5,", "seconds"),
        ("E-7,2026-03-05T10:00:00Z,out,call,C-1,,,,,,,,none,nan,", "seconds"),
    ],
)
def test_a_bad_event_is_refused_with_its_reason(
    sqlite_database: Database, settings: Settings, tmp_path: Path, row: str, told: str
) -> None:
    report = events(sqlite_database, settings, tmp_path, EVENTS + row + "\n")
    assert counts(report) == (4, 0, 0, 1)
    assert told in report.refused[0].reason


def test_events_of_people_who_are_not_there_are_kept_and_told(
    sqlite_database: Database, settings: Settings, tmp_path: Path
) -> None:
    report = events(sqlite_database, settings, tmp_path)
    assert any("not among the people" in note for note in report.notes)


def test_many_rows_come_in_batches_and_again_as_unchanged(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    total = csv_import.BATCH * 2 + 7
    out = io.StringIO()
    sheet = csv.writer(out)
    sheet.writerow(["customer_id", "phone"])
    sheet.writerows([f"C-{i}", f"755{i:06d}"] for i in range(total))
    assert counts(people(database, settings, tmp_path, out.getvalue())) == (total, 0, 0, 0)
    assert counts(people(database, settings, tmp_path, out.getvalue())) == (0, 0, total, 0)
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(CrmIdentifier)) == total


# ---------------------------------------------------------------------------- numbers


def test_the_registry_of_numbers_with_its_days(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    text = (
        "number,brand,kind,owner,valid_from,valid_to\n"
        "1004,movistar,own,,,\n"
        "840 55 66 77,Movistar,agency,Llamaya SL,2025-01-01,2026-02-28\n"
        "840 55 66 77,movistar,retired,,2026-03-01,\n"
        "840 00 00 01,movistar,friend,,,\n"
        "840 00 00 02,movistar,own,,2026-03-02,2026-03-01\n"
        "none,movistar,own,,,\n"
    )
    path = write(tmp_path, "numbers.csv", text)
    report = import_numbers(database, settings, path, now=NOW)
    assert counts(report) == (3, 0, 0, 3)
    assert counts(import_numbers(database, settings, path, now=NOW)) == (0, 0, 3, 3)
    known = local(database, settings).numbers("movistar")
    assert [(n.number, n.kind) for n in known] == [
        ("+34840556677", NumberKind.AGENCY),
        ("+34840556677", NumberKind.RETIRED),
        ("1004", NumberKind.OWN),
    ]
    assert known[0].valid_from == datetime(2025, 1, 1, tzinfo=UTC)
    assert known[0].valid_to == known[1].valid_from == datetime(2026, 3, 1, tzinfo=UTC)
    assert known[2].valid_from is None


# ---------------------------------------------------------------------------- find, link


@pytest.mark.parametrize(
    ("kind", "value", "ref"),
    [
        (IdentifierKind.PHONE, "+34840112233", "C-1"),
        (IdentifierKind.EMAIL, "ana.ruiz@ejemplo.es", "C-1"),
        (IdentifierKind.HANDLE, "bluesky:ana.example", "C-1"),
        (IdentifierKind.CUSTOMER_ID, "c-2", "C-2"),
    ],
)
def test_people_are_found_by_each_kind_of_identifier(
    database: Database,
    settings: Settings,
    tmp_path: Path,
    kind: IdentifierKind,
    value: str,
    ref: str,
) -> None:
    people(database, settings, tmp_path)
    identifier = Identifier(kind, value)
    found = local(database, settings).find([identifier])
    assert [(c.customer.ref, c.found_by) for c in found] == [(ref, identifier)]


def test_everyone_on_a_shared_line_is_found_and_a_name_finds_nobody(
    sqlite_database: Database, settings: Settings, tmp_path: Path
) -> None:
    people(sqlite_database, settings, tmp_path)
    people(sqlite_database, settings, tmp_path, "customer_id,name,phone\nC-8,Luis,755102030\n")
    crm = local(sqlite_database, settings)
    shared = crm.find([Identifier(IdentifierKind.PHONE, "+34755102030")])
    named = crm.find([Identifier(k, "Ana Ruiz") for k in IdentifierKind])
    assert [c.customer.ref for c in shared] == ["C-1", "C-8"]
    assert named == []


def test_the_link_is_the_dashboards_page(sqlite_database: Database, settings: Settings) -> None:
    crm = local(sqlite_database, settings, "https://listener.example/")
    assert crm.link("C 1/ñ") == "https://listener.example/customer?ref=C%201%2F%C3%B1"
    assert crm.link("") is None


def test_numbers_and_people_that_are_invented_say_so(
    sqlite_database: Database, settings: Settings, tmp_path: Path
) -> None:
    path = write(tmp_path, "people.csv", PEOPLE)
    import_people(sqlite_database, settings, path, invented=True, now=NOW)
    assert customer(sqlite_database, settings, "C-1").invented
    with sqlite_database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(CrmNumber)) == 0


# ---------------------------------------------------------------------------- phone numbers


@pytest.mark.parametrize(
    ("written", "country", "e164"),
    [
        ("755 10 20 30", "ES", "+34755102030"),
        ("0034-755-102030", "ES", "+34755102030"),
        ("+34 (755) 10.20.30", "", "+34755102030"),
        ("755102030 ext. 12", "ES", "+34755102030"),
        ("044 55 1234 5678", "MX", "+525512345678"),
        ("01 55 1234 5678", "MX", "+525512345678"),
        ("+52 1 55 1234 5678", "", "+525512345678"),
        ("+54 9 11 2345-6789", "", "+541123456789"),
        ("011 15 2345-6789", "AR", "+541123456789"),
        ("(20) 8123-4567", "BR", "+5520981234567"),
        ("07700 900123", "GB", "+447700900123"),
        ("06 39 98 12 34", "FR", "+33639981234"),
        ("1004", "ES", None),
        ("no tiene", "ES", None),
        ("755102030", "", None),
        ("123456789012345678901", "ES", None),
    ],
)
def test_every_written_form_of_a_line_is_one_value(
    written: str, country: str, e164: str | None
) -> None:
    assert phones.normalise(written, country) == e164


@given(st.text(max_size=40), st.sampled_from(["ES", "MX", "AR", "BR", "GB", "DE", ""]))
def test_normalising_never_fails_and_is_settled_after_once(text: str, country: str) -> None:
    once = phones.normalise(text, country)
    assert once is None or (once.startswith("+") and phones.normalise(once, country) == once)


@given(st.integers(0, 999_999), st.sampled_from(["", " ", "-", ".", " - "]))
def test_separators_make_no_difference(rest: int, sign: str) -> None:
    digits = f"755{rest:06d}"
    written = sign.join([digits[:3], digits[3:6], digits[6:]])
    assert phones.normalise(written, "ES") == "+34" + digits


@pytest.mark.parametrize(
    ("written", "plain"),
    [("1004", "1004"), ("+34 1004", "1004"), ("0034 1004", "1004"), ("10 04", "1004")],
)
def test_short_codes_stay_short(written: str, plain: str) -> None:
    assert phones.normalise_caller(written, "ES") == plain


@pytest.mark.parametrize(
    ("number", "country", "prefix"),
    [
        ("900", "ES", True),
        ("800", "IT", True),
        ("123", "ES", False),
        ("1004", "ES", False),
        ("900123456", "ES", False),
        ("900", "", False),
        ("9a0", "ES", False),
    ],
)
def test_what_is_only_how_a_number_begins(number: str, country: str, prefix: bool) -> None:
    assert phones.is_prefix(number, country) is prefix


# ---------------------------------------------------------------------------- hostile cells


@given(st.dictionaries(st.sampled_from(csv_rows.COLUMNS[csv_rows.Kind.EVENTS]), st.text()))
def test_a_row_is_read_or_refused_and_nothing_else(cells: dict[str, str]) -> None:
    row = {**dict.fromkeys(csv_rows.REQUIRED[csv_rows.Kind.EVENTS], ""), **cells}
    how = csv_rows.Reading("ES", UTC)
    try:
        values = csv_rows.event(row, how)
    except ValueError as error:
        reason = str(error)
    else:
        reason = f"read at {values['at'].astimezone(UTC)}"
    assert reason


# ---------------------------------------------------------------------------- spreadsheets, rejects


def book(folder: Path, name: str, rows: list[list[object]]) -> Path:
    from openpyxl import Workbook

    made = Workbook()
    for row in rows:
        made.active.append(row)  # type: ignore[union-attr]
    made.save(folder / name)
    return folder / name


def test_a_spreadsheet_is_read_as_its_csv_would_be(
    sqlite_database: Database, settings: Settings, tmp_path: Path
) -> None:
    people(sqlite_database, settings, tmp_path)
    path = book(
        tmp_path,
        "log.xlsx",
        [
            [
                "Event_ID",
                "at",
                "direction",
                "channel",
                "customer_id",
                "list_loaded_at",
                "duration_s",
            ],
            ["X-1", datetime(2026, 3, 2, 10, 15), "out", "call", "C-1", datetime(2026, 1, 7), 64.0],
            [],
            ["X-2", "yesterday", "out", "call", "C-1", None, 0],
            [7, datetime(2026, 3, 3, 10, 0), "out", "call", "C-1", None, None],
        ],
    )
    report = import_events(sqlite_database, settings, path, now=NOW)
    assert counts(report) == (2, 0, 0, 1)
    assert report.refused[0].line == 4
    first, second = (
        e for e in local(sqlite_database, settings).history("C-1") if e.event_id in ("X-1", "7")
    )
    assert first.at == datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
    assert (first.duration_s, second.event_id) == (64, "7")
    assert counts(import_events(sqlite_database, settings, path, now=NOW)) == (0, 0, 2, 1)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"event_id,at\n1,2\n"])
def test_what_is_no_spreadsheet_is_told(
    sqlite_database: Database, settings: Settings, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "log.xlsx"
    path.write_bytes(content)
    with pytest.raises(ImportError_, match=r"log\.xlsx"):
        import_events(sqlite_database, settings, path, now=NOW)


def test_every_refused_row_goes_into_a_file(
    sqlite_database: Database, settings: Settings, tmp_path: Path
) -> None:
    rows = "".join(f"C-{i},{'XX' if i % 2 else 'ES'}\n" for i in range(60))
    file = write(tmp_path, "people.csv", "customer_id,country\n" + rows + "=C-9,=cmd\n")
    out = tmp_path / "rejects.csv"
    told = io.StringIO()
    refused = imports.crm(
        settings, sqlite_database, file, None, None, None, Console(file=told), rejects=out
    )
    with out.open(newline="", encoding="utf-8") as sheet:
        written = list(csv.reader(sheet))
    assert refused == 31
    assert written[0] == ["file", "line", "reason", "excerpt"]
    assert written[1][:2] == ["people.csv", "3"]
    assert len(written) == 32
    assert written[-1][3].startswith("'=C-9")  # no formula for the spreadsheet that opens it
    assert "columns: customer_id, country" in told.getvalue()
    assert "and 11 more" in told.getvalue()
