"""Suppressing and recording while the process is killed at random moments, against a real Odoo:
exactly one suppression and one ticket for each customer."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from builders import ByHand, found, reading, user
from command import BRANDS, LISTENER
from servers import running
from servers_odoo import OdooServer

from listener import pipeline
from listener.desk import Desk
from listener.httpclient import HttpClient
from listener.pipeline import Road
from listener.settings import Http, Settings
from listener.settings_files import load
from listener.storage import (
    Database,
    case_detail,
    case_search,
    crm_writes,
    mentions,
    people,
    suppressions,
)
from listener.storage.case_search import CaseFilter

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

KILLS = 50  # of each kind, at least
CUSTOMERS = 120
ANA = user("ana")


@pytest.fixture(scope="module")
def odoo() -> Iterator[OdooServer]:
    with running(OdooServer) as server:
        yield server


def phone(number: int) -> str:
    """020 7946 0000 to 0999 are kept for fiction."""
    return f"+44207946{number:04}"


def words(number: int) -> str:
    """So that nobody's post is a copy of another's."""
    rng = random.Random(number)
    return " ".join("".join(rng.choices("abcdefghilmnoprstu", k=6)) for _ in range(30))


@pytest.fixture
def settings(odoo: OdooServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    config = tmp_path / "config"
    config.mkdir()
    (config / "brands.toml").write_text(BRANDS, encoding="utf-8")
    (config / "crms.toml").write_text(
        '[[crms]]\nname = "sales"\ntype = "odoo"\n[crms.options]\n'
        f'url = "{odoo.url}"\ndatabase = "{odoo.database}"\n',
        encoding="utf-8",
    )
    (config / "listener.toml").write_text(
        '[delivery]\nfirst_retry = "1s"\nlongest_retry = "1s"\n', encoding="utf-8"
    )
    monkeypatch.setenv("LISTENER_ODOO_KEY", odoo.key)
    monkeypatch.setenv("LISTENER_CONFIG", str(config))
    monkeypatch.setenv("LISTENER_VAR", str(tmp_path))
    monkeypatch.setenv("LISTENER_DATABASE_URL", f"sqlite:///{tmp_path}/listener.db")
    return load()


def complaints(odoo: OdooServer, settings: Settings, db: Database) -> list[int]:
    """A case for each customer, matched by the phone that they give; all approved."""
    names = [f"Person {n}" for n in range(CUSTOMERS)]
    odoo.call(
        "res.partner",
        "create",
        vals_list=[
            {"name": name, "phone": phone(n + 100), "email": f"p{n}@mail.example"}
            for n, name in enumerate(names)
        ],
    )
    now = datetime.now(UTC)
    items = [
        found(
            f"post-{n}",
            f"harassed {words(n)}. My number is {phone(n + 100)}",
            author=f"person{n}",
            published_at=now - timedelta(hours=2),
        )
        for n in range(CUSTOMERS)
    ]
    with db.write() as session:
        people.add(session, ANA, now)
        mentions.save_found(session, "square/movistar", items, now=now)
    answers = {"harassed": reading(harassment=True, opt_out=True, lang="en")}
    own = tuple(
        b.model_copy(update={"countries": ("GB", "ES")}) if b.key == "movistar" else b
        for b in settings.brands
    )
    here = settings.model_copy(update={"brands": own})
    road = Road(here, db, HttpClient(Http()), lambda: ByHand(answers))
    pipeline.process(road)
    desk = Desk(db, here)
    with db.read() as session:
        lines, _ = case_search.search(session, CaseFilter(), limit=CUSTOMERS)
    matched = [line for line in lines if line.customer_ref]
    assert len(matched) == CUSTOMERS
    for line in matched:
        with db.read() as session:
            detail = case_detail.get(session, line.id)
        assert detail is not None
        desk.promise.suppress(ANA, line.id, version=detail.summary.version, reason="promised")
        desk.promise.record(ANA, line.id)
    return [line.id for line in matched]


def test_one_suppression_and_one_ticket_whatever_is_killed(
    odoo: OdooServer, settings: Settings, tmp_path: Path
) -> None:
    db = Database(settings.database_url)
    db.upgrade()
    ids = complaints(odoo, settings, db)
    rng, killed, inside = random.Random(4), 0, 0
    while killed < 2 * KILLS:
        process = subprocess.Popen(
            [*LISTENER, "--log-level", "ERROR", "deliver", "--once"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _until_it_writes(db, process)
        time.sleep(rng.uniform(0, 0.06))
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
            with db.read() as session:
                inside += bool(crm_writes.claimed(session))
        if _left(db) == 0:
            break
    print(f"{killed} kills, {inside} of them in the middle of a write")
    assert killed >= KILLS
    assert inside >= KILLS // 2
    for _ in range(5):
        subprocess.run(
            [*LISTENER, "--log-level", "ERROR", "deliver", "--once"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        if _left(db) == 0:
            break
        time.sleep(1.1)
    _check(odoo, db, ids)
    db.close()


def _until_it_writes(db: Database, process: subprocess.Popen[bytes]) -> None:
    """Starting takes a second in which there is nothing to kill."""
    before = _left(db)
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with db.read() as session:
            if any(
                w.claimed_by and w.claimed_by.endswith(f":{process.pid}")
                for w in crm_writes.claimed(session)
            ):
                return
        if _left(db) < before:
            return
        time.sleep(0.01)


def _left(db: Database) -> int:
    with db.read() as session:
        kept = suppressions.kept(session)
    return kept.waiting_writes


def _check(odoo: OdooServer, db: Database, ids: list[int]) -> None:
    listed = odoo.call(
        "phone.blacklist", "search_read", domain=[["active", "=", True]], fields=["number"]
    )
    numbers = sorted(row["number"] for row in listed)
    assert numbers == sorted(phone(n + 100) for n in range(CUSTOMERS))
    leads = odoo.call(
        "crm.lead",
        "search_read",
        domain=[["name", "like", "Listener"]],
        fields=["name"],
        context={"active_test": False},
    )
    assert len(leads) == len({row["name"] for row in leads}) == CUSTOMERS
    with db.read() as session:
        for case_id in ids:
            order = suppressions.of_case(session, case_id)
            assert order is not None
            assert order.status == "in_effect"
            (note,) = crm_writes.records_of_case(session, case_id)
            assert note.status == "done"
