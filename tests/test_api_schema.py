"""schemathesis asks the real server whatever the OpenAPI document allows, and much that it does not: no
answer may be a 5xx, nor one that the document does not name, nor of another shape."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_client import serve, token
from served import Served

# A chain of requests puts an id that is good in the place of one that it had made bad, and then takes
# the request for a bad one still: bad requests are made in the other phases, one by one.
CHAINS = """
[phases.stateful.generation]
mode = "positive"
"""
MANY = "\n[api]\nper_minute = 1000000\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = serve(tmp_path_factory.mktemp("schema"), MANY)
    yield made
    assert made.stop() == 0
    log = made.log.read_text()
    assert "request failed" not in log
    assert "Traceback" not in log
    made.world.db.close()


def ask(served: Served, folder: Path, *more: str) -> str:
    """Every check, every phase, as an administrator whose token opens everything."""
    (folder / "schemathesis.toml").write_text(CHAINS, encoding="utf-8")
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            *("run", f"{served.url}/api/v1/openapi.json", "--no-color", "--checks", "all"),
            *("-H", f"Authorization: Bearer {token(served, 'admin')}", *more),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return done.stdout


PHASES = {"Coverage", "Fuzzing", "Stateful"}


def operations(said: str) -> int:
    """How many were tested."""
    tested = re.search(r"Tested: (\d+)", said)
    return int(tested[1]) if tested else 0


def phases(said: str) -> set[str]:
    """Those that were gone through."""
    return {phase for phase in PHASES if f"✅ {phase}" in said}


def test_no_answer_is_a_failure_or_undocumented(served: Served, tmp_path: Path) -> None:
    said = ask(served, tmp_path, "--max-examples", "6", "--seed", "1")
    assert operations(said) > 15
    assert phases(said) == PHASES


@pytest.mark.slow
def test_no_answer_is_a_failure_or_undocumented_for_long(served: Served, tmp_path: Path) -> None:
    said = ask(served, tmp_path, "--max-examples", "150", "--workers", "2")
    assert operations(said) > 15
    assert phases(said) == PHASES
