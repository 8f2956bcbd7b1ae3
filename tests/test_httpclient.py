"""The HTTP client against real servers on this machine: polite, bounded, and never inward."""

from __future__ import annotations

import gzip
import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stamina
from hypothesis import example, given, settings
from hypothesis import strategies as st
from servers import Answer, Asked, WebServer, answer_json, free_port

from listener import politeness, transport
from listener.errors import ForbiddenAddress, HttpError, HttpStatus, TooLarge, Unreachable
from listener.httpclient import HttpClient, mask_url
from listener.politeness import wait_asked_for
from listener.settings import Http
from listener.transport import is_public

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECRET = "s3cr3t-t0ken"


class Clock:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.time = NOON
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.time += timedelta(seconds=seconds)


@pytest.fixture(autouse=True)
def _no_backoff() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(clock: Clock) -> Iterator[Callable[..., HttpClient]]:
    made: list[HttpClient] = []

    def make(resolve: Any = None, **settings: Any) -> HttpClient:
        given = {"allow_private_addresses": True, "per_host_interval": "0s", "timeout": "5s"}
        more = {"resolve": resolve} if resolve else {}
        http = HttpClient(Http(**given | settings), now=clock.now, sleep=clock.sleep, **more)
        made.append(http)
        return http

    yield make
    for http in made:
        http.close()


def always(answer: Answer) -> Callable[[Asked], Answer]:
    return lambda _: answer


def in_turn(*answers: Answer) -> Callable[[Asked], Answer]:
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


# ---------------------------------------------------------------------------- answers


def test_an_answer_comes_back_with_its_headers_and_we_say_who_asks(client: Any) -> None:
    with WebServer(always(Answer(b"hola", headers={"ETag": '"1"'}))) as server:
        answer = client(user_agent="Escucha (rosa@example.org)").get(
            server.base_url + "/a?x=1",
            params={"q": "otra vez & el 1004"},
            headers={"Accept": "x/y"},
        )
    assert (answer.status, answer.body, answer.headers["etag"]) == (200, b"hola", '"1"')
    asked = server.asked[0]
    assert asked.query == {"x": "1", "q": "otra vez & el 1004"}
    assert asked.headers["user-agent"] == "Escucha (rosa@example.org)"
    assert asked.headers["accept"] == "x/y"
    assert "authorization" not in asked.headers


def test_nothing_new_is_told_as_such(client: Any) -> None:
    with WebServer(always(Answer(status=304))) as server:
        answer = client().get(server.base_url, headers={"If-None-Match": '"1"'})
    assert answer.not_modified
    assert answer.body == b""


def test_a_missing_page_is_said_once_with_what_to_do(client: Any) -> None:
    with WebServer(always(answer_json({"error": "Record not found"}, 404))) as server:
        with pytest.raises(HttpStatus) as caught:
            client().get(server.base_url + "/gone")
        assert len(server.asked) == 1
    assert caught.value.status == 404
    assert not caught.value.retry
    for part in ("127.0.0.1", "404", "Record not found", "check it in the configuration"):
        assert part in str(caught.value)


def test_a_server_in_trouble_is_asked_again(client: Any) -> None:
    trouble = Answer(status=503)
    with WebServer(in_turn(trouble, trouble, Answer(b"back"))) as server:
        assert client().get(server.base_url).body == b"back"
        assert len(server.asked) == 3


def test_a_server_that_stays_in_trouble_is_given_up_for_now(client: Any) -> None:
    with WebServer(always(Answer(status=502))) as server:
        with pytest.raises(HttpStatus) as caught:
            client().get(server.base_url)
        assert len(server.asked) == 3
    assert caught.value.retry


def test_posts_are_repeated_only_when_that_is_harmless(client: Any) -> None:
    with WebServer(always(Answer(status=503))) as server:
        with pytest.raises(HttpStatus):
            client().post(server.base_url + "/order", json={"a": 1})
        assert len(server.asked) == 1
        with pytest.raises(HttpStatus):
            client().post(server.base_url + "/login", json={"a": 1}, repeatable=True)
        assert len(server.asked) == 4
    assert server.asked[0].json == {"a": 1}


# ---------------------------------------------------------------------------- limits of servers


def test_retry_after_is_waited_for(client: Any, clock: Clock) -> None:
    slow_down = Answer(status=429, headers={"Retry-After": "7"})
    with WebServer(in_turn(slow_down, Answer(b"ok"))) as server:
        assert client().get(server.base_url).body == b"ok"
    assert clock.slept == [7.0]


