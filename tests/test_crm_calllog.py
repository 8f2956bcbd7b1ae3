"""A call log in real databases: SQLite, PostgreSQL, and MariaDB (servers_mariadb.py).

LISTENER_TEST_MYSQL_URL=mysql://user:password@127.0.0.1:3306/ names another server, of MySQL or
MariaDB, on which databases and users may be made and dropped.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import free_port

from listener.crm import calllog, databases
from listener.crm.calllog import CallLog, Options, cells_of, event_of
from listener.crm.csv_rows import Names, Reading
from listener.crm.databases import Source
from listener.crm.local import LocalCrm
from listener.crm.seam import Capability, Connection
from listener.crm.systems import Systems, options_of
from listener.domain import Channel, ContactEvent, Customer, Direction, Disposition
from listener.errors import ConfigError, CRMError, MissingCredential
from listener.httpclient import HttpClient
from listener.settings import CrmConfig, Http, Settings
from listener.storage import Database

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ROSA, LUIS = "+34600123456", "+34600123999"
SELECT = """
    SELECT id AS event_id, fecha AS at, sentido AS direction, telefono AS customer_number,
           origen AS caller_number, campana AS campaign, lista AS list, agente AS agent,
           resultado AS disposition, segundos AS duration_s, nota AS note
    FROM llamadas WHERE telefono IN :numbers
"""
COLUMNS = (
    *("id", "fecha", "sentido", "telefono", "origen", "campana", "lista", "agente"),
    *("resultado", "segundos", "nota"),
)
CALL: Mapping[str, Any] = {
    "sentido": "S",
    "telefono": "600123456",
    "origen": "900 112 113",
    "campana": "FIBRA-MAY",
    "lista": "L-0412",
    "agente": "A17",
    "resultado": "NI",
    "segundos": 96,
    "nota": "",
}


@contextmanager
def a_database(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """The address of an empty database of the test's own."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'log.db'}"
        return
    server: sa.URL = request.getfixturevalue(kind)
    name = f"log_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield server.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        forced = " WITH (FORCE)" if kind == "postgresql" else ""
        connection.exec_driver_sql(f"DROP DATABASE {name}{forced}")
    engine.dispose()


