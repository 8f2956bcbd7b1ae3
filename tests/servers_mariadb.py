"""A real MariaDB, as diallers and Asterisk keep their calls in, unpacked from Debian's packages
without installing; they lie beside the others' in var/cache (55 MB).

    @pytest.fixture(scope="session")
    def mysql():
        with running(MariaDbServer) as server:
            yield server.url  # mysql+pymysql://…, of a user who may make databases and users

The first time takes about half a minute, afterwards it starts in 3 s, with 100 MB of memory. It
listens on 127.0.0.1 only, and its data is gone at the end.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from servers import Unavailable, _run, debian_package, free_port

_USER = "listener"
# Small and quick: nobody needs the data after the tests.
_OPTIONS = (
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=8M",
    "--innodb-flush-method=nosync",
    "--innodb-flush-log-at-trx-commit=0",
    # Kernels and containers that forbid io_uring are common.
    "--innodb-use-native-aio=0",
    "--key-buffer-size=1M",
    "--aria-pagecache-buffer-size=2M",
    "--performance-schema=0",
    "--skip-log-bin",
    "--character-set-server=utf8mb4",  # as Debian sets it up
)
_NETWORK = ("--bind-address=127.0.0.1", "--socket=", "--skip-name-resolve")


class MariaDbServer:
    """`url` signs a user in who may do everything, with a password of its own for each server."""

    def __init__(self) -> None:
        package = debian_package("mariadb-server-core")
        self._share = package / "usr/share/mysql"
        self._program = package / "usr/sbin/mariadbd"
        self._libraries = {"LD_LIBRARY_PATH": ":".join(map(str, _libraries(self._program)))}
        self._password = secrets.token_hex(16)
        self.port = free_port()
        self.url = f"mysql+pymysql://{_USER}:{self._password}@127.0.0.1:{self.port}/"
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            # Its user may not enter pytest's folders.
            folder = Path(tempfile.mkdtemp(prefix="listener-mariadb-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            folder.chmod(0o755)
            data = folder / "data"
            data.mkdir(mode=0o700)
            if os.geteuid() == 0:
                shutil.chown(data, "nobody")
            self._initialise(data)
            self._start(data, folder / "mariadb.log", stack)
            self._closing = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def _command(self, data: Path) -> list[str]:
        return [
            str(self._program),
            "--no-defaults",  # comes first, or it is not known
            f"--datadir={data}",
            f"--lc-messages-dir={self._share}",
            f"--character-sets-dir={self._share / 'charsets'}",
            f"--plugin-dir={data}",
            *_OPTIONS,
            # It gives up root's rights itself, once it has read what others may not.
            *(("--user=nobody",) if os.geteuid() == 0 else ()),
        ]

    def _initialise(self, data: Path) -> None:
        """What mariadb-install-db does, whose other half is in a package that we do not need."""
        user = f"{_USER}@'127.0.0.1'"
        statements = (
            "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n",
            *(
                (self._share / name).read_text(encoding="utf-8")
                for name in ("mysql_system_tables.sql", "mysql_system_tables_data.sql")
            ),
            # Its root has no password.
            "DELETE FROM global_priv WHERE User = 'root';\nFLUSH PRIVILEGES;\n",
            f"CREATE USER {user} IDENTIFIED BY '{self._password}';\n",
            f"GRANT ALL ON *.* TO {user} WITH GRANT OPTION;\n",
        )
        _run(
            *self._command(data),
            *("--bootstrap", "--log-warnings=0", "--silent-startup"),
            typed="".join(statements),
            **self._how(),
        )

    def _start(self, data: Path, log: Path, stack: ExitStack) -> None:
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*self._command(data), *_NETWORK, f"--port={self.port}"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **self._how(),
            )
        stack.callback(_stop, process)
        for _ in range(600):
            if process.poll() is not None:
                raise Unavailable(f"mariadbd ended at once: {log.read_text()[-300:]}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise Unavailable("mariadbd did not open its port within 30 seconds")

    def _how(self) -> dict[str, Any]:
        return {"env": {**os.environ, **self._libraries}}


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _libraries(program: Path) -> list[Path]:
    """The folders of the shared libraries that this machine lacks, from Debian's packages."""
    folders: list[Path] = []
    asked: set[str] = set()
    while True:
        said = _run(
            "ldd", program, env={**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, folders))}
        )
        missing = re.findall(r"(\S+) => not found", said)
        if not missing:
            return folders
        for name in missing:
            package = _package_of(name)
            if package in asked:
                raise Unavailable(f"{program.name} needs {name}, which is not in {package}")
            asked.add(package)
            folders += [found.parent for found in debian_package(package).rglob(name)]


def _package_of(library: str) -> str:
    """libaio.so.1 is in libaio1, libpcre2-8.so.0 in libpcre2-8-0: Debian's rule for their names."""
    name, _, version = library.partition(".so.")
    return f"{name}{'-' if name[-1:].isdigit() else ''}{version}"
