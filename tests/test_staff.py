"""Nora keeps the accounts: who works here, as what, for which brands."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from builders import NOW, Clock, user
from command import ROOT, Home

from listener import accounts
from listener import settings_files as files
from listener.desk import Desk
from listener.errors import AccountError, NotAllowed, StorageError
from listener.staff import Reach
from listener.storage import Database, people
from listener.storage.people import User

NORA = user("nora", role="administrator")
PASSWORD = "gris tormenta 42"


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    own = files.load(ROOT / "config", {"LISTENER_VAR": str(tmp_path)})
    made = Desk(database, own, Clock(NOW))
    add(made, "nora", role="administrator")
    return made


def add(
    desk: Desk, username: str, role: str = "community_manager", reach: Reach | None = None
) -> str:
    return desk.staff.add(
        NORA,
        username,
        name=username.title(),
        email="",
        role=role,
        language="es",
        reach=reach or Reach(),
    )


def stored(desk: Desk, username: str) -> User:
    with desk.db.read() as session:
        found = people.get(session, username)
    assert found is not None
    return found


def test_somebody_new_sets_a_password_by_the_link_once(desk: Desk) -> None:
    address = add(desk, "ines", reach=Reach(("movistar",), ("es", "pt"), ("harassment",)))
    assert address.startswith("http://127.0.0.1:8501/auth/setup?token=")
    token = address.partition("token=")[2]
    assert accounts.use_setup_link(desk.db, token, PASSWORD, NOW) == "ines"
    found = accounts.authenticate(desk.db, "ines", PASSWORD, now=NOW).user
    assert found is not None
    assert (found.brands, found.languages, found.queues) == (
        ("movistar",),
        ("es", "pt"),
        ("harassment",),
    )
    with pytest.raises(AccountError):
        accounts.use_setup_link(desk.db, token, PASSWORD, NOW)


@pytest.mark.parametrize(
    ("reach", "said"),
    [
        (Reach(brands=("movista",)), "no brand 'movista'; did you mean movistar"),
        (Reach(brands=("acme",)), "known: movistar, vodafone, orange"),
        (Reach(queues=("harasment",)), "did you mean harassment"),
        (Reach(languages=("español",)), "two or three letters"),
    ],
)
def test_a_brand_queue_or_language_that_there_is_not(desk: Desk, reach: Reach, said: str) -> None:
    with pytest.raises(AccountError, match=said):
        add(desk, "ines", reach=reach)
    with pytest.raises(AccountError, match=said):
        desk.staff.change(NORA, "nora", role="administrator", reach=reach)


def test_another_role_counts_at_once(desk: Desk) -> None:
    add(desk, "ines")
    desk.staff.change(NORA, "ines", role="brand_manager", reach=Reach(("vodafone",)))
    assert (stored(desk, "ines").role, stored(desk, "ines").brands) == (
        "brand_manager",
        ("vodafone",),
    )
    with pytest.raises(AccountError, match="no role 'boss'"):
        desk.staff.change(NORA, "ines", role="boss", reach=Reach())
    with pytest.raises(AccountError, match="no user 'nobody'"):
        desk.staff.change(NORA, "nobody", role="marketing_lead", reach=Reach())
    with pytest.raises(StorageError, match="a user ines already"):
        add(desk, "ines")


def test_somebody_is_always_left_who_sets_things_up(desk: Desk) -> None:
    add(desk, "ines", role="administrator")
    with pytest.raises(AccountError, match="your own account"):
        desk.staff.disable(NORA, "nora")
    desk.staff.disable(NORA, "ines")
    for attempt in (
        lambda: desk.staff.change(NORA, "nora", role="marketing_lead", reach=Reach()),
        lambda: desk.staff.disable(user("otto", role="administrator"), "nora"),
    ):
        with pytest.raises(AccountError, match="only administrator"):
            attempt()
    desk.staff.enable(NORA, "ines")
    desk.staff.change(NORA, "nora", role="marketing_lead", reach=Reach())
    assert stored(desk, "nora").role == "marketing_lead"


def test_disabled_ends_the_sessions_and_unlock_lets_in_again(desk: Desk) -> None:
    add(desk, "ines")
    accounts.set_password(desk.db, "ines", PASSWORD, NOW)
    token = accounts.start_session(desk.db, "ines", NOW)
    limits = {"idle": timedelta(hours=1), "longest": timedelta(days=1)}
    assert accounts.session_user(desk.db, token, now=NOW, **limits) is not None
    desk.staff.disable(NORA, "ines")
    assert accounts.session_user(desk.db, token, now=NOW, **limits) is None
    desk.staff.enable(NORA, "ines")
    for _ in range(accounts.ALLOWED_FAILURES):
        accounts.authenticate(desk.db, "ines", "wrong", now=NOW)
    assert accounts.authenticate(desk.db, "ines", PASSWORD, now=NOW).user is None
    desk.staff.unlock(NORA, "ines")
    assert accounts.authenticate(desk.db, "ines", PASSWORD, now=NOW).user is not None


def test_nobody_else_keeps_accounts(desk: Desk) -> None:
    add(desk, "ines")
    for who in (
        user("ana"),
        user("berta", role="brand_manager"),
        user("marc", role="marketing_lead"),
    ):
        for attempt in (
            lambda w: desk.staff.everyone(w),
            lambda w: desk.staff.add(
                w, "x", name="", email="", role="administrator", language="es", reach=Reach()
            ),
            lambda w: desk.staff.change(w, "ines", role="administrator", reach=Reach()),
            lambda w: desk.staff.disable(w, "ines"),
            lambda w: desk.staff.enable(w, "ines"),
            lambda w: desk.staff.unlock(w, "ines"),
            lambda w: desk.staff.new_link(w, "nora"),
            lambda w: desk.staff.audit(w),
        ):
            with pytest.raises(NotAllowed):
                attempt(who)


def test_what_was_done_is_kept_and_no_link_with_it(desk: Desk) -> None:
    address = add(desk, "ines", role="marketing_lead")
    desk.staff.change(NORA, "ines", role="marketing_lead", reach=Reach(("orange",)))
    desk.staff.new_link(NORA, "ines")
    entries = desk.staff.audit(NORA)
    assert [(e.actor, e.kind, e.data["user"]) for e in entries] == [
        ("nora", "user_link", "ines"),
        ("nora", "user_changed", "ines"),
        ("nora", "user_added", "ines"),
        ("nora", "user_added", "nora"),
    ]
    assert entries[1].data["brands"] == ["orange"]
    assert address.partition("token=")[2] not in str(entries)


def test_the_command_line_keeps_accounts_alike(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.call("user", "add", "nora", "--role", "administrator").code == 0
    wrong = home.call("user", "add", "ines", "--brand", "movista")
    assert wrong.code == 1
    assert "did you mean movistar" in wrong.err
    assert home.call("user", "add", "ines", "--brand", "movistar").code == 0
    assert "only administrator" in home.call("user", "disable", "nora").err
    for command in ("disable", "enable", "unlock"):
        assert home.call("user", command, "ines").code == 0
    kinds = [row[0] for row in home.query("SELECT kind FROM audit_entries ORDER BY id")]
    assert kinds == ["user_added", "user_added", "user_disabled", "user_enabled", "user_unlocked"]