def test_a_long_wait_is_left_to_the_schedule_and_holds_for_everybody(
    client: Any, clock: Clock
) -> None:
    with WebServer(always(Answer(status=429, headers={"Retry-After": "900"}))) as server:
        http = client()
        with pytest.raises(HttpStatus) as caught:
            http.get(server.base_url)
        assert caught.value.retry_after == 900
        clock.time += timedelta(seconds=300)
        with pytest.raises(HttpStatus, match="asked us to wait until 2026-11-22 12:15:00 UTC") as c:
            http.get(server.base_url + "/other")
        assert c.value.retry_after == 600
        assert len(server.asked) == 1
        clock.time += timedelta(seconds=601)
        with pytest.raises(HttpStatus):
            http.get(server.base_url)
        assert len(server.asked) == 2
    assert clock.slept == []


def test_a_used_up_quota_delays_the_next_request(client: Any, clock: Clock) -> None:
    reset = (NOON + timedelta(seconds=12)).isoformat().replace("+00:00", "Z")
    last = Answer(b"1", headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset})
    with WebServer(in_turn(last, Answer(b"2"))) as server:
        http = client()
        assert http.get(server.base_url).body == b"1"
        assert clock.slept == []
        assert http.get(server.base_url).body == b"2"
    assert clock.slept == [12.0]


@pytest.mark.parametrize(
    ("headers", "status", "seconds"),
    [
        ({}, 200, None),
        ({}, 429, None),
        ({"retry-after": "5"}, 503, 5),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, 429, 30),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, 429, 0),
        ({"retry-after": "soon"}, 429, None),
        ({"x-ratelimit-reset": "2026-11-22T12:01:00.000Z"}, 429, 60),
        (
            {"x-ratelimit-reset": "2026-11-22T12:01:00.000Z", "x-ratelimit-remaining": "3"},
            200,
            None,
        ),
        ({"ratelimit-reset": str(int(NOON.timestamp()) + 90), "ratelimit-remaining": "0"}, 200, 90),
        ({"x-ratelimit-reset": "45", "x-ratelimit-remaining": "0.0"}, 200, 45),
    ],
)
def test_what_servers_ask_for(headers: dict[str, str], status: int, seconds: float | None) -> None:
    assert wait_asked_for(headers, status, NOON) == seconds


@settings(deadline=None)
@given(st.text(), st.sampled_from([200, 429]))
def test_any_limit_header_is_survived(value: str, status: int) -> None:
    wait = wait_asked_for({"retry-after": value, "x-ratelimit-reset": value}, status, NOON)
    assert wait is None or wait >= 0


# ---------------------------------------------------------------------------- politeness


def test_one_host_is_asked_at_its_interval_and_others_at_once(client: Any, clock: Clock) -> None:
    with WebServer(always(Answer(b"a"))) as first, WebServer(always(Answer(b"b"))) as second:
        http = client(per_host_interval="2s")
        http.get(first.base_url)
        http.get(second.base_url)
        assert clock.slept == []
        http.get(first.base_url)
        http.get(first.base_url)
    assert clock.slept == [2.0, 2.0]


def test_a_clock_set_back_does_not_stop_us(client: Any, clock: Clock) -> None:
    with WebServer(always(Answer(b"a"))) as server:
        http = client(per_host_interval="2s")
        http.get(server.base_url)
        clock.time -= timedelta(days=1)
        http.get(server.base_url)
    assert clock.slept == [2.0]


def test_a_host_is_asked_by_few_threads_at_once(client: Any) -> None:
    lock = threading.Lock()
    now = most = 0

    def slow(_: Asked) -> Answer:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1
        return Answer(b"x")

    with WebServer(slow) as server:
        http = client()
        threads = [threading.Thread(target=http.get, args=(server.base_url,)) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.asked) == 10
    assert most <= politeness.AT_ONCE_PER_HOST


# ---------------------------------------------------------------------------- bounds


def test_a_server_that_drips_is_not_waited_for_for_ever(client: Any) -> None:
    def drip() -> Iterator[bytes]:
        for _ in range(200):
            time.sleep(0.05)
            yield b"x"

    with (
        WebServer(lambda _: Answer(drip())) as server,
        stamina.set_testing(True, attempts=1),
        pytest.raises(Unreachable, match="did not answer in time"),
    ):
        client(timeout="0.2s").get(server.base_url)


def test_a_cut_line_is_an_error_and_not_half_a_page(client: Any) -> None:
    short = Answer(b"half", headers={"Content-Length": "4000", "Connection": "close"})
    with (
        WebServer(always(short)) as server,
        stamina.set_testing(True, attempts=1),
        pytest.raises(Unreachable, match=r"did not answer in time|broke before"),
    ):
        client(timeout="0.2s").get(server.base_url)


