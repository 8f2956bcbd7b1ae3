"""Who gets in: passwords, lock-out, sessions, one-time links."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener import accounts
from listener.accounts import Attempts, Strangers
from listener.errors import AccountError, StorageError
from listener.storage import Database, people

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
GOOD = "gris tormenta 42"
IDLE, LONGEST = timedelta(hours=12), timedelta(days=7)


@pytest.fixture
def db(sqlite_database: Database) -> Database:
    return sqlite_database


def add(db: Database, username: str = "marta", **changes: object) -> str:
    values: dict[str, object] = {
        "name": "Marta Ruiz",
        "email": "marta@listener.example",
        "role": "community_manager",
        "language": "es",
        "time_zone": "Europe/Madrid",
        "now": NOW,
    }
    return accounts.add_user(db, username, **(values | changes))  # type: ignore[arg-type]


def token_of(link: str) -> str:
    assert link.startswith("/auth/setup?token=")
    return link.partition("=")[2]


# ---------------------------------------------------------------------------- decisions


def test_the_fifth_failure_locks_for_fifteen_minutes() -> None:
    attempts = Attempts()
    for n in range(1, 5):
        attempts = accounts.after_failure(attempts, NOW)
        assert attempts.failed == n
        assert not accounts.is_locked(attempts, NOW)
    attempts = accounts.after_failure(attempts, NOW)
    assert accounts.is_locked(attempts, NOW + timedelta(minutes=14, seconds=59))
    assert not accounts.is_locked(attempts, NOW + timedelta(minutes=15))
    assert accounts.after_failure(attempts, NOW + timedelta(minutes=15)) == Attempts(1, None)


@given(idle=st.integers(0, 2000), age=st.integers(0, 20_000))
def test_a_session_ends_by_idling_or_by_age(idle: int, age: int) -> None:
    seen = NOW - timedelta(minutes=min(idle, age))
    ended = accounts.session_ended(
        NOW - timedelta(minutes=age), seen, NOW, idle=IDLE, longest=LONGEST
    )
    assert ended == (min(idle, age) >= 12 * 60 or age >= 7 * 24 * 60)


@pytest.mark.parametrize(
    ("password", "key"),
    [
        ("corta", "password.short"),
        ("x" * 300, "password.long"),
        ("marta.ruiz.perez", "password.name"),
        ("MARTA.RUIZ.PEREZ", "password.name"),
        ("ababababab", "password.simple"),
    ],
)
def test_weak_passwords_are_refused_with_their_reason(password: str, key: str) -> None:
    problem = accounts.password_problem(password, "marta.ruiz.perez", "m@listener.example")
    assert problem is not None
    assert problem.key == key


def test_a_long_sentence_is_a_password() -> None:
    assert accounts.password_problem("llueve sobre el tejado", "marta") is None


# ---------------------------------------------------------------------------- one-time links


def test_a_link_sets_the_password_once(db: Database) -> None:
    token = token_of(add(db))
    assert accounts.setup_link_is_open(db, token, NOW)
    assert accounts.use_setup_link(db, token, GOOD, NOW) == "marta"
    assert not accounts.setup_link_is_open(db, token, NOW)
    with pytest.raises(AccountError) as refused:
        accounts.use_setup_link(db, token, "otra frase larga", NOW)
    assert refused.value.key == "setup.ended"
    found = accounts.authenticate(db, "marta", GOOD, now=NOW)
    assert found.user is not None
    assert found.user.name == "Marta Ruiz"


def test_a_link_outlives_a_refused_password_but_not_a_day(db: Database) -> None:
    token = token_of(add(db))
    with pytest.raises(AccountError) as refused:
        accounts.use_setup_link(db, token, "corta", NOW)
    assert refused.value.key == "password.short"
    assert accounts.setup_link_is_open(db, token, NOW + timedelta(hours=23))
    assert not accounts.setup_link_is_open(db, token, NOW + timedelta(hours=24))


def test_a_new_link_ends_the_older_one(db: Database) -> None:
    old = token_of(add(db))
    new = token_of(accounts.make_setup_link(db, "marta", NOW))
    assert not accounts.setup_link_is_open(db, old, NOW)
    assert accounts.setup_link_is_open(db, new, NOW)


def test_no_link_for_strangers_or_disabled(db: Database) -> None:
    add(db)
    accounts.disable(db, "marta")
    for name in ("marta", "nadie"):
        with pytest.raises(AccountError):
            accounts.make_setup_link(db, name, NOW)


def test_the_first_administrator_gets_links_until_the_password_is_set(db: Database) -> None:
    first = accounts.first_administrator(db, NOW)
    again = accounts.first_administrator(db, NOW)
    assert first is not None
    assert again is not None
    assert first != again
    accounts.use_setup_link(db, token_of(again), GOOD, NOW)
    assert accounts.first_administrator(db, NOW) is None
    with db.read() as session:
        admin = people.get(session, "admin")
    assert admin is not None
    assert admin.role == "administrator"


def test_no_first_administrator_where_others_are(db: Database) -> None:
    add(db)
    assert accounts.first_administrator(db, NOW) is None


# ---------------------------------------------------------------------------- signing in


def test_wrong_five_times_then_right_is_still_locked(db: Database) -> None:
    accounts.use_setup_link(db, token_of(add(db)), GOOD, NOW)
    for _ in range(5):
        assert accounts.authenticate(db, "marta", "no es esta clave", now=NOW).user is None
    later = NOW + timedelta(minutes=14)
    locked = accounts.authenticate(db, "marta", GOOD, now=later)
    assert locked.user is None
    assert locked.locked_until == NOW + timedelta(minutes=15)
    free = accounts.authenticate(db, "marta", GOOD, now=NOW + timedelta(minutes=15))
    assert free.user is not None
    again = accounts.authenticate(db, "marta", "no es esta clave", now=NOW + timedelta(minutes=16))
    assert again.locked_until is None


def test_a_name_without_account_is_answered_like_one_with(db: Database) -> None:
    strangers = Strangers(most=3)
    answers = [
        accounts.authenticate(db, "nadie", "no es esta clave", now=NOW, strangers=strangers)
        for _ in range(5)
    ]
    assert [a.locked_until is None for a in answers] == [True, True, True, True, False]
    for n in range(3):
        strangers.put(f"otro{n}", Attempts(1))
    assert strangers.get("nadie") == Attempts()


def test_capitals_in_the_user_name_do_not_matter_in_the_password_they_do(db: Database) -> None:
    accounts.use_setup_link(db, token_of(add(db)), GOOD, NOW)
    assert accounts.authenticate(db, " Marta ", GOOD, now=NOW).user is not None
    assert accounts.authenticate(db, "marta", GOOD.upper(), now=NOW).user is None


def test_a_disabled_account_is_refused_and_its_sessions_end(db: Database) -> None:
    accounts.use_setup_link(db, token_of(add(db)), GOOD, NOW)
    token = accounts.start_session(db, "marta", NOW)
    accounts.disable(db, "marta")
    assert accounts.authenticate(db, "marta", GOOD, now=NOW).user is None
    assert accounts.session_user(db, token, idle=IDLE, longest=LONGEST, now=NOW) is None


def test_an_account_without_password_cannot_be_entered(db: Database) -> None:
    add(db)
    assert accounts.authenticate(db, "marta", "", now=NOW).user is None


# ---------------------------------------------------------------------------- sessions


def test_a_used_session_lives_until_its_longest_age(db: Database) -> None:
    add(db)
    token = accounts.start_session(db, "marta", NOW)
    at = NOW
    while at + timedelta(hours=11) < NOW + LONGEST:
        at += timedelta(hours=11)
        assert accounts.session_user(db, token, idle=IDLE, longest=LONGEST, now=at) is not None
    assert accounts.session_user(db, token, idle=IDLE, longest=LONGEST, now=NOW + LONGEST) is None


def test_an_idle_session_ends_for_good(db: Database) -> None:
    add(db)
    token = accounts.start_session(db, "marta", NOW)
    assert accounts.session_user(db, token, idle=IDLE, longest=LONGEST, now=NOW + IDLE) is None
    assert accounts.session_user(db, token, idle=IDLE, longest=LONGEST, now=NOW) is None


def test_what_a_page_asks_by_itself_keeps_no_session_alive(db: Database) -> None:
    add(db)
    token = accounts.start_session(db, "marta", NOW)
    for part in (1, 2, 3):
        at = NOW + part * IDLE / 4
        seen = accounts.session_user(db, token, idle=IDLE, longest=LONGEST, touch=False, now=at)
        assert seen is not None
    assert accounts.session_user(db, token, idle=IDLE, longest=LONGEST, now=NOW + IDLE) is None


def test_tokens_are_stored_as_hashes_only(db: Database) -> None:
    setup = token_of(add(db))
    token = accounts.start_session(db, "marta", NOW)
    with db.read() as session:
        assert people.find_session(session, token) is None
        assert people.find_session(session, accounts.hash_token(token)) is not None
        assert not people.link_is_open(session, setup, NOW)


def test_changing_the_password_ends_the_other_sessions(db: Database) -> None:
    accounts.use_setup_link(db, token_of(add(db)), GOOD, NOW)
    mine = accounts.start_session(db, "marta", NOW)
    other = accounts.start_session(db, "marta", NOW)
    with pytest.raises(AccountError) as wrong:
        accounts.change_password(db, "marta", "no es esta", "frase nueva 77", keep=mine, now=NOW)
    assert wrong.value.key == "password.wrong"
    accounts.change_password(db, "marta", GOOD, "frase nueva 77", keep=mine, now=NOW)
    assert accounts.session_user(db, mine, idle=IDLE, longest=LONGEST, now=NOW) is not None
    assert accounts.session_user(db, other, idle=IDLE, longest=LONGEST, now=NOW) is None
    assert accounts.authenticate(db, "marta", "frase nueva 77", now=NOW).user is not None


# ---------------------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("role", "boss", "community_manager"),
        ("language", "xx", "es"),
        ("time_zone", "Mars/Olympus", "Europe/Madrid"),
        ("email", "marta at home", "name@example.com"),
    ],
)
def test_unusable_values_are_refused_with_what_can_be_used(
    db: Database, field: str, value: str, said: str
) -> None:
    with pytest.raises(AccountError, match=said):
        add(db, **{field: value})
    with db.read() as session:
        assert people.everyone(session) == []


@pytest.mark.parametrize("name", ["", "Marta", "a b", "listener", "-x", "x" * 80, "../etc"])
def test_unusable_user_names_are_refused(db: Database, name: str) -> None:
    with pytest.raises(AccountError):
        add(db, name)


def test_a_name_is_given_once(db: Database) -> None:
    add(db)
    with pytest.raises(StorageError, match="marta"):
        add(db)
