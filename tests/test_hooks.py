"""Webhooks: told once, signed, tried again, never into a private network; on both databases, to a real
server."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from builders import ByHand, Clock, case_on, found
from servers import Answer, Asked, WebServer

from listener import accounts, hooks, pipeline, raising
from listener.desk import Desk
from listener.domain import Alert, AlertKind, CaseStatus, HookEvent, Resolution
from listener.errors import AccountError, NotAllowed, NotFound
from listener.httpclient import HttpClient
from listener.pipeline import Road
from listener.settings import Brand, Delivery, Http, ListenerFile, Settings
from listener.storage import Database, mentions, people, webhooks
from listener.storage.people import User

ALL = [e for e in HookEvent if e is not HookEvent.TEST]
OPEN = Http(allow_private_addresses=True, per_host_interval="0s", timeout="2s")


@dataclass
class Scene:
    """Gema administers; her webhook's server answers what `says` holds next, then 204."""

    db: Database
    folder: Path
    clock: Clock = field(default_factory=Clock)
    says: list[Answer] = field(default_factory=list)
    http: Http = OPEN
    count: int = 0
    most: int = 128

    def __post_init__(self) -> None:
        self.server = WebServer(self._answer)
        for name, role, brands in (
            ("gema", "administrator", ()),
            ("vera", "administrator", ("vodafone",)),
            ("ana", "community_manager", ()),
        ):
            accounts.add_user(
                self.db, name, name=name, email="", role=role, language="es",
                time_zone="Europe/Madrid", brands=brands,
            )  # fmt: skip

    def _answer(self, _asked: Asked) -> Answer:
        return self.says.pop(0) if self.says else Answer(status=204)

    def settings(self) -> Settings:
        return Settings(
            folder=self.folder,
            var=self.folder,
            database_url=self.db.url,
            brands=(Brand(key="movistar", name="Movistar", query="movistar"),),
            listener=ListenerFile(http=self.http, delivery=Delivery(max_attempts=self.most)),
        )

    def desk(self) -> Desk:
        return Desk(self.db, self.settings(), self.clock)

    def user(self, name: str) -> User:
        with self.db.read() as session:
            user = people.get(session, name)
        assert user is not None
        return user

    def register(
        self, *events: HookEvent, path: str = "/hook", by: str = "gema", url: str = ""
    ) -> tuple[int, str]:
        made, secret = self.desk().access.add_webhook(
            self.user(by), url or f"{self.server.base_url}{path}", events or ALL
        )
        return made.id, secret

    def deliver(self) -> dict[str, int]:
        http = HttpClient(self.http, now=self.clock)
        counts = pipeline.deliver(
            Road(self.settings(), self.db, http, lambda: ByHand({}), self.clock)
        )
        http.close()
        return {k.removeprefix("hooks_"): v for k, v in counts.items() if k.startswith("hooks_")}

    def case(self, *, invented: bool = False) -> int:
        self.count += 1
        item = found(f"post-{self.count}", author=f"luz{self.count}", invented=invented)
        with self.db.write() as session:
            mention = mentions.save_found(session, "s", [item], now=self.clock.at).new_ids[0]
            return case_on(session, mention, invented=invented, now=self.clock.at)

    def alert(self, kind: AlertKind, case_id: int | None = None) -> None:
        self.count += 1
        alert = Alert(kind, f"a{self.count}", "movistar", {"number": "+34600123456"}, (), case_id)
        with self.db.write() as session:
            raising.raise_alert(session, alert, self.settings(), owner=None, now=self.clock.at)

    def told(self) -> list[str]:
        return [asked.json["type"] for asked in self.server.asked]


@pytest.fixture
def scene(database: Database, tmp_path: Path):  # type: ignore[no-untyped-def]
    made = Scene(database, tmp_path)
    with made.server:
        yield made


