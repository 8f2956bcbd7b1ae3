"""Call detail records and Issabel's do-not-call list in real databases: SQLite, PostgreSQL, and
MariaDB, where Asterisk and Issabel keep them (see test_crm_calllog.py). The tables are made as Asterisk's and Issabel's installers make them."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import free_port
from test_crm_calllog import a_database

from listener.crm import asterisk
from listener.crm.asterisk import Asterisk, Reading, events_of
from listener.crm.seam import Capability, Connection, Order
from listener.crm.systems import options_of
from listener.domain import Channel, ContactEvent, Direction, Disposition
from listener.errors import ConfigError, CRMError, MissingCredential
from listener.httpclient import HttpClient
from listener.settings import CrmConfig, Http, Settings
from listener.storage import Database

NOW = datetime(2026, 11, 26, 12, 0, 30, tzinfo=UTC)
LOCAL_NOW = datetime(2026, 11, 26, 13, 0, 30)  # Madrid's
RECORDS = Path(__file__).parent / "data" / "crm" / "asterisk" / "cdr.csv"
ROSA, LUIS = "+34600123456", "+34600123999"
NUMBERS = ("duration", "billsec", "amaflags", "sequence")


def records() -> list[dict[str, Any]]:
    with RECORDS.open(encoding="utf-8", newline="") as file:
        return [
            {
                **row,
                "calldate": datetime.fromisoformat(row["calldate"]),
                **{name: int(row[name]) for name in NUMBERS},
            }
            for row in csv.DictReader(file)
        ]


class Pbx:
    """The other side: its tables, and what its own programs write into them."""

    def __init__(self, url: str) -> None:
        self.engine = sa.create_engine(url)
        tables = sa.MetaData()
        self.cdr = sa.Table(
            "cdr",
            tables,
            sa.Column("calldate", sa.DateTime, nullable=False),
            *(
                sa.Column(name, sa.Integer if name in NUMBERS else sa.String(80))
                for name in records()[0]
                if name != "calldate"
            ),
        )
        self.dont_call = sa.Table(
            "dont_call",
            tables,
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
            sa.Column("caller_id", sa.String(15), nullable=False),
            sa.Column("date_income", sa.DateTime),
            sa.Column("status", sa.String(1)),
        )
        tables.create_all(self.engine)
        self.add(self.cdr, *records())

    def add(self, table: sa.Table, *rows: dict[str, Any]) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.insert(table), list(rows))

    def listed(self) -> list[tuple[str, datetime | None, str | None]]:
        columns = self.dont_call.c
        asked = sa.select(columns.caller_id, columns.date_income, columns.status)
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(asked.order_by(columns.id))]


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def pbx(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Pbx]:
    with a_database(request.param, request, tmp_path) as url:
        monkeypatch.setenv("CDR_URL", url)
        monkeypatch.setenv("ISSABEL_URL", url)
        made = Pbx(url)
        yield made
        made.engine.dispose()


@pytest.fixture
def sqlite_pbx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pbx]:
    url = f"sqlite:///{tmp_path / 'pbx.db'}"
    monkeypatch.setenv("CDR_URL", url)
    monkeypatch.setenv("ISSABEL_URL", url)
    made = Pbx(url)
    yield made
    made.engine.dispose()


@pytest.fixture
def opened(sqlite_database: Database, tmp_path: Path) -> Callable[..., Asterisk]:
    def make(**options: Any) -> Asterisk:
        given = {
            "url_env": "CDR_URL",
            "prefixes": ["9"],
            "outbound_contexts": ["llamadas-auto"],
            "dont_call_url_env": "ISSABEL_URL",
            **options,
        }
        config = CrmConfig(name="pbx", type="asterisk", timeout="5s", options=given)
        home = Settings(folder=tmp_path, var=tmp_path, database_url="")
        connection = Connection(config, home, sqlite_database, HttpClient(Http()), lambda: NOW)
        return asterisk.open(options_of(config, {"asterisk": asterisk}), connection)

    return make


# ---------------------------------------------------------------------------- calls


def test_what_it_offers(opened: Callable[..., Asterisk]) -> None:
    assert opened().can == {Capability.CALLS, Capability.SUPPRESS}
    assert opened(dont_call_url_env="").can == {Capability.CALLS}
    assert opened().name == "pbx"
    assert opened().link("1") is None


def test_the_calls_with_a_phone(pbx: Pbx, opened: Callable[..., Asterisk]) -> None:
    found = opened().calls([ROSA])
    told = [
        (e.event_id, e.at.isoformat()[:19], e.direction.value, e.disposition.value, e.duration_s)
        for e in found
    ]
    assert told == [
        ("pbx:1747217405.42", "2026-05-14T10:10:05", "out", "none", 96),
        ("pbx:1747324800.44", "2026-05-15T16:00:00", "out", "no_answer", 0),
        # Queue and extension are two records of one call.
        ("pbx:1747378800.46", "2026-05-16T07:00:00", "in", "none", 60),
        # The dialler called: its context says so, though the customer is the caller.
        ("pbx:1747468800.50", "2026-05-17T08:00:00", "out", "none", 12),
        # The first trunk failed, the second found it busy: one attempt.
        ("pbx:1747555200.51", "2026-05-18T08:00:00", "out", "busy", 0),
    ]
    assert {e.customer_number for e in found} == {ROSA}


def test_one_event_in_full(pbx: Pbx, opened: Callable[..., Asterisk]) -> None:
    assert opened().calls([ROSA])[0] == ContactEvent(
        event_id="pbx:1747217405.42",
        at=datetime(2026, 5, 14, 10, 10, 5, tzinfo=UTC),
        direction=Direction.OUT,
        channel=Channel.CALL,
        customer_number=ROSA,
        caller_number="+34910050110",
        campaign="FIBRA-MAY",
        agent="201",
        duration_s=96,
    )


def test_who_spoke_and_which_number_it_was(
    sqlite_pbx: Pbx, opened: Callable[..., Asterisk]
) -> None:
    found = opened().calls([ROSA])
    assert [(e.agent, e.caller_number, e.campaign) for e in found] == [
        ("201", "+34910050110", "FIBRA-MAY"),
        ("201", "", ""),
        ("202", "+34910050110", ""),
        ("9001", "", "RECOBRO"),
        ("", "+34910050110", ""),
    ]


def test_a_trunk_says_it_as_well(sqlite_pbx: Pbx, opened: Callable[..., Asterisk]) -> None:
    def direction(**options: Any) -> Direction:
        found = opened(outbound_contexts=[], **options).calls([ROSA])
        return next(e.direction for e in found if e.event_id == "pbx:1747468800.50")

    assert direction() is Direction.IN
    assert direction(outbound_trunks=["salida"]) is Direction.OUT
    assert direction(outbound_trunks=["SIP/salida"]) is Direction.OUT
    assert direction(outbound_trunks=["sal"]) is Direction.IN


def test_only_dialled_prefixes_count(sqlite_pbx: Pbx, opened: Callable[..., Asterisk]) -> None:
    ids = [e.event_id for e in opened(prefixes=[]).calls([ROSA])]
    assert "pbx:1747324800.44" not in ids
    assert len(ids) == 4


def test_several_phones_and_nobody(pbx: Pbx, opened: Callable[..., Asterisk]) -> None:
    crm = opened()
    both = crm.calls([ROSA, LUIS, ROSA])
    assert len(both) == 6
    assert [e.at for e in both] == sorted(e.at for e in both)
    assert crm.calls([LUIS, ROSA]) == both
    assert crm.calls(["+34600999999"]) == crm.calls([]) == crm.calls(["x", "201"]) == []


def test_a_number_of_another_country_is_not_taken_for_one_of_ours(
    sqlite_pbx: Pbx, opened: Callable[..., Asterisk]
) -> None:
    assert opened(countries=["ES", "PT"]).calls(["+351912345678"]) == []
    [event] = opened().calls(["+34912345678"])
    assert (event.direction, event.note, event.duration_s) == (Direction.IN, "(code CANCEL)", 0)


def test_own_codes(sqlite_pbx: Pbx, opened: Callable[..., Asterisk]) -> None:
    [event] = opened(dispositions={"cancel": "abandoned"}).calls(["+34912345678"])
    assert (event.disposition, event.note) == (Disposition.ABANDONED, "")


def test_the_servers_time_zone(sqlite_pbx: Pbx, opened: Callable[..., Asterisk]) -> None:
    [event] = opened(time_zone="America/Lima").calls([LUIS])
    assert event.at == datetime(2026, 5, 19, 15, tzinfo=UTC)


def test_a_table_without_the_newer_columns(
    sqlite_pbx: Pbx, opened: Callable[..., Asterisk]
) -> None:
    old = (
        "CREATE VIEW registros AS SELECT calldate, src, dst, dcontext, channel, dstchannel, "
        "billsec, disposition, uniqueid FROM cdr"
    )
    with sqlite_pbx.engine.begin() as connection:
        connection.exec_driver_sql(old)
    found = opened(table="registros").calls([ROSA])
    # Without linkedid the records of one call are several.
    assert len(found) == 7
    assert found[0].agent == "201"


def test_records_without_an_id(sqlite_pbx: Pbx, opened: Callable[..., Asterisk]) -> None:
    row = {**records()[0], "uniqueid": "", "linkedid": "", "dst": "600999111"}
    sqlite_pbx.add(sqlite_pbx.cdr, row)
    [event] = opened().calls(["+34600999111"])
    assert event.event_id == "pbx:20260514T101005"


# ---------------------------------------------------------------------------- suppress

FORMS = ("600123456", "34600123456", "0034600123456", "9600123456", "934600123456")
ORDER = Order("k-1", ROSA, None, "case 7")


def test_a_suppressed_phone_is_on_the_list(pbx: Pbx, opened: Callable[..., Asterisk]) -> None:
    receipt = opened().suppress(ORDER)
    assert (receipt.already, receipt.effective_at) == (False, NOW)
    assert receipt.reference == "dont_call 1, 2, 3, 4, 5, 6"
    listed = pbx.listed()
    assert {number for number, _, _ in listed} == {*FORMS, "90034600123456"}
    assert {(at, status) for _, at, status in listed} == {(LOCAL_NOW, "A")}


def test_suppressing_again_changes_nothing(pbx: Pbx, opened: Callable[..., Asterisk]) -> None:
    opened().suppress(ORDER)
    listed = pbx.listed()
    again = opened().suppress(ORDER)
    assert (again.already, again.effective_at) == (True, NOW)
    assert pbx.listed() == listed


def test_it_says_since_when_somebody_had_entered_it(
    pbx: Pbx, opened: Callable[..., Asterisk]
) -> None:
    rows = [
        {"caller_id": f"{p}{form}", "date_income": datetime(2026, 7, day), "status": "A"}
        for day, (p, form) in enumerate([("", f) for f in FORMS[:3]], start=1)
    ]
    pbx.add(pbx.dont_call, *rows)
    receipt = opened(prefixes=[]).suppress(ORDER)
    assert receipt.already
    assert receipt.effective_at == datetime(2026, 7, 2, 22, tzinfo=UTC)


@pytest.mark.parametrize("status", ["I", None])
def test_an_entry_that_was_switched_off_is_switched_on(
    pbx: Pbx, opened: Callable[..., Asterisk], status: str | None
) -> None:
    entry = {"caller_id": "600123456", "date_income": datetime(2020, 1, 1), "status": status}
    pbx.add(pbx.dont_call, entry)
    receipt = opened(prefixes=[]).suppress(ORDER)
    assert not receipt.already
    assert receipt.effective_at == NOW
    assert pbx.listed() == [(form, LOCAL_NOW, "A") for form in FORMS[:3]]


def test_a_phone_of_another_country_blocks_nobody_here(
    sqlite_pbx: Pbx, opened: Callable[..., Asterisk]
) -> None:
    opened(prefixes=[]).suppress(Order("k-1", "+351912345678", None, "case 7"))
    assert [number for number, _, _ in sqlite_pbx.listed()] == ["351912345678", "00351912345678"]


def test_what_is_no_phone_is_not_suppressed(
    sqlite_pbx: Pbx, opened: Callable[..., Asterisk]
) -> None:
    with pytest.raises(CRMError, match="no phone that it dials"):
        opened().suppress(Order("k-1", "1004", None, "case 7"))
    assert sqlite_pbx.listed() == []


@pytest.mark.parametrize("pbx", ["mysql"], indirect=True)
def test_somebody_enters_the_phone_at_the_same_moment(
    pbx: Pbx, opened: Callable[..., Asterisk]
) -> None:
    """Carmen types it into Issabel; the order looked before she was done, and waits for her."""
    columns = ("caller_id", "date_income", "status")
    rows = [dict(zip(columns, (form, LOCAL_NOW, "A"), strict=True)) for form in FORMS[:3]]
    waiting = sa.text("SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = :wait")
    with ThreadPoolExecutor(1) as pool, pbx.engine.connect() as carmen:
        carmen.execute(sa.insert(pbx.dont_call), rows)
        order = pool.submit(opened(prefixes=[]).suppress, ORDER)
        with pbx.engine.connect() as watching:
            while not order.done() and not watching.scalar(waiting, {"wait": "LOCK WAIT"}):
                time.sleep(0.15)  # asked more often than every 0.1 s, the table stays as it was
        carmen.commit()
        receipt = order.result()
    assert receipt.reference == "dont_call 1, 2, 3"
    assert pbx.listed() == [tuple(row.values()) for row in rows]


_FULL = {
    "sqlite": "CREATE TRIGGER full BEFORE INSERT ON dont_call WHEN NEW.caller_id LIKE '0034%' "
    "BEGIN SELECT RAISE(ABORT, 'table 600123456 is full'); END",
    "mysql": "CREATE TRIGGER full BEFORE INSERT ON dont_call FOR EACH ROW "
    "IF LEFT(NEW.caller_id, 4) = '0034' THEN SIGNAL SQLSTATE '45000' "
    "SET MESSAGE_TEXT = 'table 600123456 is full'; END IF",
}


@pytest.mark.parametrize("pbx", list(_FULL), indirect=True)
def test_a_failure_half_way_leaves_nothing_half(pbx: Pbx, opened: Callable[..., Asterisk]) -> None:
    with pbx.engine.begin() as connection:
        connection.exec_driver_sql(_FULL[pbx.engine.dialect.name])
    with pytest.raises(CRMError, match="•••456 is full"):
        opened().suppress(ORDER)
    assert pbx.listed() == []


# ---------------------------------------------------------------------------- when it fails


_READER = {
    "postgresql": (
        ("CREATE ROLE {0} LOGIN PASSWORD 'geheim-9'", "GRANT SELECT ON dont_call TO {0}"),
        "permission denied for table dont_call",
        ("DROP OWNED BY {0}", "DROP ROLE {0}"),
    ),
    "mysql": (
        ("CREATE USER {0} IDENTIFIED BY 'geheim-9'", "GRANT SELECT ON dont_call TO {0}"),
        "UPDATE command denied to user .*dont_call",
        ("DROP USER {0}",),
    ),
}


@pytest.mark.parametrize("kind", list(_READER))
def test_a_user_who_may_not_write(
    kind: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    opened: Callable[..., Asterisk],
) -> None:
    made, says, dropped = _READER[kind]
    with a_database(kind, request, tmp_path) as url:
        monkeypatch.setenv("CDR_URL", url)
        pbx = Pbx(url)
        name = sa.make_url(url).database
        with pbx.engine.begin() as connection:
            for statement in made:
                connection.exec_driver_sql(statement.format(name))
        reader = sa.make_url(url).set(username=name, password="geheim-9")
        monkeypatch.setenv("ISSABEL_URL", reader.render_as_string(hide_password=False))
        with pytest.raises(CRMError, match=says) as error:
            opened().suppress(ORDER)
        assert pbx.listed() == []
        with pbx.engine.begin() as connection:
            for statement in dropped:
                connection.exec_driver_sql(statement.format(name))
        pbx.engine.dispose()
    assert not error.value.retry
    assert "ISSABEL_URL" in str(error.value)


def test_no_such_table(pbx: Pbx, opened: Callable[..., Asterisk]) -> None:
    with pytest.raises(CRMError, match="CRM pbx: its database says") as error:
        opened(table="cdrs").calls([ROSA])
    assert not error.value.retry
    assert "600123456" not in str(error.value)


def test_a_table_that_is_another(sqlite_pbx: Pbx, opened: Callable[..., Asterisk]) -> None:
    with sqlite_pbx.engine.begin() as connection:
        connection.exec_driver_sql("CREATE VIEW odd AS SELECT src, dst, uniqueid FROM cdr")
    with pytest.raises(CRMError, match="record of odd cannot be read: it has no column billsec"):
        opened(table="odd").calls([ROSA])


def test_a_record_that_is_none(sqlite_pbx: Pbx, opened: Callable[..., Asterisk]) -> None:
    sqlite_pbx.add(sqlite_pbx.cdr, {**records()[0], "billsec": 10**7})
    with pytest.raises(CRMError, match="billsec is longer than a week"):
        opened().calls([ROSA])


@pytest.mark.parametrize("kind", ["postgresql", "mysql", "mariadb"])
def test_a_server_that_is_down(
    opened: Callable[..., Asterisk], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    url = f"{kind}://ana:geheim-9@127.0.0.1:{free_port()}/asteriskcdrdb"
    monkeypatch.setenv("CDR_URL", url)
    monkeypatch.setenv("ISSABEL_URL", url)
    for ask in (lambda: opened().calls([ROSA]), lambda: opened().suppress(ORDER)):
        with pytest.raises(CRMError, match="asked again later") as error:
            ask()
        assert error.value.retry
        assert "geheim-9" not in str(error.value)


def test_without_its_variable(
    opened: Callable[..., Asterisk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CDR_URL", raising=False)
    crm = opened()  # opening asks nothing
    with pytest.raises(MissingCredential, match="CDR_URL"):
        crm.calls([ROSA])


@pytest.mark.parametrize(
    "wrong",
    [
        {"url_env": ""},
        {"table": "cdr; DROP TABLE cdr"},
        {"prefixes": ["nine"]},
        {"countries": ["Spain"]},
        {"time_zone": "Madrid"},
        {"dispositions": {"BUSY": "nonsense"}},
    ],
)
def test_wrong_options(opened: Callable[..., Asterisk], wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"crms\.toml: CRM pbx"):
        opened(**wrong)


# ---------------------------------------------------------------------------- properties

_VALUE = st.one_of(
    st.sampled_from(["600123456", "9600123456", "ANSWERED", "SIP/201-0a", "Agent/1", ""]),
    st.none(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(sorted(records()[0])), _VALUE), max_size=3))
def test_any_records_are_events_or_a_value_error(rows: list[dict[str, Any]]) -> None:
    reading = Reading("pbx", asterisk.ZoneInfo("Europe/Madrid"), "ES", asterisk.DISPOSITIONS)
    known = {"600123456": ROSA}
    for some in (rows, [{**records()[0], **row} for row in rows]):
        try:
            events = events_of(some, {**known, "9600123456": ROSA}, known, reading)
        except ValueError:
            continue
        assert len({e.event_id for e in events}) == len(events) <= len(rows)
        assert all(e.customer_number == ROSA and e.duration_s >= 0 for e in events)
