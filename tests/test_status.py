"""Is everything well? Judged from facts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from builders import NOW

from listener import accounts
from listener.settings import AlertRules, Email, ListenerFile, Settings, SourceConfig
from listener.status import judge, report
from listener.storage import Database, people
from listener.storage.health import LoopHealth, SubscriptionHealth


def settings(**listener: Any) -> Settings:
    return Settings(
        folder=Path("config"),
        database_url="sqlite://",
        var=Path("var"),
        listener=ListenerFile(**listener),
        sources=(SourceConfig(name="square", type="mastodon"),),
    )


def source(**changes: Any) -> SubscriptionHealth:
    values: dict[str, Any] = {
        "key": "square",
        "source_name": "square",
        "source_type": "mastodon",
        "cursor": None,
        "watched_since": NOW - timedelta(days=9),
        "last_attempt_at": NOW,
        "last_success_at": NOW,
        "last_item_at": NOW,
        "not_before": None,
        "failures": 0,
        "failing_since": None,
        "last_error": None,
        "items": 1,
        "pages": 1,
        "problems": 0,
    }
    return SubscriptionHealth(**(values | changes))


def loop(name: str = "process", **changes: Any) -> LoopHealth:
    values: dict[str, Any] = {
        "started_at": NOW,
        "finished_at": NOW,
        "succeeded_at": NOW,
        "last_error": None,
        "last_counts": {},
    }
    return LoopHealth(name, **(values | changes))


def problems(
    sources: tuple[SubscriptionHealth, ...] = (),
    loops: tuple[LoopHealth, ...] = (),
    own: Settings | None = None,
    failed: int = 0,
    **notifications: int,
) -> list[str]:
    counts = {"failed": failed, "pending": 3}
    return judge(own or settings(), sources, loops, counts, notifications, NOW)


def test_all_is_well() -> None:
    assert problems((source(),), (loop(), loop("collect")), sent=9) == []


def test_a_source_that_fails_or_is_silent() -> None:
    [said] = problems((source(failures=1, last_error="no answer"),))
    assert said == "source square: 1 failures in a row: no answer"
    [said] = problems((source(last_item_at=NOW - timedelta(days=3)),))
    assert said.startswith("source square: silent since 2026-11-17")


def test_a_source_that_never_gave_anything_says_since_when() -> None:
    [said] = problems((source(last_item_at=None),))
    assert "None" not in said
    assert "2026-11-11" in said


def test_a_source_that_is_no_longer_configured_is_nobodys_trouble() -> None:
    assert problems((source(source_name="old", failures=9),)) == []


def test_a_loop_that_fails_or_stands_still() -> None:
    assert problems(loops=(loop(last_error="broken"),)) == ["loop process: broken"]
    old = NOW - timedelta(minutes=11)
    [said] = problems(loops=(loop(started_at=old, finished_at=old),))
    assert "has not run since 2026-11-20 10:19 UTC; is the service running?" in said
    before = old - timedelta(minutes=5)
    assert problems(loops=(loop(started_at=old, finished_at=before),)) == []  # it is at work
    stuck = NOW - timedelta(hours=7)
    assert problems(loops=(loop(started_at=stuck, finished_at=before - timedelta(hours=8)),))


def test_mentions_and_mails_that_did_not_make_it() -> None:
    [said] = problems(failed=2)
    assert said.startswith("2 mentions could not be processed; `listener process --once --failed`")
    assert problems(failed=0, in_doubt=1) == ["1 notifications are in doubt"]
    mail = Email(enabled=True)
    assert problems(own=settings(email=mail), pending=4) == []
    [said] = problems(pending=4)
    assert said == "4 notifications wait: [email] enabled is false"


def test_alerts_that_would_reach_nobody(sqlite_database: Database) -> None:
    """Until somebody is named in the rules, or an administrator has an address."""
    mailing = settings(email=Email(enabled=True))
    said = report(mailing, sqlite_database, NOW).problems
    assert [s.split(":")[0] for s in said] == ["alerts have no recipient"]
    assert report(settings(), sqlite_database, NOW).problems == ()  # no mail is sent at all
    named = mailing.model_copy(update={"alerts": AlertRules(recipients=("desk@example.org",))})
    assert report(named, sqlite_database, NOW).problems == ()
    make_administrator(sqlite_database, "")
    assert report(mailing, sqlite_database, NOW).problems == said
    with sqlite_database.write() as session:
        people.update(session, "admin", email="boss@example.org")
    assert report(mailing, sqlite_database, NOW).problems == ()


def make_administrator(db: Database, email: str) -> None:
    accounts.add_user(
        db,
        "admin",
        name="Administrator",
        email=email,
        role="administrator",
        language="es",
        time_zone="Europe/Madrid",
        now=NOW,
    )