class Log:
    """The other side: what its own programs write into it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = sa.create_engine(url)
        table = sa.MetaData()
        text = sa.String(200)
        self.table = sa.Table(
            "llamadas",
            table,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("fecha", sa.DateTime),
            *(sa.Column(name, text) for name in COLUMNS[2:9]),
            sa.Column("segundos", sa.Integer),
            sa.Column("nota", text),
        )
        table.create_all(self.engine)

    def add(self, number: int, at: str, **more: Any) -> None:
        row = {**CALL, "id": number, "fecha": datetime.fromisoformat(at), **more}
        with self.engine.begin() as connection:
            connection.execute(sa.insert(self.table).values(row))

    def count(self) -> int:
        with self.engine.connect() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(self.table)) or 0


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def log(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Log]:
    with a_database(request.param, request, tmp_path) as url:
        monkeypatch.setenv("CALLS_URL", url)
        made = Log(url)
        yield made
        made.engine.dispose()


@pytest.fixture
def sqlite_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    monkeypatch.setenv("CALLS_URL", url)
    made = Log(url)
    yield made
    made.engine.dispose()


@pytest.fixture
def opened(sqlite_database: Database, tmp_path: Path) -> Callable[..., CallLog]:
    def make(timeout: str = "10s", **options: Any) -> CallLog:
        given = {
            "url_env": "CALLS_URL",
            "select": SELECT,
            "directions": {"S": "out", "E": "in"},
            "dispositions": {"NI": "not_interested", "NC": "no_answer"},
            **options,
        }
        config = CrmConfig(name="dialler", type="calllog", timeout=timeout, options=given)
        home = Settings(folder=tmp_path, var=tmp_path, database_url="")
        connection = Connection(config, home, sqlite_database, HttpClient(Http()), lambda: NOW)
        return calllog.open(options_of(config, {"calllog": calllog}), connection)

    return make


# ---------------------------------------------------------------------------- calls


def test_it_offers_calls_and_nothing_else(opened: Callable[..., CallLog]) -> None:
    crm = opened()
    assert crm.name == "dialler"
    assert crm.can == {Capability.CALLS}
    assert crm.link("1") is None


def test_a_row_becomes_an_event(log: Log, opened: Callable[..., CallLog]) -> None:
    log.add(7, "2026-05-14 12:10:05")
    assert opened().calls([ROSA]) == [
        ContactEvent(
            event_id="dialler:7",
            at=datetime(2026, 5, 14, 10, 10, 5, tzinfo=UTC),
            direction=Direction.OUT,
            channel=Channel.CALL,
            customer_number=ROSA,
            caller_number="+34900112113",
            campaign="FIBRA-MAY",
            list_name="L-0412",
            agent="A17",
            disposition=Disposition.NOT_INTERESTED,
            duration_s=96,
        )
    ]


@pytest.mark.parametrize(
    ("number", "country", "written"),
    [
        (ROSA, "ES", ["600123456", "34600123456", "0034600123456", ROSA, "600 12 34 56"]),
        ("+525512345678", "MX", ["5512345678", "5215512345678", "0445512345678", "015512345678"]),
        ("+541123456789", "AR", ["1123456789", "5491123456789", "0111523456789", "011 2345-6789"]),
        ("+5511987654321", "BR", ["11987654321", "1187654321", "551187654321", "(11) 98765-4321"]),
        ("+33612345678", "FR", ["0612345678", "33612345678", "06 12 34 56 78", "612345678"]),
        ("+12025550100", "US", ["2025550100", "12025550100", "(202) 555-0100"]),
    ],
)
def test_found_by_every_written_form(
    sqlite_log: Log, opened: Callable[..., CallLog], number: str, country: str, written: list[str]
) -> None:
    for place, form in enumerate(written):
        sqlite_log.add(place, f"2026-05-14 12:10:{place:02}", telefono=form)
    sqlite_log.add(90, "2026-05-14 13:00", telefono="600123999")
    found = opened(countries=[country]).calls([number])
    assert [e.event_id for e in found] == [f"dialler:{n}" for n in range(len(written))]
    assert {e.customer_number for e in found} == {number}


def test_a_number_of_another_country_is_not_taken_for_one_of_ours(
    sqlite_log: Log, opened: Callable[..., CallLog]
) -> None:
    sqlite_log.add(1, "2026-05-14 12:10", telefono="912345678")  # Madrid's, dialled in Spain
    sqlite_log.add(2, "2026-05-14 12:20", telefono="351912345678")
    assert [e.event_id for e in opened(countries=["ES", "PT"]).calls(["+351912345678"])] == [
        "dialler:2"
    ]
    assert [e.event_id for e in opened(countries=["ES"]).calls(["+34912345678"])] == ["dialler:1"]


def test_a_select_that_gives_more_is_compared_again(
    sqlite_log: Log, opened: Callable[..., CallLog]
) -> None:
    sqlite_log.add(1, "2026-05-14 12:10")
    sqlite_log.add(2, "2026-05-14 12:20", telefono="600123999")
    loose = SELECT.replace("IN :numbers", "IN (:numbers) OR 1 = 1")
    assert [e.event_id for e in opened(select=loose).calls([ROSA])] == ["dialler:1"]


def test_several_phones_oldest_first_each_event_once(
    log: Log, opened: Callable[..., CallLog]
) -> None:
    log.add(3, "2026-05-16 09:00", telefono="600123999")
    log.add(1, "2026-05-18 09:00")
    log.add(2, "2026-05-14 09:00")
    twice = SELECT + " UNION ALL " + SELECT
    for select in (SELECT, twice):
        found = opened(select=select).calls([ROSA, LUIS, ROSA])
        assert [e.event_id for e in found] == ["dialler:2", "dialler:3", "dialler:1"]
        assert opened(select=select).calls([ROSA, LUIS]) == found


def test_an_empty_log_and_what_is_no_phone(log: Log, opened: Callable[..., CallLog]) -> None:
    assert opened().calls([ROSA]) == []
    assert opened().calls([]) == []
    assert opened().calls(["", "x", "1004", "' OR 1=1 --"]) == []


@pytest.mark.parametrize(
    ("zone", "local", "utc"),
    [
        ("Europe/Madrid", "2026-01-10 12:00", "2026-01-10T11:00"),
        ("Europe/Madrid", "2026-07-10 12:00", "2026-07-10T10:00"),
        ("Europe/Madrid", "2026-10-25 02:30", "2026-10-25T00:30"),  # twice that night: the first
        ("America/Mexico_City", "2026-07-10 12:00", "2026-07-10T18:00"),
        (None, "2026-07-10 12:00", "2026-07-10T10:00"),
    ],
)
def test_times_are_the_servers(
    sqlite_log: Log, opened: Callable[..., CallLog], zone: str | None, local: str, utc: str
) -> None:
    sqlite_log.add(1, local)
    [event] = opened(time_zone=zone).calls([ROSA])
    assert event.at == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "disposition", "note"),
    [
        ("NI", Disposition.NOT_INTERESTED, "llamar nunca"),
        ("ni", Disposition.NOT_INTERESTED, "llamar nunca"),
        ("NC", Disposition.NO_ANSWER, "llamar nunca"),
        ("busy", Disposition.BUSY, "llamar nunca"),
        ("ZZ9", Disposition.NONE, "llamar nunca (code ZZ9)"),
        ("", Disposition.NONE, "llamar nunca"),
        (None, Disposition.NONE, "llamar nunca"),
    ],
)
def test_codes_are_mapped_and_unknown_ones_kept(
    sqlite_log: Log,
    opened: Callable[..., CallLog],
    code: str | None,
    disposition: Disposition,
    note: str,
) -> None:
    sqlite_log.add(1, "2026-05-14 12:10", resultado=code, nota="llamar nunca")
    [event] = opened().calls([ROSA])
    assert (event.disposition, event.note) == (disposition, note)


def test_inbound_and_other_channels(sqlite_log: Log, opened: Callable[..., CallLog]) -> None:
    sqlite_log.add(1, "2026-05-14 12:10", sentido="E", agente="WA")
    sqlite_log.add(2, "2026-05-14 12:20", sentido="outbound", agente="sms")
    select = SELECT.replace("agente AS agent", "agente AS channel")
    found = opened(select=select, channels={"WA": "whatsapp"}).calls([ROSA])
    assert [(e.direction, e.channel) for e in found] == [
        (Direction.IN, Channel.WHATSAPP),
        (Direction.OUT, Channel.SMS),
    ]


def test_times_with_a_zone_and_typed_columns(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    opened: Callable[..., CallLog],
) -> None:
    """PostgreSQL's own types: a time with zone, an interval, a day."""
    with a_database("postgresql", request, tmp_path) as url:
        monkeypatch.setenv("CALLS_URL", url)
        select = """
            SELECT 'x' || '-1' AS event_id, '2026-05-14T12:00:00-05'::timestamptz AS at,
                   'out' AS direction, n AS customer_number, interval '90 seconds' AS duration_s,
                   date '2026-04-20' AS list_loaded_at, 'Sevilla' AS centre
            FROM unnest(ARRAY['600123456', '600123999']) AS n WHERE n IN (:numbers);
        """
        [event] = opened(select=select).calls([ROSA])
    assert event.event_id == "dialler:x-1"
    assert event.at == datetime(2026, 5, 14, 17, tzinfo=UTC)
    assert (event.duration_s, event.centre) == (90, "Sevilla")
    assert event.list_loaded_at == datetime(2026, 4, 19, 22, tzinfo=UTC)