def test_large_answers_are_not_read(client: Any) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 10_000

    bomb = Answer(gzip.compress(b"0" * 3_000_000), headers={"Content-Encoding": "gzip"})
    told = Answer(b"x" * 6000)
    for answer in (told, Answer(endless()), bomb):
        with WebServer(always(answer)) as server:
            with pytest.raises(TooLarge, match="larger than 5,000 bytes") as caught:
                client(max_bytes=5000).get(server.base_url)
            assert len(server.asked) == 1
        assert not caught.value.retry
    with WebServer(always(told)) as server:
        assert len(client(max_bytes=5000).get(server.base_url, max_bytes=7000).body) == 6000


def test_damaged_compression_is_an_error(client: Any) -> None:
    damaged = Answer(b"no gzip", headers={"Content-Encoding": "gzip"})
    with (
        WebServer(always(damaged)) as server,
        pytest.raises(Unreachable, match="broken compressed answer"),
    ):
        client().get(server.base_url)


def test_nobody_there_and_no_such_name(client: Any) -> None:
    with pytest.raises(Unreachable, match=r"cannot connect to 127\.0\.0\.1"):
        client().get(f"http://127.0.0.1:{free_port()}/")

    def unknown(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    with pytest.raises(Unreachable, match=r"the name movistar\.invalid cannot be resolved"):
        client(resolve=unknown).get("http://movistar.invalid/")


# ---------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254"),
        *("0.0.0.0", "100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:127.0.0.1"),
        *("64:ff9b::7f00:1", "2002:7f00:1::", "::ffff:10.0.0.1", "2001:db8::1"),
    ],
)
def test_inward_addresses_are_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "64:ff9b::808:808"]
)
def test_open_addresses_are_known(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "[::1]"])
def test_our_own_network_is_not_asked(client: Any, host: str) -> None:
    with WebServer(always(Answer(b"secret"))) as server:
        with pytest.raises((ForbiddenAddress, HttpError)) as caught:
            client(allow_private_addresses=False).get(f"http://{host}:{server.port}/")
        assert server.asked == []
    assert "allow_private_addresses" in str(caught.value) or "cannot" in str(caught.value)


