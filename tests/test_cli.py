"""The command line with good and bad input: what it answers, and how it ends."""

from __future__ import annotations

import contextlib
import csv
import json
import random
import re
import socket
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from command import Home, read_only
from servers import WebServer, answer_json, free_port
from servers_smtp import SmtpServer

MIGRATIONS = Path(__file__).parents[1] / "listener/storage/migrations/versions"

FACTS = {
    "numbers",
    "contact_count",
    "period_days",
    "opt_out",
    "off_hours",
    "channels",
    "churn_threat",
    "legal_threat",
    "spans",
}
KEYS = {
    "id",
    "lang",
    "sentiment",
    "complaint",
    "category",
    "harassment",
    "scores",
    "facts",
    "model",
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


# ---------------------------------------------------------------------------- classify, match


def check_answer(text: str, answer: dict[str, Any]) -> None:
    """The contract of one line (DESIGN.md)."""
    assert answer.keys() >= KEYS
    assert answer["facts"].keys() >= FACTS
    assert answer["sentiment"] in ("negative", "neutral", "positive")
    assert (answer["category"] is not None) == answer["complaint"]
    assert (answer["category"] == "harassment") == answer["harassment"]
    assert all(0 <= score <= 1 for score in answer["scores"].values())
    for number in answer["facts"]["numbers"]:
        start, end = number["span"]
        assert text[start:end] == number["text"]
    for spans in answer["facts"]["spans"].values():
        assert all(0 <= a < b <= len(text) for a, b in spans)


def test_classify_answers_every_line_in_its_place(home: Home) -> None:
    stdin = (
        '{"id": 1, "text": "otra vez el 1004, van seis llamadas hoy y ya dije que no"}\n'
        "no json\n"
        '{"id": "x", "text": "gracias, todo perfecto", "lang": "es"}\n'
        '{"text": ""}\n'
        "\n"
        '{"text": "a\\ud83db"}\n'
        '{"id": 7}\n'
        '{"text": "nul \\u0000 aquí", "id": {"a": [1]}}'
    )
    done = home.run("classify", stdin=stdin.encode())
    assert done.code == 2  # some lines were bad
    answers = done.lines
    assert [a["id"] for a in answers] == [1, None, "x", None, None, None, 7, {"a": [1]}]
    texts = {
        0: "otra vez el 1004, van seis llamadas hoy y ya dije que no",
        2: "gracias, todo perfecto",
        3: "",
        5: "a\ud83db",
        7: "nul \0 aquí",
    }
    for number, answer in enumerate(answers):
        if number in texts:
            check_answer(texts[number], answer)
        else:
            assert answer["line"] == number + 1
    assert answers[0]["harassment"] is True
    assert answers[0]["facts"]["numbers"][0]["text"] == "1004"
    assert "line 2: not JSON" in done.err
    assert "line 5: the line is empty" in done.err
    assert "line 7: the object has no 'text'" in done.err


def test_classify_of_nothing_is_nothing(home: Home) -> None:
    assert home.call("classify").out == ""
    done = home.call("classify", home.file("empty.jsonl", b""))
    assert (done.code, done.out) == (0, "")


def test_classify_keeps_its_contract_on_random_texts(home: Home) -> None:
    chance = random.Random(1004)
    alphabets = [
        range(32, 127),
        range(0xA0, 0x250),
        range(0x400, 0x500),
        range(0x600, 0x700),
        range(0x1F300, 0x1F700),
        [*range(0xD7FF), *range(0xE000, 0x110000)],
        [
            0x200B,
            0x200D,
            0x202E,
            0xFE0F,
            0x0301,
            0x2028,
            0x85,
            0,
            9,
            10,
            13,
            0x31,
            0x30,
            0x34,
            0x20,
        ],
    ]
    texts = []
    for _ in range(400):
        alphabet = chance.choice(alphabets)
        length = chance.choice([1, 5, 40, 200])
        texts.append("".join(chr(chance.choice(alphabet)) for _ in range(length)))
    rows = (json.dumps({"id": n, "text": t}, ensure_ascii=n % 2 == 0) for n, t in enumerate(texts))
    done = home.call("classify", stdin="\n".join(rows).encode())
    assert done.code == 0, done.err[:500]
    answers = done.lines
    assert [a["id"] for a in answers] == list(range(len(texts)))
    for text, answer in zip(texts, answers, strict=True):
        check_answer(text, answer)


def test_a_file_that_is_not_there(home: Home) -> None:
    done = home.call("classify", "nowhere.jsonl")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: cannot read nowhere.jsonl: No such file or directory\n"


def test_match_shows_what_a_query_finds_and_where(home: Home) -> None:
    rows = [
        {"id": "a", "text": "Harto del 10-04 de Movistar"},
        {"id": "b", "text": "son 1004 euros"},
        {"id": "c", "text": "sorteo de movistar y del 1004"},
        {"id": "d", "author": "movistar_es", "text": "hola"},
    ]
    stdin = "\n".join(json.dumps(row) for row in rows).encode()
    done = home.call("match", "movistar number:1004 NOT sorteo", stdin=stdin)
    assert done.code == 0
    found = done.lines
    assert [(f["line"], f["id"], f["muted"]) for f in found] == [(1, "a", False), (3, "c", True)]
    assert {h["text"] for h in found[0]["hits"]} == {"10-04", "Movistar"}
    done = home.call("match", "author:movistar", stdin=stdin)
    assert [f["id"] for f in done.lines] == ["d"]


@pytest.mark.parametrize(
    ("query", "position"),
    [
        ('"movistar', 1),
        ("(movistar OR", 11),
        ("movistar )", 10),
        ("", 1),
        ("autor:x", 1),
    ],
)
def test_a_bad_query_names_the_position(home: Home, query: str, position: int) -> None:
    done = home.call("match", query, stdin=b'{"text": "a"}\n')
    assert (done.code, done.out) == (2, "")
    assert f"position {position}" in done.err
    assert "Traceback" not in done.err


def test_match_goes_on_after_a_bad_line(home: Home) -> None:
    done = home.call("match", "sol", stdin=b'{"text": "hace sol"}\nxx\n{"text": "sol"}\n')
    assert [f["line"] for f in done.lines] == [1, 3]
    assert done.code == 2
    assert "line 2: not JSON" in done.err


# ---------------------------------------------------------------------------- import, count


def test_import_says_what_came_in_what_was_there_and_what_was_refused(home: Home) -> None:
    rows = [
        '{"id": "1", "text": "otra vez el 1004", "author": "marta", "published_at": "2026-11-20T10:00:00Z"}',
        '{"id": "1", "text": "otra vez el 1004", "author": "marta", "published_at": "2026-11-20T10:00:00Z"}',
        "{broken",
        '{"id": "2", "text": ""}',
        '{"id": "3", "text": "x", "published_at": "yesterday-ish"}',
        json.dumps({"id": "4", "text": "una tarde " * 100_000}),
        json.dumps({"id": "5", "text": "z" * 2_000_001}),
        '{"id": "6", "text": "sin fecha ni autor, movistar"}',
    ]
    file = home.file("posts.jsonl", "\n".join(rows))
    rejects = home.folder / "refused.csv"
    done = home.call("import", file, "--rejects", rejects)
    assert done.code == 0, done.err
    told = done.json
    assert (told["new"], told["already_there"], told["refused"]) == (3, 1, 4)
    for line in (3, 4, 5, 7):
        assert f"line {line}: " in done.err
    assert len(rejects.read_text(encoding="utf-8").splitlines()) == 5
    count = home.call("count").json
    assert (count["mentions"], count["rejects"]) == (3, 4)
    again = home.call("import", file).json
    assert (again["new"], again["already_there"], again["refused"]) == (0, 4, 4)
    assert home.call("count").json["rejects"] == 4  # the same problems of the same file
    assert home.query("SELECT count(*) FROM mentions") == [(3,)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_import_reads_other_encodings(home: Home, encoding: str) -> None:
    sheet = "id,text,author,published_at\r\n" + "".join(
        f'{n},"Otra vez la señora del 1004, qué pesadez; mañana más",ana{n},2026-11-20T10:00:00Z\r\n'
        for n in range(20)
    )
    done = home.call("import", home.file("posts.csv", sheet.encode(encoding)))
    assert done.json["new"] == 20, done.err
    assert home.query("SELECT DISTINCT text FROM mentions") == [
        ("Otra vez la señora del 1004, qué pesadez; mañana más",)
    ]


def test_import_of_what_cannot_be_read_at_all(home: Home) -> None:
    done = home.call("import", "nowhere.csv")
    assert done.code == 2
    assert "nowhere.csv" in done.err
    assert "No such file" in done.err
    assert "Traceback" not in done.err
    folder = home.call("import", home.folder)
    assert folder.code == 2
    assert "Traceback" not in folder.err


def test_a_rejects_file_that_cannot_be_written(home: Home) -> None:
    file = home.file("posts.jsonl", '{"text": "movistar"}\n')
    done = home.call("import", file, "--rejects", "/nowhere/refused.csv")
    assert done.code != 0
    assert "/nowhere/refused.csv" in done.err
    assert "Traceback" not in done.err


def test_a_spreadsheet_of_refused_rows_runs_nothing(home: Home) -> None:
    file = home.file("posts.csv", "id,text,published_at\n=1+cmd|' /C calc'!A0,movistar,=never\n")
    home.call("import", file, "--rejects", home.folder / "refused.csv")
    with (home.folder / "refused.csv").open(encoding="utf-8", newline="") as sheet:
        [head, row] = csv.reader(sheet)
    assert head == ["line", "reason", "excerpt"]
    assert row[0] == "2"
    assert all(not cell.startswith(("=", "+", "-", "@")) for cell in row)
    assert "cmd" in row[2]


def test_count_by_every_kind_and_by_none(home: Home) -> None:
    newest = max(f.stem[:4] for f in MIGRATIONS.glob("0*.py"))
    assert home.call("doctor", "--migrate").out.count(f"schema {newest}") == 1
    assert home.call("count", "--by", "source").json["by_source"] == {}
    done = home.call("count", "--by", "weather")
    assert done.code == 2
    assert "choose one of source" in done.err


# ---------------------------------------------------------------------------- configuration


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("listener.toml", "[shedule]\n", "shedule: unknown key; did you mean schedule?"),
        (
            "listener.toml",
            "[email]\nenable = true\n",
            "email.enable: unknown key; did you mean enabled?",
        ),
        (
            "listener.toml",
            '[schedule]\ncollect = "soon"\n',
            "schedule.collect: write a duration",
        ),
        ("listener.toml", "[dashboard]\nport = 70000\n", "dashboard.port: "),
        ("listener.toml", "[email\n", "not valid TOML"),
        (
            "listener.toml",
            '[service]\ntime_zone = "Europe/Madird"\n',
            "did you mean Europe/Madrid?",
        ),
        (
            "crms.toml",
            '[[crms]]\nname = "ours"\ntype = "locl"\n',
            "CRM ours: there is no type 'locl'; did you mean local?",
        ),
        ("brands.toml", '[[brands]]\nkey = "a"\nname = "A"\nquery = "(a OR"\n', "position 4"),
        (
            "brands.toml",
            '[[brands]]\nkey = "a"\nname = "A"\n',
            "brands[0].query: this key is required",
        ),
        ("sources.toml", '[[sources]]\nname = "x"\ntype = "mastodn"\n', "did you mean mastodon?"),
        (
            "sources.toml",
            '[[sources]]\nname = "x"\ntype = "mastodon"\noptions = {server = "https://m.example", tag = ["a"]}\n',
            "tag: unknown key; did you mean tags?",
        ),
        (
            "sources.toml",
            '[[sources]]\nname = "x"\ntype = "hackernews"\nbrands = ["movistr"]\n',
            "did you mean movistar?",
        ),
        ("rules/alerts.toml", 'recipients = ["nobody"]\n', "'nobody' is not an e-mail address"),
        ("rules/alert.toml", "", "did you mean rules/alerts.toml?"),
    ],
)
def test_a_mistake_in_the_configuration_is_named(
    home: Home, file: str, content: str, said: str
) -> None:
    path = home.write(file, content)
    done = home.call("collect", "--once")
    assert done.code == 2, done.err
    assert said in done.err
    assert path.name in done.err
    assert "Traceback" not in done.err
    assert not (home.var / "listener.db").exists() or home.query(
        "SELECT count(*) FROM mentions"
    ) == [(0,)]