def test_typed_columns_of_mariadb(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    opened: Callable[..., CallLog],
) -> None:
    """Phones kept as numbers, a TIME as duration, a day, bytes, a sum."""
    with a_database("mysql", request, tmp_path) as url:
        monkeypatch.setenv("CALLS_URL", url)
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "CREATE TABLE llamadas (telefono BIGINT UNSIGNED, hablado TIME, lista DATE, "
                "centro VARBINARY(40), fecha TIMESTAMP(6) NULL)"
            )
            connection.exec_driver_sql(
                "INSERT INTO llamadas VALUES "
                "(600123456, '00:01:30', '2026-04-20', 'Málaga', '2026-05-14 12:00:00.250'), "
                # The spaced form 600 12 34 56 is 600 to a database that compares numbers.
                "(600, '00:02:00', '2026-04-20', 'Málaga', '2026-05-14 12:00:00')"
            )
        engine.dispose()
        select = """
            SELECT COUNT(*) AS event_id, MAX(fecha) AS at, 'out' AS direction,
                   telefono AS customer_number, MAX(hablado) AS duration_s,
                   MAX(lista) AS list_loaded_at, MAX(centro) AS centre
            FROM llamadas WHERE telefono IN :numbers GROUP BY telefono
        """
        [event] = opened(select=select).calls([ROSA])
    assert event.event_id == "dialler:1"
    assert event.at == datetime(2026, 5, 14, 10, 0, 0, 250000, tzinfo=UTC)
    assert (event.customer_number, event.duration_s, event.centre) == (ROSA, 90, "Málaga")
    assert event.list_loaded_at == datetime(2026, 4, 19, 22, tzinfo=UTC)


