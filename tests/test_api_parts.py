"""What of the API is decided without a server: rates, kept answers, cursors, who is near."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from builders import NOW
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from dashboard.api import cursors
from dashboard.api.metrics import from_here
from dashboard.api.rates import Rates, take
from listener import accounts, api_tokens
from listener.errors import AccountError
from listener.storage import Database, api_answers


def test_a_minute_holds_as_many_requests_as_it_says_and_fills_evenly() -> None:
    bucket = None
    for _ in range(60):
        bucket, wait = take(bucket, 60, NOW)
        assert wait == 0
    bucket, wait = take(bucket, 60, NOW)
    assert wait == 1
    later = NOW + timedelta(seconds=wait)
    bucket, wait = take(bucket, 60, later)
    assert wait == 0
    assert take(bucket, 60, later)[1] == 1
    assert take(bucket, 60, later - timedelta(hours=1))[1] == 1, "a clock that is set back"


@given(st.integers(1, 1000), st.lists(st.floats(0, 30), max_size=60))
def test_nobody_gets_more_than_was_promised_nor_waits_for_longer(
    per_minute: int, pauses: list[float]
) -> None:
    bucket, now, passed = None, NOW, 0
    for pause in pauses:
        now += timedelta(seconds=pause)
        bucket, wait = take(bucket, per_minute, now)
        passed += wait == 0
        assert 0 <= wait <= 60
        if wait:
            assert take(bucket, per_minute, now + timedelta(seconds=wait))[1] == 0
    assert passed <= per_minute * (1 + (now - NOW).total_seconds() / 60) + 1


def test_the_store_of_rates_forgets_the_oldest() -> None:
    rates = Rates(per_minute=1, most=2)
    assert [rates.take(who, NOW) for who in ("a", "a", "b", "c", "a")] == [0, 60, 0, 0, 0]


@given(st.integers(1, 2**52))
def test_a_cursor_leads_back_and_has_its_pattern(last: int) -> None:
    made = cursors.dump(cursors.CASES, last)
    assert cursors.load(made) == last
    assert re.fullmatch(cursors.pattern(cursors.CASES), made)
    assert not re.fullmatch(cursors.pattern(cursors.ALERTS), made)


@pytest.fixture
def token_id(database: Database) -> int:
    accounts.add_user(
        database, "ana", name="Ana", email="", role="community_manager", language="es",
        time_zone="Europe/Madrid",
    )  # fmt: skip
    made, _ = api_tokens.add(database, "ana", name="t", scopes=["work"], by="test", now=NOW)
    return made


def test_of_many_at_once_one_is_the_first_and_a_day_later_the_key_is_free(
    database: Database, token_id: int
) -> None:
    day = api_tokens.ANSWERS_KEPT

    def begin(hours: float) -> bool:
        now = NOW + timedelta(hours=hours)
        with database.write() as session:
            return (
                api_answers.begin(session, token_id, "k", "digest", now=now, older=now - day)
                is None
            )

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(begin, [0] * 8)) == 1
    with database.write() as session:
        api_answers.finish(session, token_id, "k", status=201, sealed="s", media_type="t")
    assert not begin(23.9)
    with database.read() as session:
        kept = api_answers.get(session, token_id, "k")
    assert kept is not None
    assert (kept.status, kept.digest) == (201, "digest")
    assert begin(24.1)
    with database.write() as session:
        api_answers.drop(session, token_id, "k")
    assert begin(24.2)


@pytest.mark.parametrize(
    ("scopes", "lasts", "name"),
    [
        ([], timedelta(days=1), "t"),
        (["everything"], timedelta(days=1), "t"),
        (["read"], timedelta(days=400), "t"),
        (["read"], timedelta(0), "t"),
        (["read"], timedelta(days=1), "  "),
    ],
)
def test_what_cannot_be_a_token_is_refused(
    database: Database, token_id: int, scopes: list[str], lasts: timedelta, name: str
) -> None:
    with pytest.raises(AccountError):
        api_tokens.add(database, "ana", name=name, scopes=scopes, lasts=lasts, by="t", now=NOW)


@pytest.mark.parametrize(
    ("client", "headers", "near"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("10.0.0.7", {}, False),
        ("testclient", {}, False),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, False),
        ("127.0.0.1", {"forwarded": "for=1.2.3.4"}, False),
    ],
)
def test_this_machine_is_near_with_nothing_in_between(
    client: str, headers: dict[str, str], near: bool
) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "headers": raw, "client": (client, 1), "method": "GET", "path": "/"}
    assert from_here(Request(scope)) is near
