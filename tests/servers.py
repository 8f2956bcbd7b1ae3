"""Real servers for tests, on 127.0.0.1 and free ports only; what they need is kept in var/cache.

WebServer     answers what a test says, and remembers what it was asked
SnacServer    snac2, a real Mastodon-API server, unpacked from Debian's package without installing
feed_fixtures the feedparser project's own fixtures, from its source distribution

What cannot be had raises Unavailable with the reason; tests turn it into a skip that says so:

    @pytest.fixture(scope="session")
    def snac(tmp_path_factory):
        with running(SnacServer, tmp_path_factory.mktemp("snac")) as server:
            yield server
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, Self

import pytest

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / "var" / "cache"


class Unavailable(Exception):
    """A server or file that this machine cannot have; the message is the reason for the skip."""


@contextmanager
def running(server: Callable[..., Any], *args: Any, **kwargs: Any) -> Iterator[Any]:
    """The started server; a skip with the reason when it cannot be had here."""
    with ExitStack() as stack:
        try:
            started = stack.enter_context(server(*args, **kwargs))
        except Unavailable as error:
            pytest.skip(f"{getattr(server, '__name__', server)}: {error}")
        yield started


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _locked(name: str) -> Iterator[Path]:
    """The cache folder `name`, for one process at a time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = CACHE / name
        folder.mkdir(exist_ok=True)
        yield folder


