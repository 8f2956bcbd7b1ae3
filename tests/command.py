"""`listener` as people call it: a process of its own, with its own configuration and data."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from listener import cli
from listener.cli import shared

ROOT = Path(__file__).resolve().parent.parent
_WIDE = 200  # columns: tables are not broken
LISTENER = [sys.executable, "-m", "listener"]

BRANDS = """
[[brands]]
key = "movistar"
name = "Movistar"
query = "movistar OR number:1004"
handles = ["mastodon:movistar@social.example"]
[[brands.numbers]]
number = "1004"

[[brands]]
key = "vodafone"
name = "Vodafone"
kind = "competitor"
query = "vodafone"
"""


def to_toml(table: Mapping[str, Any], head: str = "") -> str:
    """Nested tables of strings, numbers, booleans and lists as TOML."""
    lines = [
        f"{key} = {json.dumps(value)}"
        for key, value in table.items()
        if not isinstance(value, dict)
    ]
    for key, value in table.items():
        if isinstance(value, dict):
            name = f"{head}{key}"
            lines += [f"[{name}]", to_toml(value, f"{name}.")]
    return "\n".join(lines)


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.split("\n") if line]


@dataclass
class Home:
    """A folder with `config/` and `var/`."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.config = self.folder / "config"
        self.var = self.folder / "var"
        (self.config / "rules").mkdir(parents=True)
        self.write("brands.toml", BRANDS)

    def write(self, name: str, content: str | Mapping[str, Any]) -> Path:
        path = self.config / name
        path.write_text(content if isinstance(content, str) else to_toml(content), encoding="utf-8")
        return path

    def file(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    @property
    def environment(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("LISTENER_")}
        return clean | {
            "LISTENER_CONFIG": str(self.config),
            "LISTENER_VAR": str(self.var),
            "COLUMNS": str(_WIDE),
            "PYTHONPATH": str(ROOT),
            **self.environ,
        }

    def run(self, *args: str | Path, stdin: bytes = b"", wrap: tuple[str, ...] = ()) -> Done:
        done = subprocess.run(
            [*wrap, *LISTENER, *map(str, args)],
            input=stdin,
            capture_output=True,
            cwd=self.folder,
            env=self.environment,
            timeout=300,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def call(self, *args: str | Path, stdin: bytes = b"") -> Done:
        """As `run`, inside this process: five times as fast, and the same code from `main` on."""
        given = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
        out, err = _stream(), _stream()
        signals = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
        before, here, logs = dict(os.environ), Path.cwd(), structlog.get_config()
        code: int | str | None = 0
        try:
            os.environ.clear()
            os.environ.update(self.environment)
            os.chdir(self.folder)
            with (
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
                _replaced(sys, "stdin", given),
                _replaced(sys, "argv", ["listener", *map(str, args)]),
                # It asked the environment how wide it is when it was first imported, by whomever.
                _replaced(shared.out, "width", _WIDE),
                _replaced(shared.err, "width", _WIDE),
            ):
                cli.main()
        except SystemExit as end:
            code = end.code
        finally:
            os.environ.clear()
            os.environ.update(before)
            os.chdir(here)
            structlog.configure(**logs)
            for number, handler in signals.items():
                signal.signal(number, handler)
        assert isinstance(code, int | None)
        return Done(code or 0, _text(out), _text(err))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """From outside: with the database's own eyes."""
        if url := self.environ.get("LISTENER_DATABASE_URL"):
            engine = sa.create_engine(url)
            with engine.connect() as connection:
                rows = [tuple(row) for row in connection.execute(sa.text(sql))]
            engine.dispose()
            return rows
        with sqlite3.connect(f"file:{self.var / 'listener.db'}?mode=ro", uri=True) as connection:
            return connection.execute(sql).fetchall()


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


@contextlib.contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def read_only(folder: Path) -> tuple[str, ...] | None:
    """A command prefix under which the folder is read-only, for root, too; None where there is
    none."""
    if shutil.which("unshare") is None:
        return None
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    prefix = ("unshare", "--mount", "sh", "-c", script, str(folder))
    try:
        tried = subprocess.run([*prefix, "true"], capture_output=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return prefix if tried.returncode == 0 else None