def test_all_mistakes_of_a_file_are_told_at_once(home: Home) -> None:
    home.write("listener.toml", '[emial]\n[schedule]\ncollect = "x"\nproces = "1s"\n')
    done = home.call("status")
    assert done.err.count("listener.toml: ") == 3


def test_no_configuration_at_all(home: Home) -> None:
    home.environ["LISTENER_CONFIG"] = str(home.folder / "nothing")
    done = home.call("status")
    assert done.code == 2
    assert "does not exist" in done.err
    assert "LISTENER_CONFIG" in done.err


# ---------------------------------------------------------------------------- what is broken around us


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://nobody@127.0.0.1:1/x", "Connection refused"),
        ("sqlite:////proc/nowhere/x.db", "cannot create the folder /proc/nowhere"),
        ("no address", "LISTENER_DATABASE_URL cannot be read"),
        ("oracle://x", "LISTENER_DATABASE_URL cannot be used"),
    ],
)
def test_a_database_that_cannot_be_had(home: Home, url: str, said: str) -> None:
    home.environ["LISTENER_DATABASE_URL"] = url
    for command in (["process", "--once"], ["count"]):
        done = home.call(*command)
        assert done.code == 1
        assert said in done.err
        assert "Traceback" not in done.err


def test_a_password_in_the_address_is_not_shown(home: Home) -> None:
    home.environ["LISTENER_DATABASE_URL"] = "postgresql://ana:s3cr3t@127.0.0.1:1/x"
    done = home.call("count")
    assert done.code == 1
    assert "s3cr3t" not in done.err + done.out