def test_a_name_that_changes_its_mind_is_checked_where_we_connect(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address that was checked is the one that is connected to: a name is asked once."""
    monkeypatch.setattr(transport, "is_public", lambda address: address == "127.0.0.3")
    answers = iter([["127.0.0.3"], ["127.0.0.1"]])
    with WebServer(always(Answer(b"secret"))) as server:
        http = client(resolve=lambda *_: next(answers), allow_private_addresses=False)
        url = f"http://rebind.example:{server.port}/"
        with stamina.set_testing(True, attempts=1), pytest.raises(Unreachable, match="connect"):
            http.get(url)
        with pytest.raises(ForbiddenAddress, match=r"rebind\.example is 127\.0\.0\.1 in a private"):
            http.get(url)
        assert server.asked == []


def test_of_several_addresses_only_the_open_ones_are_tried(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "is_public", lambda address: address == "127.0.0.3")
    with WebServer(always(Answer(b"secret"))) as server:
        http = client(resolve=lambda *_: ["127.0.0.1", "127.0.0.3"], allow_private_addresses=False)
        with stamina.set_testing(True, attempts=1), pytest.raises(Unreachable, match="connect"):
            http.get(f"http://two.example:{server.port}/")
        assert server.asked == []


def test_every_hop_of_a_redirect_is_checked(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "is_public", lambda address: address != "127.0.0.2")
    with WebServer(always(Answer())) as server:
        inward = f"http://127.0.0.2:{server.port}/admin"
        server.answer = always(Answer(status=302, headers={"Location": inward}))
        with pytest.raises(ForbiddenAddress, match=r"127\.0\.0\.2"):
            client(allow_private_addresses=False).get(server.base_url)
        assert [a.path for a in server.asked] == ["/"]


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.org/x", "file:///etc/passwd", "example.org", "", "http://", "//x"),
        *("http://[::1", "http://exa mple.org/", "http://x:99999/", "javascript:alert(1)"),
    ],
)
def test_only_web_addresses_are_asked(client: Any, url: str) -> None:
    with pytest.raises(HttpError, match=r"not a usable web address|cannot be resolved|connect"):
        client(resolve=lambda *_: []).get(url)


@settings(deadline=None)
@given(st.text(max_size=60))
@example("http://\ud800/")
@example("http://a/\x00")
@example("HTTP://A.B:80")
def test_any_text_as_address_is_an_answer_or_our_error(url: str) -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise OSError("no network in this test")

    http = HttpClient(Http(per_host_interval="0s"), resolve=nowhere)
    for address in (url, "http://" + url):
        with pytest.raises(HttpError):
            http.get(address)
    http.close()


# ---------------------------------------------------------------------------- redirects


def test_redirects_are_followed_and_counted(client: Any) -> None:
    def hops(asked: Asked) -> Answer:
        number = int(asked.path.strip("/") or 0)
        if number >= 3 and "loop" not in asked.query:
            return Answer(b"there")
        return Answer(status=301, headers={"Location": f"/{number + 1}?{'&'.join(asked.query)}"})

    with WebServer(hops) as server:
        answer = client().get(server.base_url + "/0")
        assert (answer.body, answer.url) == (b"there", server.base_url + "/3")
        with pytest.raises(HttpError, match="redirects more than 5 times"):
            client().get(server.base_url + "/0?loop")


def test_a_token_stays_with_the_server_it_is_for(client: Any) -> None:
    with WebServer(always(Answer(b"ok"))) as other, WebServer(always(Answer())) as server:
        elsewhere = Answer(status=307, headers={"Location": other.base_url})
        server.answer = lambda asked: (
            elsewhere
            if asked.path == "/away"
            else Answer(status=302, headers={"Location": "/away"})
        )
        client().get(server.base_url + "/start", auth_bearer=SECRET)
    assert [a.headers.get("authorization") for a in server.asked] == [f"Bearer {SECRET}"] * 2
    assert "authorization" not in other.asked[0].headers


def test_what_is_posted_goes_to_no_other_server(client: Any) -> None:
    with WebServer(always(Answer(b"ok"))) as other, WebServer(always(Answer())) as server:
        server.answer = always(Answer(status=308, headers={"Location": other.base_url}))
        with pytest.raises(HttpError, match="may hold a secret"):
            client().post(server.base_url + "/session", json={"password": SECRET})
    assert other.asked == []


@pytest.mark.parametrize("where", ["file:///etc/passwd", "http://x:99999/", "gopher://x"])
def test_redirects_to_what_is_no_web_page(client: Any, where: str) -> None:
    away = Answer(status=302, headers={"Location": where})
    with (
        WebServer(always(away)) as server,
        pytest.raises(HttpError, match="redirects to something that is no usable"),
    ):
        client().get(server.base_url)


def test_cookies_and_proxies_of_the_environment_are_not_used(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with WebServer(always(Answer(b"x", headers={"Set-Cookie": "who=rosa"}))) as server:
        http = client()
        http.get(server.base_url)
        http.get(server.base_url)
    assert [a.headers.get("cookie") for a in server.asked] == [None, None]


# ---------------------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/x?q=1004", "https://a.example/x?q=1004"),
        ("https://a.example/x?q=a&api_key=XX", "https://a.example/x?q=a&api_key=***"),
        ("https://rosa:XX@a.example/x", "https://***@a.example/x"),
        ("https://a.example/?access_token=XX&b=2#XX", "https://a.example/?access_token=***&b=2"),
        ("https://a.example/?keyword=movistar", "https://a.example/?keyword=movistar"),
        ("https://a.example/?Signature=XX&key=XX", "https://a.example/?Signature=***&key=***"),
    ],
)
def test_secrets_in_addresses_are_masked(url: str, shown: str) -> None:
    assert mask_url(url) == shown


@settings(deadline=None)
@given(st.text())
def test_any_text_can_be_masked(url: str) -> None:
    assert isinstance(mask_url(url), str)


def test_no_secret_in_errors_and_logs(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    echo = lambda asked: answer_json({"you sent": asked.headers["authorization"]}, 401)  # noqa: E731
    with WebServer(echo) as server:
        url = f"http://rosa:{SECRET}@127.0.0.1:{server.port}/?token={SECRET}"
        for ask in (
            lambda: client().get(server.base_url + f"/?token={SECRET}", auth_bearer=SECRET),
            lambda: client().get(url),
            lambda: client().get(server.base_url, auth_bearer=f"{SECRET}\n"),
            lambda: client().get(server.base_url, headers={"X-Key": f"{SECRET}é"}),
            lambda: client().get(f"http://127.0.0.1:{free_port()}/?secret={SECRET}"),
            lambda: client(max_bytes=1000).get(f"ftp://x/?token={SECRET}"),
        ):
            with pytest.raises(HttpError) as caught:
                ask()
            said += [str(caught.value), caught.value.url, repr(caught.value)]
    assert server.asked
    assert len(said) == 18
    assert SECRET not in " ".join(said)
    assert SECRET not in caplog.text