def test_percent_and_colons_in_the_statement(log: Log, opened: Callable[..., CallLog]) -> None:
    log.add(1, "2026-05-14 12:10", nota="30% a las 12:30")
    select = SELECT + " AND nota LIKE '30%12:30'"
    assert len(opened(select=select).calls([ROSA])) == 1


def test_contacts_of_a_customer_through_all_systems(
    sqlite_log: Log, sqlite_database: Database, tmp_path: Path
) -> None:
    sqlite_log.add(1, "2026-05-14 12:10")
    config = CrmConfig(
        name="dialler", type="calllog", options={"url_env": "CALLS_URL", "select": SELECT}
    )
    broken = config.model_copy(update={"name": "old"})
    home = Settings(
        folder=tmp_path,
        var=tmp_path,
        database_url="",
        crms=(CrmConfig(name="local", type="local"), config, broken),
    )
    from listener.crm import local

    systems = Systems(home, sqlite_database, {"local": local, "calllog": calllog}, lambda: NOW)
    assert isinstance(systems.get("local"), LocalCrm)
    rosa = Customer("local", "C-1", "Rosa", phones=(ROSA,))
    # A direction that nobody explained: neither dialler can be read, and both say so.
    events, silent = systems.contacts("local", rosa)
    assert events == []
    assert len(silent) == 2
    assert all("direction 'S' is none of: out, in" in said for said in silent)


# ---------------------------------------------------------------------------- reading only


def test_nothing_can_be_written(log: Log, opened: Callable[..., CallLog]) -> None:
    log.add(1, "2026-05-14 12:10")
    source = Source("dialler", "CALLS_URL", 5)
    with pytest.raises(CRMError, match="its database says") as error, source.connected() as there:
        there.execute(sa.text("DELETE FROM llamadas"))
    assert not error.value.retry
    assert log.count() == 1


def test_a_select_that_deletes_is_refused_by_the_database(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    opened: Callable[..., CallLog],
) -> None:
    with a_database("postgresql", request, tmp_path) as url:
        monkeypatch.setenv("CALLS_URL", url)
        log = Log(url)
        log.add(1, "2026-05-14 12:10")
        gone = SELECT.replace("FROM llamadas", "FROM gone")
        crm = opened(select=f"WITH gone AS (DELETE FROM llamadas RETURNING *) {gone}")
        with pytest.raises(CRMError, match="read-only transaction") as error:
            crm.calls([ROSA])
        assert not error.value.retry
        assert log.count() == 1
        log.engine.dispose()


