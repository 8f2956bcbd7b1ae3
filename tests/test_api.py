"""The API of the real server, asked over the wire: who may do what, and what comes of it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_client import Api, problem, serve, token
from browser import world as worlds
from prometheus_client.parser import text_string_to_metric_families
from served import Served

from listener import accounts, api_tokens
from listener.accounts import utc_now
from listener.normalise import clean_text

DOCS = (worlds.ROOT / "docs" / "api.md").read_text(encoding="utf-8")
PER_MINUTE = 150  # of one token: every test has its own


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = serve(
        tmp_path_factory.mktemp("api"), f"\n[api]\nper_minute = {PER_MINUTE}\nmax_bytes = 200000\n"
    )
    yield made
    assert made.stop() == 0, made.log.read_text()
    made.world.db.close()


@pytest.fixture
def ana(served: Served) -> Iterator[Api]:
    with Api(served) as client:
        yield client


def case_of(served: Served, author: str) -> str:
    return f"/cases/{served.world.cases[author]}"


# ---------------------------------------------------------------------------- who may ask


def operations(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (method, re.sub(r"\{\w+\}", "1", path))
        for path, methods in document["paths"].items()
        for method in methods
    ]


def test_without_a_token_no_door_opens_and_a_cookie_is_none(served: Served) -> None:
    with httpx.Client(base_url=served.url, trust_env=False) as stranger:
        document = stranger.get("/api/v1/openapi.json").json()
        assert len(operations(document)) > 15
        form = {"username": "admin", "password": worlds.PASSWORD}
        signed_in = stranger.post("/auth/sign-in", data=form, headers={"Origin": served.url})
        assert signed_in.status_code == 303
        for method, path in operations(document):
            answer = stranger.request(method, f"/api/v1{path}")
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert "listener token add" in problem(answer, 401)["remedy"]
        assert stranger.get("/metrics").status_code == 401


def test_a_token_that_ended_or_was_revoked_or_whose_user_left_opens_nothing(served: Served) -> None:
    db = served.world.db
    accounts.add_user(
        db, "greta", name="Greta", email="", role="community_manager", language="es",
        time_zone="Europe/Madrid",
    )  # fmt: skip
    short = token(served, "ana", lasts=timedelta(microseconds=1))
    revoked = token(served, "ana")
    api_tokens.revoke(db, api_tokens.everyone(db)[0].id, by="test", now=utc_now())
    gone = token(served, "greta")
    with httpx.Client(base_url=served.url, trust_env=False) as client:
        asked = {"Authorization": f"Bearer {gone}"}
        assert client.get("/api/v1/me", headers=asked).json()["username"] == "greta"
        accounts.disable(db, "greta")
        for bad in (short, revoked, gone, "lst_nonsense", gone.upper()):
            asked = {"Authorization": f"Bearer {bad}"}
            problem(client.get("/api/v1/me", headers=asked), 401)
        basic = client.get("/api/v1/me", auth=("ana", worlds.PASSWORD))
        problem(basic, 401)


@pytest.mark.parametrize(
    ("method", "path", "body", "scope"),
    [
        ("GET", "/mentions", None, "read"),
        ("GET", "/cases/1", None, "read"),
        ("GET", "/alerts", None, "read"),
        ("POST", "/cases/1/notes", {"text": "hola"}, "work"),
        ("POST", "/cases/1/assignment", {"owner": None, "version": 1}, "work"),
        ("POST", "/cases/1/tags", {"tag": "vip", "version": 1}, "work"),
        ("DELETE", "/cases/1/tags/vip?version=1", None, "work"),
        ("POST", "/cases/1/status", {"status": "open", "version": 1}, "work"),
        ("POST", "/cases/1/suppression", {"version": 1, "phone": "+34600111222"}, "suppress"),
        ("POST", "/ingest", [], "ingest"),
        ("GET", "/webhooks", None, "admin"),
        ("POST", "/webhooks", {"url": "https://a.example/x", "events": ["test"]}, "admin"),
    ],
)
def test_each_scope_opens_its_own_door_only(
    served: Served, method: str, path: str, body: Any, scope: str
) -> None:
    others = [s for s in ("read", "work", "ingest", "suppress", "admin", "metrics") if s != scope]
    with Api(served, "admin", *others) as client:
        said = problem(client.request(method, f"/api/v1{path}", json=body), 403)
        assert f"this needs {scope}" in said["detail"]


def test_marc_of_marketing_looks_but_changes_nothing_whatever_his_token_says(
    served: Served,
) -> None:
    lucia = case_of(served, "lucia")
    with Api(served, "marc") as marc, Api(served, "ana", "read") as ana:
        known, seen = ana.ok(lucia), marc.ok(lucia)
        assert known["customer_ref"] == "C-1001"
        assert seen["customer_ref"] is None
        assert "C-1001" not in str(seen)
        told = marc.get(f"/api/v1{lucia}/suppression")
        assert "may look but not change" in problem(told, 403)["detail"]
        version = seen["version"]
        for path, body in (
            ("/assignment", {"owner": "marc", "version": version}),
            ("/status", {"status": "open", "version": version}),
            ("/notes", {"text": "mío"}),
            ("/suppression", {"version": version}),
        ):
            problem(marc.tell(lucia + path, body), 403)
        problem(marc.tell("/ingest", [{"text": "Movistar"}]), 403)
        problem(marc.get("/api/v1/webhooks"), 403)
        assert ana.ok(lucia) == known
        reasons = {r["key"] for a in marc.ok("/alerts")["items"] for r in a["reasons"]}
        assert reasons
        assert not reasons & {"is_customer", "phone_left"}


def test_berta_sees_and_brings_what_is_of_vodafone_alone(served: Served) -> None:
    with Api(served, "berta") as berta, Api(served) as ana:
        assert {b["brand"] for m in berta.ok("/mentions")["items"] for b in m["brands"]} == {
            "vodafone"
        }
        assert berta.ok("/mentions", brand="movistar") == {"items": [], "next": None}
        assert berta.ok("/cases")["items"] == []
        assert {a["brand"] for a in berta.ok("/alerts")["items"]} <= {None, "vodafone"}
        problem(berta.get(f"/api/v1{case_of(served, 'lucia')}"), 403)
        other = ana.ok("/mentions", brand="movistar", limit=1)["items"][0]["id"]
        problem(berta.get(f"/api/v1/mentions/{other}"), 403)
    accounts.add_user(
        served.world.db, "vera", name="Vera", email="", role="community_manager", language="es",
        time_zone="Europe/Madrid", brands=("vodafone",),
    )  # fmt: skip
    with Api(served, "vera", "ingest", "read") as vera:
        brought = vera.tell(
            "/ingest",
            [
                {"text": "Vodafone no contesta", "id": "v1"},
                {"text": "Movistar no contesta", "id": "v2"},
                {"text": "no contesta nadie", "id": "v3", "brand": "movistar"},
                {"text": "no contesta nadie", "id": "v4", "brand": "vodafone"},
            ],
        ).json()
        assert (brought["new"], brought["refused"]) == (2, 2)
        assert [r["line"] for r in brought["reasons"]] == [2, 3]
        assert "none that you see" in brought["reasons"][1]["reason"]


# ---------------------------------------------------------------------------- lists


def test_pages_hold_every_mention_once_whatever_comes_in_meanwhile(
    served: Served, ana: Api
) -> None:
    before = {m["id"] for m in ana.ok("/mentions", limit=200)["items"]}
    seen: list[int] = []
    cursor: dict[str, Any] = {}
    while True:
        page = ana.ok("/mentions", limit=9, **cursor)
        seen += [m["id"] for m in page["items"]]
        if len(seen) == 9:
            ana.tell("/ingest", [{"text": "Movistar, uno más", "id": f"p{len(before)}"}])
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == sorted(before, reverse=True)
    wrong = ana.get("/api/v1/cases", params={"cursor": page["next"] or "m1f"})
    assert "query.cursor" in problem(wrong, 422)["detail"]


def test_filters_hold_together_and_an_unknown_one_is_an_error(ana: Api) -> None:
    found = ana.ok("/mentions", harassment="true", lang="en", search="mother's line")["items"]
    assert [m["author"]["handle"] for m in found] == ["jo@social.example"]
    assert found[0]["reading"]["category"] == "harassment"
    assert found[0]["cases"][0]["brand"] == "movistar"
    assert ana.ok(f"/mentions/{found[0]['id']}") == found[0]
    urgent = ana.ok("/cases", level="urgent", matter="harassment")["items"]
    assert "lucia@red.example" in {c["author"] for c in urgent}
    assert {c["level"] for c in urgent} == {"urgent"}
    kinds = {a["kind"] for a in ana.ok("/alerts", kind="source_failing")["items"]}
    assert kinds == {"source_failing"}
    said = problem(ana.get("/api/v1/mentions?colour=red&lang=ESP"), 422)
    assert {e["where"] for e in said["errors"]} == {"query.colour", "query.lang.0"}
    problem(ana.get("/api/v1/mentions?published_from=yesterday"), 422)
    problem(ana.get("/api/v1/cases/999999"), 404)


# ---------------------------------------------------------------------------- work


def test_ana_takes_a_case_ben_comes_too_late_and_the_timeline_tells(
    served: Served, ana: Api
) -> None:
    paula = case_of(served, "paula")
    with Api(served, "ben") as ben:
        seen = ben.ok(paula)
        taken = ana.tell(paula + "/assignment", {"owner": "ana", "version": seen["version"]})
        assert taken.json()["owner"] == "ana"
        assert taken.json()["status"] == "open"
        late = ben.tell(paula + "/assignment", {"owner": "ben", "version": seen["version"]})
        assert problem(late, 409)["changed"][0] == "ana: assigned"
        version = taken.json()["version"]
        ended = ana.tell(paula + "/status", {"status": "closed", "version": version})
        assert "resolution" in problem(ended, 422)["detail"]
        noted = ana.tell(paula + "/notes", {"text": "Pedido el abono."})
        assert noted.status_code == 201
        merged = {"status": "closed", "resolution": "merged", "version": version}
        problem(ana.tell(paula + "/status", merged), 422)
        for neither in ({"status": "open", "resolution": "answered"}, {"status": "gone"}, {}):
            problem(ana.tell(paula + "/status", neither | {"version": version}), 422)
        silent = {"status": "closed", "resolution": "other", "version": version}
        assert "say in words" in problem(ana.tell(paula + "/status", silent), 409)["detail"]
        done = {"status": "closed", "resolution": "answered", "version": version}
        assert ana.tell(paula + "/status", done).json()["resolution"] == "answered"
        lines = [(e["actor"], e["kind"]) for e in ben.ok(paula)["timeline"]][-3:]
        assert lines == [("ana", "assigned"), ("ana", "note"), ("ana", "status")]
        tagged = ana.tell(paula + "/tags", {"tag": "#VIP ", "version": version + 1})
        assert tagged.json()["tags"] == ["vip"]
        untag = {"version": version + 2}
        assert ana.delete(f"/api/v1{paula}/tags/vip", params=untag).json()["tags"] == []
        problem(ana.delete(f"/api/v1{paula}/tags/vip", params=untag), 409)
        version += 2
        nobody = {"owner": "nadie", "version": version + 1}
        problem(ana.tell(paula + "/assignment", nobody), 409)


def test_a_suppression_is_approved_by_its_own_scope(served: Served) -> None:
    tomas = case_of(served, "tomas")
    with (
        Api(served, "ana", "read", "work") as worker,
        Api(served, "ana", "suppress", "read") as ana,
    ):
        version = ana.ok(tomas)["version"]
        wanted = {"version": version, "phone": "600 999 111", "reason": "lo pide"}
        problem(worker.tell(tomas + "/suppression", wanted), 403)
        problem(ana.get(f"/api/v1{tomas}/suppression"), 404)
        no_phone = ana.tell(tomas + "/suppression", wanted | {"phone": "uno"})
        assert "+34600123456" in problem(no_phone, 409)["detail"]
        approved = ana.tell(tomas + "/suppression", wanted)
        assert approved.status_code == 202
        assert approved.json()["status"] == "pending"
        assert approved.json()["approved_by"] == "ana"
        assert ana.ok(tomas + "/suppression")["writes"][0]["system"] == "local"
        assert "600999111" not in str(ana.ok(tomas + "/suppression"))


# ---------------------------------------------------------------------------- idempotency


def test_two_posts_at_once_with_one_key_leave_one_note(served: Served, ana: Api) -> None:
    eva = case_of(served, "persona4")
    asked = [(eva + "/notes", {"text": "una sola vez"}, "k-1")] * 6
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda a: ana.tell(a[0], a[1], Idempotency_Key=a[2]), asked))
    assert {a.status_code for a in answers} == {201}
    assert len({a.content for a in answers}) == 1
    assert sum("idempotency-replayed" not in a.headers for a in answers) == 1
    notes = [e for e in ana.ok(eva)["timeline"] if e["kind"] == "note"]
    assert [n["data"]["text"] for n in notes] == ["una sola vez"]
    other = ana.tell(eva + "/notes", {"text": "otra cosa"}, Idempotency_Key="k-1")
    assert "another request" in problem(other, 409)["detail"]
    with Api(served) as second:  # a key is its token's own
        own = second.tell(eva + "/notes", {"text": "otra cosa"}, Idempotency_Key="k-1")
        assert own.status_code == 201
    problem(ana.tell(eva + "/notes", {"text": "x"}, Idempotency_Key="dos palabras"), 422)


def test_a_refusal_is_repeated_as_it_was(served: Served, ana: Api) -> None:
    jo = case_of(served, "jo")
    body = {"owner": "ana", "version": 90}
    first = ana.tell(jo + "/assignment", body, Idempotency_Key="k-2")
    again = ana.tell(jo + "/assignment", body, Idempotency_Key="k-2")
    assert problem(first, 409) == problem(again, 409)
    assert again.headers["idempotency-replayed"] == "true"


# ---------------------------------------------------------------------------- ingest and limits


def test_what_is_brought_is_new_known_or_refused_with_its_line(ana: Api) -> None:
    rows = [
        {"text": "Otra vez el 1004 de Movistar", "source": "foro", "id": "1"},
        {"text": "  "},
        {"text": "Movistar", "published_at": "mañana"},
    ]
    first = ana.tell("/ingest", rows).json()
    assert (first["new"], first["known"], first["refused"]) == (1, 0, 2)
    assert [r["line"] for r in first["reasons"]] == [2, 3]
    assert "published_at" in first["reasons"][1]["reason"]
    assert ana.tell("/ingest", rows).json()["known"] == 1
    lines = '{"text": "El 1004 otra vez", "source": "foro", "id": "2"}\n\n{"text": \n[1]\n'
    kind = {"Content-Type": "application/x-ndjson"}
    second = ana.post("/api/v1/ingest", content=lines, headers=kind).json()
    assert (second["new"], second["refused"]) == (1, 2)
    assert [r["line"] for r in second["reasons"]] == [3, 4]
    found = ana.ok("/mentions", source="foro", brand="movistar")["items"]
    assert {m["external_id"] for m in found} == {"1", "2"}


def test_hostile_content_comes_back_as_the_text_that_it_is(ana: Api) -> None:
    texts = [
        worlds.HOSTILE,
        '</script><script>alert(1)</script> "quoted" \\ back',
        '=HYPERLINK("http://mal.example") @SUM(1) \u202egnp.exe Movistar',
        "😀" * 2000 + " Movistar",
    ]
    rows = [
        {"text": t, "source": "hostil", "id": f"<b>{n}</b>", "author": "<script>x</script>"}
        for n, t in enumerate(texts)
    ]
    assert ana.tell("/ingest", rows).json()["new"] == 4
    answer = ana.get("/api/v1/mentions", params={"source": "hostil"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    stored = {m["external_id"]: m for m in answer.json()["items"]}
    assert [stored[f"<b>{n}</b>"]["text"] for n in range(4)] == [clean_text(t) for t in texts]
    assert {m["author"]["handle"] for m in stored.values()} == {"<script>x</script>"}
    body = b'[{"text": "Movistar \\ud83d \\u0000", "source": "impar"}]'
    odd = ana.post("/api/v1/ingest", content=body, headers={"Content-Type": "application/json"})
    assert odd.json()["new"] == 1
    assert ana.ok("/mentions", source="impar")["items"][0]["text"].startswith("Movistar \ufffd")
    assert "script" in problem(ana.get("/api/v1/<script>"), 404)["instance"]


def test_what_cannot_be_read_is_said(ana: Api) -> None:
    kind = {"Content-Type": "application/json"}
    problem(ana.post("/api/v1/ingest", content=b"[{", headers=kind), 400)
    problem(ana.post("/api/v1/ingest", content=b'{"text": "x"}', headers=kind), 422)
    problem(ana.post("/api/v1/ingest", content=b"<x/>", headers={"Content-Type": "text/xml"}), 415)
    large = ana.post("/api/v1/ingest", content=b"[" + b" " * 250_000 + b"]", headers=kind)
    assert "200,000 bytes" in problem(large, 413)["detail"]
    many = (b" " * 50_000 for _ in range(8))
    problem(ana.post("/api/v1/ingest", content=many, headers=kind), 413)
    refused = ana.delete("/api/v1/cases")
    assert refused.headers["allow"] == "GET"
    problem(refused, 405)


def test_a_token_that_asks_too_often_waits_and_others_do_not(served: Served, ana: Api) -> None:
    answers = []
    while len(answers) < PER_MINUTE * 3 and (not answers or answers[-1].status_code == 200):
        answers.append(ana.get("/api/v1/me"))
    assert len(answers) > PER_MINUTE
    problem(answers[-1], 429)
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    with Api(served) as other:
        assert other.ok("/me")["username"] == "ana"


# ---------------------------------------------------------------------------- metrics, documents


def test_metrics_count_and_name_nobody(served: Served) -> None:
    with Api(served, "marc", "metrics") as monitor, Api(served, "marc", "read") as reader:
        reader.ok("/cases", status="new")
        answer = monitor.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=1.0.0")
        families = {f.name: f.samples for f in text_string_to_metric_families(answer.text)}
        mentions = {s.labels["state"]: s.value for s in families["listener_mentions"]}
        assert mentions["processed"] >= 51
        assert {s.labels["status"] for s in families["listener_cases"]} >= {"new"}
        outbox = {(s.labels["to"], s.labels["status"]) for s in families["listener_outbox"]}
        assert ("email", "failed") in outbox
        assert families["listener_contacts_after_suppression"][0].value == 0
        assert families["listener_loop_age_seconds"][0].labels == {"loop": "collect"}
        asked = families["listener_api_request_seconds"]
        assert {"/cases"} <= {s.labels["route"] for s in asked}
        for personal in ("lucia", "Lucía", "600123456", "red.example", "ana", "C-1001"):
            assert personal not in answer.text
        problem(reader.get("/metrics"), 403)


def test_health_tells_of_database_and_loops(served: Served) -> None:
    told = httpx.get(f"{served.url}/healthz", trust_env=False).json()
    assert told["database"] == "ok"
    assert told["loops"]["process"] == "never run"
    assert set(told["loops"]) == {"collect", "process", "deliver", "forget"}


def test_the_documentation_is_a_page_without_scripts(served: Served) -> None:
    with httpx.Client(base_url=served.url, trust_env=False) as client:
        page = client.get("/api/v1/docs", headers={"Accept-Language": "es"})
        assert "<script" not in page.text
        assert "Qué se puede pedir" in page.text
        assert "POST /api/v1/ingest" in page.text
        assert "What can be asked" in client.get("/api/v1/docs?lang=en").text


def test_every_example_of_the_documentation_works(served: Served) -> None:
    """As the shell would run them: in order, with the variables that the text names."""
    world = served.world
    values = {
        "LISTENER": served.url,
        "TOKEN": token(served, "admin"),
        "CASE": str(world.cases["lucia"]),
    }
    with Api(served, "admin", "read") as reader:
        first = int(reader.ok(case_of(served, "lucia"))["version"])
    # Each change but a note makes a new version.
    names = ("VERSION", "VERSION_NOW", "VERSION_TAG", "VERSION_LAST")
    values |= {name: str(first + n) for n, name in enumerate(names)}
    ran = 0
    for block in re.findall(r"```sh\n(.*?)```", DOCS, re.DOTALL):
        for written in block.strip().splitlines():
            line = re.sub(r"\$([A-Z_]+)", lambda m: values[m[1]], written)
            answer = curl(shlex.split(line))
            assert answer.status_code < 300, (written, answer.text)
            if written.endswith("/api/v1/webhooks"):
                values["WEBHOOK"] = str(answer.json()["id"])
            ran += 1
    assert ran == len(re.findall(r"^curl ", DOCS, re.MULTILINE)) > 12


def curl(words: list[str]) -> httpx.Response:
    """What `curl -s [-H header]... [-X method] [-d body] address` asks."""
    headers, method, body, address = {}, "", None, ""
    rest = iter(words[1:])
    for word in rest:
        if word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        elif word == "-X":
            method = next(rest)
        elif word == "-d":
            body = next(rest)
        elif word != "-s":
            address = word
    verb = method or ("GET" if body is None else "POST")
    content = body.encode() if body is not None else None
    return httpx.request(verb, address, headers=headers, content=content, trust_env=False)


def test_the_documentation_names_every_operation_scope_and_setting(served: Served) -> None:
    document = httpx.get(f"{served.url}/api/v1/openapi.json", trust_env=False).json()
    for path in document["paths"]:
        assert path.split("/")[-1].strip("{}").removesuffix("_id").removesuffix("s") in DOCS, path
    for scope in ("read", "work", "ingest", "suppress", "admin", "metrics"):
        assert f"`{scope}`" in DOCS
    config = Path(worlds.ROOT / "listener" / "settings.py").read_text(encoding="utf-8")
    for name in re.findall(
        r"^    (\w+): ", config.partition("class Api(")[2].partition("class ")[0], re.M
    ):
        assert f"`{name}" in DOCS
