"""The dashboard over a world, as a process of its own on a free port."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request

from browser import world as worlds
from servers import free_port

_START = 60.0  # seconds


class Served:
    def __init__(self, world: worlds.World, *, port: int = 0, **environment: str) -> None:
        self.world = world
        port = port or free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = world.folder / "dashboard.log"
        command = [sys.executable, "-m", "dashboard.server", "--port", str(port)]
        self.process = subprocess.Popen(
            command,
            cwd=worlds.ROOT,
            env={
                **os.environ,
                **world.environment,
                **environment,
                "LISTENER_PARENT": str(os.getpid()),
            },
            stdout=self.log.open("wb"),
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + _START
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise RuntimeError(f"the dashboard did not start:\n{self.log.read_text()}")
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> int:
        """The exit code after SIGTERM."""
        self.process.terminate()
        return self.process.wait(20)