@pytest.mark.parametrize(
    ("select", "says"),
    [
        ("DELETE FROM llamadas WHERE telefono IN :numbers", "begins with SELECT"),
        ("SELECT 1; DELETE FROM llamadas WHERE telefono IN :numbers", "one statement only"),
        ("SELECT * FROM llamadas", "the phones are missing"),
        ("SELECT * FROM l WHERE t IN :numbers AND d > :since", ":since is no parameter"),
        ("", "begins with SELECT"),
    ],
)
def test_a_statement_that_is_none_is_told_at_once(
    opened: Callable[..., CallLog], select: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        opened(select=select)


# ---------------------------------------------------------------------------- when it fails

_FOREVER = {
    "sqlite": "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
    "SELECT x AS event_id FROM c WHERE x < 0 OR x IN :numbers",
    "postgresql": "SELECT pg_sleep(30) AS event_id WHERE '600123456' IN :numbers",
    "mysql": "SELECT COUNT(*) AS event_id FROM information_schema.COLLATIONS a, "
    "information_schema.COLLATIONS b, information_schema.COLLATIONS c, "
    "information_schema.COLLATIONS d WHERE CONCAT(a.ID, b.ID, c.ID, d.ID) IN :numbers",
}


def test_a_statement_has_its_time(log: Log, opened: Callable[..., CallLog]) -> None:
    kind = log.engine.dialect.name
    began = time.monotonic()
    with pytest.raises(CRMError, match="asked again later") as error:
        opened(timeout="1s", select=_FOREVER[kind]).calls([ROSA])
    assert error.value.retry
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_server_that_is_down_may_be_asked_again(
    opened: Callable[..., CallLog], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    url = f"{kind}://ana:geheim-9@127.0.0.1:{free_port()}/calls"
    monkeypatch.setenv("CALLS_URL", url)
    with pytest.raises(CRMError, match="CRM dialler: its database says") as error:
        opened().calls([ROSA])
    assert error.value.retry
    assert "geheim-9" not in str(error.value)
    assert error.value.__suppress_context__


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_refused_user_is_final(
    kind: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    opened: Callable[..., CallLog],
) -> None:
    with a_database(kind, request, tmp_path) as url:
        stranger = sa.make_url(url).set(username="stranger", password="geheim-9")
        monkeypatch.setenv("CALLS_URL", stranger.render_as_string(hide_password=False))
        with pytest.raises(CRMError, match="stranger") as error:
            opened().calls([ROSA])
    assert not error.value.retry
    assert "CALLS_URL" in str(error.value)
    assert "geheim-9" not in str(error.value)


@pytest.mark.parametrize("wrong", ["llamada", "(SELECT 1 AS telefono) AS one"])
def test_wrong_sql_is_final_and_shows_no_phone(
    log: Log, opened: Callable[..., CallLog], wrong: str
) -> None:
    crm = opened(select=SELECT.replace("FROM llamadas", f"FROM {wrong}"))
    with pytest.raises(CRMError, match="its database says") as error:
        crm.calls([ROSA])
    assert not error.value.retry
    assert "600123456" not in str(error.value)


def test_a_phone_in_the_databases_words_is_masked(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    opened: Callable[..., CallLog],
) -> None:
    with a_database("postgresql", request, tmp_path) as url:
        monkeypatch.setenv("CALLS_URL", url)
        select = "SELECT CAST('tel 600123456' AS integer) AS event_id WHERE '1' IN :numbers"
        with pytest.raises(CRMError, match=r"invalid input syntax.*•••456") as error:
            opened(select=select.replace("'1' IN", "'600123456' IN")).calls([ROSA])
    assert "600123456" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("not an address", "the address in CALLS_URL cannot be read"),
        ("oracledb9://ana:geheim-9@host/x", "there is no driver for 'oracledb9'"),
        ("sqlite:////no/such/file.db", "there is no file"),
        ("sqlite://", "there is no file"),
    ],
)
def test_an_address_that_is_none(
    opened: Callable[..., CallLog], monkeypatch: pytest.MonkeyPatch, url: str, says: str
) -> None:
    monkeypatch.setenv("CALLS_URL", url)
    with pytest.raises(CRMError, match=says) as error:
        opened().calls([ROSA])
    assert "geheim-9" not in str(error.value)
    assert not error.value.retry
    assert not Path("/no/such").exists()