def test_a_file_that_is_no_database(home: Home) -> None:
    home.environ["LISTENER_DATABASE_URL"] = f"sqlite:///{home.file('x.db', b'nothing' * 999)}"
    done = home.call("count")
    assert done.code == 1
    assert "file is not a database" in done.err
    assert "Traceback" not in done.err


def test_a_read_only_disk(home: Home) -> None:
    home.run("doctor", "--migrate")
    prefix = read_only(home.var)
    if prefix is None:
        pytest.skip("this machine lets us mount nothing, so no disk can be made read-only")
    file = home.file("posts.jsonl", '{"text": "movistar"}\n')
    for command in (["collect", "--once"], ["import", str(file)]):
        done = home.run(*command, wrap=prefix)
        assert done.code == 1, done.out
        assert "listener.db" in done.err
        assert "writable" in done.err
        assert "Traceback" not in done.err
    home.environ["LISTENER_VAR"] = str(home.var / "deeper")
    done = home.run("run", wrap=prefix)
    assert done.code == 1
    assert "Read-only file system" in done.err
    assert "LISTENER_VAR" in done.err


def test_a_port_in_use(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = home.run("run", "--port", str(port))
    assert done.code == 1
    assert f"127.0.0.1:{port}: the port is in use" in done.err
    assert "--port" in done.err
    assert "Traceback" not in done.err


def test_a_host_that_is_not_ours(home: Home) -> None:
    home.write("listener.toml", '[dashboard]\nhost = "192.0.2.1"\n')
    done = home.call("run")
    assert done.code == 2
    assert "[dashboard] host" in done.err


def test_a_missing_password_stops_the_start(home: Home) -> None:
    home.write("listener.toml", "[email]\nenabled = true\n")
    done = home.call("run")
    assert done.code == 2
    assert "LISTENER_SMTP_USERNAME is not set" in done.err


def test_sources_that_cannot_be_reached_are_told_and_end_nothing(home: Home) -> None:
    home.environ["NO_TOKEN_HERE"] = ""
    home.write("listener.toml", {"http": {"allow_private_addresses": True, "timeout": "2s"}})
    home.write(
        "sources.toml",
        f"""
        [[sources]]
        name = "gone"
        type = "feed"
        options = {{url = "http://127.0.0.1:{free_port()}/feed.xml"}}
        [[sources]]
        name = "no-such-host"
        type = "feed"
        options = {{url = "http://listener.invalid/feed.xml"}}
        [[sources]]
        name = "secret"
        type = "mastodon"
        options = {{server = "http://127.0.0.1:9", search = true, token_env = "NO_TOKEN_HERE"}}
        """,
    )
    done = home.call("collect", "--once")
    assert done.code == 0, done.err
    assert done.json["collect"]["failed"] == 4  # the search is asked once a brand
    status = home.call("status", "--json")
    assert status.code == 1
    errors = {s["key"]: s["last_error"] for s in status.json["sources"]}
    assert "127.0.0.1" in errors["gone"]
    assert "listener.invalid" in errors["no-such-host"]
    assert "NO_TOKEN_HERE is not set" in errors["secret/movistar"]
    words = home.call("status")
    assert words.code == 1
    assert "not healthy" in words.out
    assert "source gone: 1 failures in a row" in words.out


def test_an_address_of_the_inner_network_is_not_asked(home: Home) -> None:
    with WebServer(lambda _: answer_json({})) as server:
        home.write(
            "sources.toml",
            f'[[sources]]\nname = "inner"\ntype = "feed"\noptions = {{url = "{server.base_url}/x"}}\n',
        )
        assert home.call("collect", "--once").json["collect"]["failed"] == 1
        assert server.asked == []
    [source] = home.call("status", "--json").json["sources"]
    assert "allow_private_addresses" in source["last_error"]


def test_status_of_a_quiet_home_is_healthy(home: Home) -> None:
    home.call("doctor", "--migrate")
    done = home.call("status", "--json")
    assert (done.code, done.json["healthy"]) == (0, True)
    assert home.call("status").out.startswith("healthy")


def test_doctor_looks_at_each_part(home: Home, tmp_path: Path) -> None:
    done = home.call("doctor")
    assert done.code == 1
    assert "✗ database: the schema is missing" in done.out
    with SmtpServer(tmp_path / "mail") as smtp:
        home.write("listener.toml", {"email": smtp.config()})
        done = home.call("doctor", "--migrate")
        assert "✗ alerts: alerts have no recipient" in done.out
        home.write("rules/alerts.toml", {"recipients": ["desk@example.org"]})
        assert done.code == 1
        assert "✗ e-mail: the environment variable LISTENER_SMTP_USERNAME is not set" in done.out
        home.environ |= smtp.environment()
        done = home.call("doctor")
        assert done.code == 0, done.out
        assert f"✓ e-mail: 127.0.0.1:{smtp.port} accepts the sign-in" in done.out
        assert "reads a test sentence as harassment" in done.out
        home.environ["LISTENER_SMTP_PASSWORD"] = "s3cr3t"
        done = home.call("doctor")
        assert done.code == 1
        assert "535" in done.out
        assert "s3cr3t" not in done.out + done.err
    home.write("sources.toml", '[[sources]]\nname = "x"\ntype = "rss"\n')
    done = home.call("doctor")
    assert "✗ sources: sources.toml: source x: there is no type 'rss'" in done.out


def test_doctor_asks_each_crm(home: Home) -> None:
    home.write(
        "crms.toml",
        '[[crms]]\nname = "local"\ntype = "local"\n'
        '[[crms]]\nname = "sales"\ntype = "odoo"\noptions = {url = "http://127.0.0.1:9"}\n',
    )
    done = home.call("doctor", "--migrate")
    assert done.code == 1
    assert "✓ CRM local: answers; it can find, history, link, record, suppress" in done.out
    assert "✗ CRM sales: " in done.out
    assert "LISTENER_ODOO_KEY" in done.out
    home.environ["LISTENER_ODOO_KEY"] = "s3cr3t"
    done = home.call("doctor")
    told = next(line for line in done.out.splitlines() if "CRM sales" in line)
    assert told.startswith("✗ CRM sales: ")
    assert "127.0.0.1" in told
    assert "s3cr3t" not in done.out + done.err


def test_what_could_not_be_processed_waits_again(home: Home) -> None:
    home.write("listener.toml", {"process": {"weights": str(home.folder / "none")}})
    home.call("import", home.file("posts.jsonl", '{"text": "movistar"}\n'))
    with contextlib.closing(sqlite3.connect(home.var / "listener.db")) as connection, connection:
        connection.execute("UPDATE mentions SET state = 'failed', attempts = 3, error = 'x'")
    assert home.call("count").json["failed"] == 1
    assert home.call("process", "--once").code == 0  # nothing waits: no reader is asked for
    done = home.call("process", "--once", "--failed")
    assert "1 mentions wait again" in done.err
    assert done.code == 1
    assert home.query("SELECT state, attempts, error FROM mentions") == [("pending", 0, None)]


def test_a_reader_that_is_missing_is_told_and_mentions_wait(home: Home) -> None:
    home.write("listener.toml", {"process": {"weights": str(home.folder / "none")}})
    home.call("import", home.file("posts.jsonl", '{"text": "movistar"}\n'))
    done = home.call("process", "--once")
    assert done.code == 1
    assert str(home.folder / "none") in done.err
    assert "Traceback" not in done.err
    assert home.call("count").json["pending"] == 1
    status = home.call("status")
    assert status.code == 1
    assert "loop process: " in status.out


# ---------------------------------------------------------------------------- people


def test_accounts_are_added_listed_and_disabled(home: Home) -> None:
    done = home.call("user", "add", "lucia", "--name", "Lucía", "--email", "lucia@example.org")
    assert done.code == 0, done.err
    assert done.out.startswith("http://127.0.0.1:8501/auth/setup?token=")
    twice = home.call("user", "add", "lucia")
    assert twice.code != 0
    assert "lucia" in twice.err
    assert "Traceback" not in twice.err
    table = home.call("user", "list").out
    assert "Lucía" in table
    assert "no password yet" in table
    assert home.call("user", "link", "lucia").out.startswith("http")
    assert home.call("user", "disable", "lucia").out == "lucia is disabled\n"
    for command in (["link", "nobody"], ["disable", "nobody"], ["add", "x", "--role", "king"]):
        bad = home.call("user", *command)
        assert bad.code != 0
        assert bad.err
        assert "Traceback" not in bad.err


def test_tokens_are_made_shown_once_listed_and_revoked(home: Home) -> None:
    home.call("user", "add", "lucia")
    done = home.call(
        "token",
        "add",
        "lucia",
        "--scope",
        "read",
        "--scope",
        "ingest",
        "--name",
        "BI",
        "--lasts",
        "2d",
    )
    assert done.code == 0, done.err
    assert re.fullmatch(r"lst_[A-Za-z0-9_-]{43}\n", done.out)
    table = home.call("token", "list").out
    assert "BI" in table
    assert "read, ingest" in table
    assert done.out.strip() not in table
    assert done.out.strip() not in str(home.query("SELECT * FROM api_tokens"))
    assert home.call("token", "revoke", "1").out == "token 1 is revoked\n"
    assert "revoked" in home.call("token", "list").out
    kinds = [kind for (kind,) in home.query("SELECT kind FROM audit_entries ORDER BY id")]
    assert kinds[-2:] == ["token_added", "token_revoked"]
    for command in (
        ["revoke", "1"],
        ["add", "nobody", "--scope", "read"],
        ["add", "lucia", "--scope", "everything"],
        ["add", "lucia"],
        ["add", "lucia", "--scope", "read", "--lasts", "9999d"],
        ["add", "lucia", "--scope", "read", "--lasts", "soon"],
    ):
        bad = home.call("token", *command)
        assert bad.code != 0
        assert bad.err
        assert "Traceback" not in bad.err


def test_crm_import_lists_bad_rows_and_takes_the_rest(home: Home) -> None:
    people = home.file(
        "people.csv",
        "customer_id,name,phone,country\nC1,Marta,600 123 456,ES\n,Nobody,,ES\nC3,Luis,600 999 888,XX\n",
    )
    events = home.file(
        "events.csv",
        "event_id,at,direction,channel,customer_id,disposition\n"
        "E1,2026-11-01T10:00:00Z,out,call,C1,not_interested\n"
        "E2,never,out,call,C1,not_interested\n",
    )
    done = home.call("crm", "import", "--people", people, "--events", events)
    assert done.code == 1  # something was refused
    assert "line 3: " in done.err
    assert "Traceback" not in done.err
    count = home.call("count").json
    assert count["customers"] >= 1
    assert count["contact_events"] == 1
    assert home.call("crm", "import").code == 2
    gone = home.call("crm", "import", "--people", "nowhere.csv")
    assert gone.code == 2
    assert "nowhere.csv" in gone.err
    assert "Traceback" not in gone.err