def test_what_happens_is_told_once_and_signed(scene: Scene) -> None:
    _, secret = scene.register()
    case_id = scene.case()
    ana = scene.user("ana")
    scene.desk().cases.assign(ana, case_id, "ana", version=1)
    scene.desk().cases.set_status(ana, case_id, CaseStatus.CLOSED, Resolution.ANSWERED, version=2)
    scene.alert(AlertKind.SEVERE_HARASSMENT, case_id)
    scene.alert(AlertKind.PROMISE_BROKEN, case_id)
    assert scene.deliver() == {"sent": 5, "postponed": 0, "failed": 0}
    assert scene.deliver()["sent"] == 0
    assert scene.told() == [
        "case.opened",
        "case.closed",
        "alert.raised",
        "alert.raised",
        "promise.broken",
    ]
    for asked in scene.server.asked:
        signed = f"{asked.headers['webhook-id']}.{asked.headers['webhook-timestamp']}."
        key = base64.b64decode(secret.removeprefix("whsec_"))
        mac = hmac.new(key, signed.encode() + asked.body, hashlib.sha256).digest()
        assert asked.headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()
        assert int(asked.headers["webhook-timestamp"]) == int(scene.clock.at.timestamp())
        assert asked.headers["content-type"] == "application/json"
        assert b"600123456" not in asked.body
        assert b"luz" not in asked.body
    closed = scene.server.asked[1].json["data"]["case"]
    assert (closed["id"], closed["status"], closed["resolution"]) == (case_id, "closed", "answered")
    assert len({a.headers["webhook-id"] for a in scene.server.asked}) == 5


def test_a_case_that_is_merged_is_told_as_closed(scene: Scene) -> None:
    scene.register(HookEvent.CASE_CLOSED)
    first, second = scene.case(), scene.case()
    scene.desk().work.merge(scene.user("ana"), first, second, version=1)
    assert scene.deliver()["sent"] == 1
    closed = scene.server.asked[0].json["data"]["case"]
    assert (closed["id"], closed["resolution"]) == (first, "merged")


def test_after_a_500_it_is_tried_again_under_the_same_id(scene: Scene) -> None:
    hook, _ = scene.register(HookEvent.CASE_OPENED)
    scene.says = [Answer(b"oops", 500)]
    scene.case()
    scene.case()
    assert scene.deliver() == {"sent": 0, "postponed": 1, "failed": 0}, "the second waits with it"
    assert scene.deliver() == {"sent": 0, "postponed": 0, "failed": 0}, "not before its time"
    _, waiting = scene.desk().access.webhook(scene.user("gema"), hook)
    assert [d.status for d in waiting] == ["pending", "pending"]
    assert "500" in (waiting[1].last_error or "")
    scene.clock.later(seconds=31)
    assert scene.deliver() == {"sent": 2, "postponed": 0, "failed": 0}
    first, again, _ = scene.server.asked
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert first.body == again.body
    assert first.headers["webhook-signature"] != again.headers["webhook-signature"]


def test_one_that_does_not_answer_holds_up_no_other(scene: Scene) -> None:
    scene.register(HookEvent.CASE_OPENED, url="http://127.0.0.1:9/closed")
    scene.register(HookEvent.CASE_OPENED)
    for _ in range(3):
        scene.case()
    assert scene.deliver() == {"sent": 3, "postponed": 1, "failed": 0}


@pytest.mark.parametrize(
    ("answer", "why"),
    [(Answer(b"", 410), "410"), (Answer(b"", 302, {"Location": "/hook"}), "redirects to")],
)
def test_what_helps_nothing_is_not_taken_for_an_answer(
    scene: Scene, answer: Answer, why: str
) -> None:
    hook, _ = scene.register(HookEvent.CASE_OPENED)
    scene.says = [answer]
    scene.case()
    counts = scene.deliver()
    assert counts["sent"] == 0
    assert counts["failed"] == (answer.status == 410)
    assert len(scene.server.asked) == 1
    _, (told,) = scene.desk().access.webhook(scene.user("gema"), hook)
    assert why in (told.last_error or "")


def test_it_is_given_up_after_as_many_attempts_as_allowed(scene: Scene) -> None:
    scene.register(HookEvent.CASE_OPENED)
    scene.case()
    scene.says = [Answer(b"", 503)] * 9
    most = scene.most = 4
    results = []
    for _ in range(most):
        results.append(scene.deliver())
        scene.clock.later(hours=1)
    assert results[-1] == {"sent": 0, "postponed": 0, "failed": 1}
    assert scene.deliver() == {"sent": 0, "postponed": 0, "failed": 0}
    assert len(scene.server.asked) == most