def test_what_is_no_database(
    opened: Callable[..., CallLog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "page.db").write_text("<html>" * 2000)
    monkeypatch.setenv("CALLS_URL", f"sqlite:///{tmp_path / 'page.db'}")
    with pytest.raises(CRMError, match="not a database") as error:
        opened().calls([ROSA])
    assert not error.value.retry


def test_without_its_variable(
    opened: Callable[..., CallLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CALLS_URL", raising=False)
    crm = opened()  # opening asks nothing
    with pytest.raises(MissingCredential, match="CALLS_URL"):
        crm.calls([ROSA])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("agente AS agent", "agente AS agentt"), "gives a column 'agentt'; known are agent"),
        (("id AS event_id", "id AS note"), "gives no column event_id"),
        (("sentido AS direction", "'sideways' AS direction"), "direction 'sideways' is none of"),
        (("fecha AS at", "'yesterday' AS at"), "at 'yesterday' is no ISO 8601 time"),
        (("segundos AS duration_s", "-5 AS duration_s"), "duration_s '-5' is no number of seconds"),
        (("id AS event_id", "NULL AS event_id"), "event_id is empty"),
    ],
)
def test_a_row_that_is_no_event_is_told(
    sqlite_log: Log, opened: Callable[..., CallLog], change: tuple[str, str], says: str
) -> None:
    sqlite_log.add(1, "2026-05-14 12:10")
    select = SELECT.replace(*change).replace("nota AS note", "nota AS centre")
    with pytest.raises(CRMError, match="a row of its log cannot be read: .*" + says) as error:
        opened(select=select).calls([ROSA])
    assert not error.value.retry
    assert "600123456" not in str(error.value)


def test_a_part_of_the_calls_is_no_answer(
    sqlite_log: Log, opened: Callable[..., CallLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "_MOST_ROWS", 2)
    for number in range(3):
        sqlite_log.add(number, "2026-05-14 12:10")
    with pytest.raises(CRMError, match="more than 2 calls for one person"):
        opened().calls([ROSA])


# ---------------------------------------------------------------------------- properties

_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.binary(max_size=12),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.decimals(allow_nan=True),
)
_NAMES = st.sampled_from([*sorted(calllog._KNOWN), "AT", "Event_ID", "phone", ""])
_CODES = {"direction": {"1": "out"}, "channel": {}, "disposition": {"x": "sale"}}


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(_NAMES, _VALUES))
def test_any_row_is_an_event_or_a_value_error(row: dict[str, Any]) -> None:
    reading = Reading("ES", ZoneInfo("Europe/Madrid"), Names(codes=_CODES))
    sound = {"event_id": 1, "at": datetime(2026, 5, 1), "direction": 1, "customer_number": ROSA}
    for tried in (row, {**sound, **row}):
        try:
            event = event_of(cells_of(tried), reading, "dialler")
        except ValueError:
            continue
        assert event.at.tzinfo is UTC
        assert event.event_id.startswith("dialler:")
        assert 0 <= event.duration_s <= timedelta(days=7).total_seconds()


def test_values_of_every_type_of_a_duration() -> None:
    for value in (90, 90.0, Decimal(90), "90", timedelta(seconds=90), b"90"):
        row = {"event_id": 1, "at": NOW, "direction": "out", "customer_number": ROSA}
        assert float(cells_of({**row, "duration_s": value})["duration_s"]) == 90


def test_the_options_that_are_the_least() -> None:
    assert Options(url_env="X", select="SELECT 1 WHERE 1 IN (:numbers);").select == (
        "SELECT 1 WHERE 1 IN :numbers"
    )