def _run(*command: str | Path, typed: str = "", timeout: float = 300, **how: Any) -> str:
    try:
        done = subprocess.run(
            [str(part) for part in command],
            input=typed,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            **how,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise Unavailable(f"{Path(str(command[0])).name} failed: {' '.join(last)[:300]}")
    return done.stdout + done.stderr


# ---------------------------------------------------------------------------- a small web server


@dataclass(frozen=True)
class Asked:
    method: str
    path: str  # without the query
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    body: bytes | Iterator[bytes] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def answer_json(value: Any, status: int = 200, **headers: str) -> Answer:
    fields = {"Content-Type": "application/json; charset=utf-8"}
    fields |= {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(json.dumps(value).encode(), status, fields)


class WebServer:
    """`answer(asked)` says what comes back. An iterator as body is sent piece by piece, without
    a length, and may sleep or raise ConnectionError to cut the line."""

    def __init__(self, answer: Callable[[Asked], Answer]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _serve(self) -> None:
                parts = urllib.parse.urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                asked = Asked(
                    self.command,
                    urllib.parse.unquote(parts.path),
                    dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True)),
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                )
                outer.asked.append(asked)
                self._send(outer.answer(asked))

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815 - http.server's names

            def _send(self, answer: Answer) -> None:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                whole = isinstance(answer.body, bytes)
                if whole and not any(n.lower() == "content-length" for n in answer.headers):
                    self.send_header("Content-Length", str(len(answer.body)))
                self.close_connection = self.close_connection or not whole
                self.end_headers()
                try:
                    for piece in [answer.body] if whole else answer.body:
                        self.wfile.write(piece)
                        self.wfile.flush()
                except ConnectionError:
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """A client that hangs up early is what some tests are about."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        self.base_url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


# ---------------------------------------------------------------------------- Debian packages


def debian_package(package: str, suite_suffix: str = "") -> Path:
    """The folder with the unpacked package, fetched with a private apt configuration.

    Nothing is installed and the machine's own lists are not touched. The mirror is the one the
    machine already uses. `suite_suffix`: "-backports" for the backports of its release.
    """
    with _locked(f"deb-{package}") as folder:
        root = folder / "root"
        if root.is_dir():
            return root
        for tool in ("apt-get", "dpkg-deb"):
            if shutil.which(tool) is None:
                raise Unavailable(f"{tool} is not on this machine (the package is Debian's)")
        _apt_download(package, suite_suffix, folder)
        [archive] = folder.glob(f"{package}_*.deb")
        fresh = folder / "root.new"
        shutil.rmtree(fresh, ignore_errors=True)
        _run("dpkg-deb", "-x", archive, fresh)
        fresh.rename(root)
        return root


def _apt_download(package: str, suite_suffix: str, folder: Path) -> None:
    mirror, codename = _debian_mirror()
    # Its lists are fetched whole once; the next package only asks whether they still hold.
    with _locked(f"apt{suite_suffix}") as own:
        for part in ("lists/partial", "cache/archives/partial", "sources"):
            (own / part).mkdir(parents=True, exist_ok=True)
        (own / "status").touch()
        keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
        signed = f" [signed-by={keyring}]" if keyring.exists() else ""
        source = f"deb{signed} {mirror} {codename}{suite_suffix} main\n"
        (own / "sources" / "one.list").write_text(source)
        options = {
            "Dir::State::Lists": own / "lists",
            "Dir::State::status": own / "status",
            "Dir::Cache": own / "cache",
            "Dir::Etc::SourceList": "/dev/null",
            "Dir::Etc::SourceParts": own / "sources",
            # The unprivileged download user may not enter this folder.
            "APT::Sandbox::User": "root",
        }
        flags = [f"-o{name}={value}" for name, value in options.items()]
        _run("apt-get", "-q", *flags, "update")
        for old in folder.glob("*.deb"):
            old.unlink()
        _run("apt-get", "-q", *flags, "download", package, cwd=folder)


def _debian_mirror() -> tuple[str, str]:
    """(address, codename) of the Debian archive in the machine's own apt configuration."""
    system = dict(
        line.split("=", 1)
        for line in Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
        if "=" in line
    )
    codename = system.get("VERSION_CODENAME", "").strip('"')
    if system.get("ID", "").strip('"') != "debian" or not codename:
        raise Unavailable("the package is Debian's, and this machine runs another system")
    listed = _run(
        "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"
    )
    sources = [line.partition(" ")[::2] for line in listed.splitlines()]
    for mirror, release in sources:
        if release in (codename, "stable", "oldstable"):
            return mirror, codename
    raise Unavailable(f"apt on this machine has no source for {codename}")


# ---------------------------------------------------------------------------- snac2


@dataclass(frozen=True)
class Account:
    """An account on the server. Post ids are ActivityPub addresses: our `external_id`."""

    server: SnacServer
    name: str
    password: str = field(repr=False, default="")

    @property
    def handle(self) -> str:
        return f"{self.name}@{self.server.host}"

    def post(self, text: str, visibility: Literal["public", "private"] = "public") -> str:
        """Writes a post and returns its id. #tags in the text put it on their timelines; a
        private one goes only to the @accounts that it names."""
        command = {"public": "note", "private": "note_mention"}
        said = self.server.snac(command[visibility], self.name, text)
        found = re.search(r"enqueue_message (\S+)/Create", said)
        assert found, f"snac did not say which post it made: {said[-300:]}"
        return found[1]

    def boost(self, post_id: str) -> None:
        """A boost is counted on the post; no tag timeline shows it as a post of its own."""
        self.server.snac("boost", self.name, post_id)

    def token(self) -> str:
        """A user token for the API (search, edits); the account must be made with_token."""
        form = urllib.parse.urlencode({"login": self.name, "passwd": self.password}).encode()
        url = f"{self.server.base_url}/oauth/x-snac-get-token"
        with urllib.request.urlopen(url, data=form, timeout=20) as answer:
            token = answer.read().decode().strip()
        assert re.fullmatch(r"[0-9a-f]{32}", token), "snac refused the password"
        return str(token)

    def reply(self, post_id: str, text: str) -> str:
        """Answers a post through the API and returns the answer's id; made with_token only."""
        form = {"status": text, "in_reply_to_id": self.server.api_id(post_id)}
        request = urllib.request.Request(
            f"{self.server.base_url}/api/v1/statuses",
            data=urllib.parse.urlencode(form).encode(),
            headers={"Authorization": f"Bearer {self.token()}"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return str(json.load(answer)["uri"])

    def edit(self, post_id: str, text: str, token: str) -> None:
        form = urllib.parse.urlencode({"status": text}).encode()
        request = urllib.request.Request(
            f"{self.server.base_url}/api/v1/statuses/{self.server.api_id(post_id)}",
            data=form,
            method="PUT",
            headers={"Authorization": f"Bearer {token}"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            answer.read()


class SnacServer:
    """A real Mastodon-API server: tag timelines, RSS per account, search with a token.

    with SnacServer(folder) as server:
        rosa = server.create_account("rosa")
        post_id = rosa.post("Otra vez el 1004 #movistar")
        server.create_account("luis").boost(post_id)
        # server.base_url is the `server` option of the mastodon source

    It starts in about 0.1 s. Measured on two busy cores: an account takes 2 ms (the first one
    0.4 s: accounts share one signing key, which only federation would use), a post 9 ms, so 60
    accounts with 200 posts and 20 boosts take about 2.5 s. It has no rate limits and sends no
    Link header. `stop()` and `start()` may be called to make it fall away and come back.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "data"
        self._binary = snac_binary()
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.base_url = f"http://{self.host}"
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "snac.log"
        self._template: str | None = None
        answers = f"127.0.0.1\n{self.port}\n{self.host}\n\n\n"
        subprocess.run(
            [self._binary, "init", self.folder],
            input=answers.encode(),
            capture_output=True,
            timeout=60,
            check=True,
        )
        config = self.folder / "server.json"
        settings = json.loads(config.read_text())
        # With a thread per core, a post's own errands (six seconds each) hold up the readers.
        config.write_text(json.dumps(settings | {"protocol": "http", "num_threads": 32}))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._binary, "httpd", self.folder],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        for _ in range(400):
            if self._process.poll() is not None:
                raise Unavailable(f"snac2 ended at once: {self._log.read_text()[-300:]}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        self.stop()
        raise Unavailable("snac2 did not open its port within 20 seconds")

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            # It takes three seconds to say goodbye; what it knows is on the disk already.
            self._process.wait(timeout=0.3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def snac(self, command: str, *args: str) -> str:
        return _run(self._binary, command, self.folder, *args, timeout=60)

    def create_account(self, name: str, *, with_token: bool = False) -> Account:
        """`name` is letters, digits and underscores. `with_token` gives it a password to log in."""
        home = self.folder / "user" / name
        if self._template is None or with_token:
            said = self.snac("adduser", name)
            self._template = self._template or name
            found = re.search(r"password is (\S+)", said)
            return Account(self, name, found[1] if found else "")
        template = self.folder / "user" / self._template
        for folder in ("followers", "following", "hidden", "history", "muted", "private"):
            (home / folder).mkdir(parents=True)
        for folder in ("public", "queue", "static"):
            (home / folder).mkdir()
        shutil.copy(template / "key.json", home / "key.json")
        user = json.loads((template / "user.json").read_text())
        (home / "user.json").write_text(json.dumps(user | {"uid": name, "name": name}))
        return Account(self, name)

    def api_id(self, post_id: str) -> str:
        """The id that the Mastodon API gives to a post: long, opaque, no number."""
        url = f"{self.base_url}/api/v1/accounts/{self._account_id(post_id)}/statuses?limit=40"
        with urllib.request.urlopen(url, timeout=20) as answer:
            statuses = json.load(answer)
        return str(next(s["id"] for s in statuses if s["uri"] == post_id))

    def _account_id(self, post_id: str) -> str:
        name = urllib.parse.urlsplit(post_id).path.split("/")[1]
        url = f"{self.base_url}/api/v1/accounts/lookup?acct={name}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            return str(json.load(answer)["id"])


def snac_binary() -> Path:
    """The snac program: the one on PATH, or Debian's package from the backports."""
    if found := shutil.which("snac"):
        return Path(found)
    binary = debian_package("snac2", "-backports") / "usr" / "bin" / "snac"
    missing = [line.strip() for line in _run("ldd", binary).splitlines() if "not found" in line]
    if missing:
        raise Unavailable(f"snac2 needs libraries that are not here: {'; '.join(missing)[:300]}")
    return binary


# ---------------------------------------------------------------------------- feed fixtures

FEEDPARSER = "6.0.14"


def feed_fixtures() -> Path:
    """The folder `tests` of feedparser's source distribution (about 2,240 files)."""
    with _locked(f"feedparser-{FEEDPARSER}") as folder:
        root = folder / f"feedparser-{FEEDPARSER}" / "tests"
        if root.is_dir():
            return root
        _run(
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--no-binary", ":all:", "--dest", folder, f"feedparser=={FEEDPARSER}"),
        )
        [archive] = folder.glob("feedparser-*.tar.gz")
        fresh = folder / "fresh"
        with tarfile.open(archive) as tar:
            tar.extractall(fresh, filter="data")
        (fresh / root.parent.name).rename(root.parent)
        return root


def fixture_headers(content: bytes) -> dict[str, str]:
    """The `Header: Name: value` lines of a fixture's first comment."""
    text = content[:4000]
    if text[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in text[:40]:
        text = text.replace(b"\0", b"")
    found = re.findall(rb"Header:\s*([\w-]+):\s*(.+)", text)
    return {n.decode("ascii"): v.decode("latin-1").strip() for n, v in found}