def test_a_private_address_is_not_asked_unless_allowed(scene: Scene) -> None:
    hook, _ = scene.register(HookEvent.CASE_OPENED)  # was allowed then
    scene.http = Http(per_host_interval="0s")
    with pytest.raises(AccountError, match="https://"):
        scene.register(HookEvent.CASE_OPENED)
    inside, _ = scene.register(HookEvent.CASE_OPENED, url="https://localhost:9/x")
    scene.case()
    assert scene.deliver() == {"sent": 0, "postponed": 0, "failed": 2}
    assert scene.server.asked == []
    for webhook, why in ((hook, "begins with https://"), (inside, "private network")):
        _, (told,) = scene.desk().access.webhook(scene.user("gema"), webhook)
        assert told.status == "failed"
        assert why in (told.last_error or "")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/x",
        "https://user:secret@a.example/x",
        "https:///x",
        "https://a b.example/",
        "javascript:alert(1)",
        "https://a.example/" + "x" * 2000,
    ],
)
def test_what_is_no_address_is_refused(scene: Scene, url: str) -> None:
    with pytest.raises(AccountError):
        scene.register(url=url)


def test_only_what_was_asked_for_and_may_be_seen_is_told(scene: Scene) -> None:
    scene.register(HookEvent.CASE_CLOSED)
    scene.register(*ALL, by="vera", path="/vera")
    scene.case()
    scene.case(invented=True)
    scene.alert(AlertKind.UNKNOWN_NUMBER)
    assert scene.deliver()["sent"] == 0
    with pytest.raises(NotAllowed):
        scene.register(by="ana")


def test_who_registered_it_and_left_is_told_nothing_more(scene: Scene) -> None:
    scene.register(HookEvent.CASE_OPENED)
    scene.case()
    accounts.disable(scene.db, "gema", scene.clock.at)
    scene.case()
    assert scene.deliver() == {"sent": 0, "postponed": 0, "failed": 1}
    assert scene.server.asked == []


def test_a_test_event_and_the_end_of_a_webhook(scene: Scene) -> None:
    hook, _ = scene.register(HookEvent.CASE_OPENED)
    desk, gema = scene.desk(), scene.user("gema")
    assert desk.access.test_webhook(gema, hook).status == "pending"
    assert scene.deliver()["sent"] == 1
    assert scene.told() == ["test"]
    scene.case()
    desk.access.remove_webhook(gema, hook)
    assert scene.deliver()["sent"] == 0
    with pytest.raises(NotFound):
        desk.access.webhook(gema, hook)


def test_what_a_killed_loop_had_claimed_is_sent_under_the_same_id(scene: Scene) -> None:
    scene.register(HookEvent.CASE_OPENED)
    scene.case()
    with scene.db.write() as session:
        left = webhooks.claim_next(session, "elsewhere:1", scene.clock.at)
    assert left is not None
    assert scene.deliver()["sent"] == 0, "it may still be at work"
    scene.clock.later(minutes=11)
    assert scene.deliver()["sent"] == 1
    assert scene.server.asked[0].headers["webhook-id"] == left.message_id


def test_no_secret_stands_in_the_database(scene: Scene) -> None:
    _, secret = scene.register()
    with scene.db.read() as session:
        (sealed,) = session.execute(sa.text("SELECT sealed_secret FROM webhooks")).scalars()
    assert secret not in sealed
    assert secret.removeprefix("whsec_") not in sealed


def test_a_signature_is_as_the_standard_says() -> None:
    """An example with its result, of https://www.standardwebhooks.com."""
    signed = hooks.signature(
        "whsec_plJ3nmyCDGBKInavdOK15jsl",
        "msg_loFOjxBNrRLzqYUf",
        1731705121,
        b'{"event_type":"ping","data":{"success":true}}',
    )
    assert signed == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="
