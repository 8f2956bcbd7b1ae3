"""The service is killed (SIGKILL) again and again while people write: in the end every post that
matches is stored once, no case is doubled, every alert was mailed once.

The moments are random with a fixed seed, counted from the service's start, so that they fall into
all three loops; what each hit is read from the database afterwards and printed."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa
import town as towns
from servers import SnacServer, running
from servers_smtp import Hang, SmtpServer
from town import Town


def test_six_kills(tmp_path: Path) -> None:
    assert storm(tmp_path, kills=6, seed=1004) <= 1


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_twenty_kills(tmp_path: Path) -> None:
    assert storm(tmp_path, kills=20, seed=1002) <= 1


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_six_kills_on_postgresql(tmp_path: Path, postgresql: sa.URL) -> None:
    engine = sa.create_engine(postgresql, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql('CREATE DATABASE "storm" TEMPLATE "template"')
    engine.dispose()
    url = postgresql.set(database="storm").render_as_string(hide_password=False)
    assert storm(tmp_path, kills=6, seed=1004, url=url) <= 1


def storm(folder: Path, *, kills: int, seed: int, url: str = "") -> int:
    """How many mails were killed in the few microseconds between saying "I am handing it over" and the
    final dot: in doubt, and not delivered. All else is as it must be, or an assertion fails."""
    chance = random.Random(seed)
    with running(SnacServer, folder) as snac, SmtpServer(folder / "smtp") as smtp:
        smtp.behave(Hang(0.15))  # a mail takes a moment, so that moments fall into it
        town = towns.build(folder, snac, smtp, batch_size=6)
        if url:
            town.home.environ["LISTENER_DATABASE_URL"] = url
        people, events = towns.customers(200)
        town.home.call("crm", "import", "--people", town.home.file("p.csv", people),
                       "--events", town.home.file("e.csv", events))  # fmt: skip
        town.home.call("user", "add", "lucia", "--email", "lucia@example.org")
        posts = towns.plan()
        hit: Counter[str] = Counter()
        share = len(posts) // kills
        for number in range(kills):
            process = town.start("--no-dashboard")
            begun = town.log.count("started")
            town.wait("the service to start", lambda n=begun: town.log.count("started") > n)  # type: ignore[misc]
            part = posts[number * share : (number + 1) * share if number < kills - 1 else None]
            feed = towns.feed(town, part, seconds=1.5)
            time.sleep(chance.uniform(0.0, 3.0))
            process.send_signal(signal.SIGKILL)
            process.wait()
            feed.join()
            hit.update(at_work(town))
        with town.service("--no-dashboard") as process:
            town.wait("everything to be done", lambda: town.settled() and town.calm(2))
            assert town.stop(process) == 0
        print(f"\n{kills} kills; at that moment at work: {dict(hit)}")
        return check(town)


def at_work(town: Town) -> list[str]:
    """Which loops the kill interrupted, and in which state it left the outbox."""
    loops = [
        name
        for (name,) in town.home.query(
            "SELECT name FROM loops WHERE finished_at IS NULL OR finished_at < started_at"
        )
    ]
    held = town.home.query(
        "SELECT status FROM notifications WHERE status IN ('claimed', 'transmitting')"
    )
    return [*loops, *(status for (status,) in held)] or ["nothing"]


def check(town: Town) -> int:
    query = town.home.query
    # Stored: every post that matches, once, and no other (boosts there are none).
    stored = Counter(i for (i,) in query("SELECT external_id FROM mentions"))
    assert stored == dict.fromkeys(town.wanted, 1)
    assert query("SELECT count(*) FROM mentions WHERE state != 'processed'") == [(0,)]
    assert query("SELECT count(*) FROM readings") == [(len(stored),)]

    # Cases: one an author and matter, each mention of theirs on it once.
    doubled = query("SELECT author_id, matter FROM cases GROUP BY 1, 2 HAVING count(*) > 1")
    assert doubled == []
    assert query(
        "SELECT count(*) FROM mentions m JOIN readings r ON r.mention_id = m.id"
        " JOIN mention_brands b ON b.mention_id = m.id AND b.brand = 'movistar'"
        " JOIN authors a ON a.id = m.author_id"
        " WHERE r.complaint AND m.duplicate_kind IS NULL AND a.handle NOT LIKE 'movistar@%'"
        " AND NOT EXISTS (SELECT 1 FROM case_mentions c WHERE c.mention_id = m.id)"
    ) == [(0,)]
    assert query("SELECT count(*) FROM case_events WHERE kind = 'opened'") == query(
        "SELECT count(*) FROM cases"
    )

    # Alerts: one for each severe case, one for the number.
    assert query("SELECT count(*) FROM alerts WHERE kind = 'severe_harassment'") == query(
        "SELECT count(*) FROM cases WHERE matter = 'harassment' AND level = 'urgent'"
    )
    assert query("SELECT count(*) FROM alerts WHERE kind = 'number_complaints'") == [(1,)]

    # Mails: the server's own record against the outbox.
    outbox = dict(query("SELECT message_id, status FROM notifications"))
    accepted = town.smtp.by_message_id()
    states = Counter(outbox.values())
    print(
        f"{len(stored)} mentions, {query('SELECT count(*) FROM cases')[0][0]} cases; "
        f"{len(outbox)} notifications {dict(states)}; SMTP: {len(town.smtp.transmissions)} "
        f"transmissions, {accepted.total()} accepted, {len(accepted)} distinct Message-IDs"
    )
    assert accepted.keys() <= outbox.keys()
    assert max(accepted.values()) == 1  # never twice
    assert len(town.smtp.transmissions) == accepted.total()
    assert states.keys() <= {"sent", "in_doubt"}
    for message_id, status in outbox.items():
        if status == "sent":
            assert accepted[message_id] == 1
    lost = [m for m, status in outbox.items() if accepted[m] == 0]
    # Never sent again by itself, and shown to people as in doubt.
    assert all(outbox[m] == "in_doubt" for m in lost)
    if lost:
        print(f"in doubt and not delivered: {len(lost)}")
    return len(lost)
