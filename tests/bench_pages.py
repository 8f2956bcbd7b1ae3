"""How fast the pages show what is on them, with five people at work: `python -m tests.bench pages`.

The real service (scheduler, loops, reader, dashboard) runs on a large invented world (bench_world);
five browsers each do what people do, with pauses; new posts come in all the while. A page counts from
the click until what it is about stands there and the page is drawn to its end. `--folder` keeps the
world for the next measurement.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from playwright.async_api import TimeoutError, async_playwright

from listener.accounts import start_session
from listener.settings import Settings
from listener.storage import Database
from tests import bench_world
from tests.chromium import FLAGS, NAMES

_DRAWN = "[data-testid=stApp][data-test-script-state=notRunning]"
_WORDS = ("factura", "fibra", '"ya dije que no"', "telef*", "1004 siesta", "vergonzoso", "lugo")
# Resolves when the page begins to be drawn anew.
_WATCH = """() => {
  const app = document.querySelector("[data-testid=stApp]");
  window.ran = new Promise((done) => new MutationObserver((_, watch) => {
    if (app.dataset.testScriptState === "running") { watch.disconnect(); done(); }
  }).observe(app, { attributes: true }));
}"""
_PATIENCE = 30_000  # milliseconds
_NAMES = {
    "es": {
        "inbox": "Bandeja",
        "trends": "Tendencias",
        "search": "Buscar en textos y autores",
        "case": "Caso",
    },
    "en": {
        "inbox": "Inbox",
        "trends": "Trends",
        "search": "Search in texts and authors",
        "case": "Case",
    },
}

Measured = dict[str, list[float]]


class Person:
    """One browser of somebody who works."""

    def __init__(self, page: Any, language: str, rng: random.Random, times: Measured) -> None:
        self.page, self.names, self.rng, self.times = page, _NAMES[language], rng, times

    async def day(self, until: float, works: bool) -> None:
        await self.measure("first page, by address", self.open)
        while time.monotonic() < until:
            steps = [self.inbox, self.search, self.case, self.inbox, self.case, self.trends]
            for step in steps if works else [self.trends, self.inbox, self.case, self.trends]:
                await asyncio.sleep(self.rng.uniform(1.0, 4.0))
                if time.monotonic() > until:
                    return
                await self.measure(step.__name__, step)

    async def measure(self, name: str, step: Callable[[], Any]) -> None:
        """`step` does and waits for what makes the page ready, and gives when it began."""
        try:
            began = await step()
            await self.page.locator(_DRAWN).wait_for(timeout=_PATIENCE)
        except TimeoutError:  # counts as the worst that is measured, and the day goes on
            self.times.setdefault(name, []).append(_PATIENCE / 1000)
            shown = await self.page.locator("body").aria_snapshot()
            print(f"{name} did not come: {self.page.url}\n{shown}", file=sys.stderr)
            await self.page.goto("/")
            return
        self.times.setdefault(name, []).append(time.perf_counter() - began)

    async def open(self) -> float:
        began = time.perf_counter()
        await self.page.goto("/")
        await self.page.locator(".ls-row").first.wait_for(timeout=_PATIENCE)
        return began

    async def inbox(self) -> float:
        began = time.perf_counter()
        await self.page.get_by_role("link", name=self.names["inbox"]).first.click()
        await self.page.locator(".ls-row").first.wait_for(timeout=_PATIENCE)
        return began

    async def search(self) -> float:
        field = self.page.get_by_label(self.names["search"], exact=True)
        if not await field.count():
            await self.inbox()
            await self.page.locator(_DRAWN).wait_for(timeout=_PATIENCE)
        before = await field.input_value()
        await field.fill(self.rng.choice([word for word in _WORDS if word != before]))
        await self.page.evaluate(_WATCH)
        began = time.perf_counter()
        await field.press("Enter")
        await self.page.evaluate("() => window.ran")
        await self.page.locator(_DRAWN).wait_for(timeout=_PATIENCE)
        await self.page.locator(".ls-row, .ls-empty").first.wait_for(timeout=_PATIENCE)
        return began

    async def case(self) -> float:
        links = self.page.locator("[class*='st-key-line_'] a[href*='case?id=']")
        if not await links.count():  # on another page, or the search found nothing
            await self.page.goto("/")
            await links.first.wait_for(timeout=_PATIENCE)
            await self.page.locator(_DRAWN).wait_for(timeout=_PATIENCE)
        chosen = links.nth(self.rng.randrange(await links.count()))
        began = time.perf_counter()
        await chosen.click()
        name = self.page.get_by_role("heading", level=1, name=self.names["case"])
        await name.wait_for(timeout=_PATIENCE)
        await self.page.locator(".ls-text").first.wait_for(timeout=_PATIENCE)
        return began

    async def trends(self) -> float:
        began = time.perf_counter()
        await self.page.get_by_role("link", name=self.names["trends"]).first.click()
        await self.page.locator(
            "[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg"
        ).first.wait_for(timeout=_PATIENCE)
        return began


@asynccontextmanager
async def _service(settings: Settings, port: int, log: Path) -> AsyncIterator[tuple[str, int]]:
    """(its address, its process)."""
    env = {
        **os.environ,
        "LISTENER_CONFIG": str(settings.folder),
        "LISTENER_VAR": str(settings.var),
        "OMP_WAIT_POLICY": "passive",
    }
    env.pop("LISTENER_DATABASE_URL", None)
    config = settings.folder / "listener.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(_with_port(text, port), encoding="utf-8")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "listener", "run"], env=env, stdout=out, stderr=out
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(900):
            with suppress(OSError):
                if await asyncio.to_thread(_answers, f"{url}/healthz"):
                    break
            await asyncio.sleep(0.2)
        else:
            raise RuntimeError(f"the service did not start:\n{log.read_text()}")
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(20)


def _answers(address: str) -> bool:
    """Whether somebody is there; what is not well yet (503) will be."""
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True


def _with_port(text: str, port: int) -> str:
    head, dashboard, rest = text.partition("[dashboard]")
    text = head + dashboard + re.sub(r"(?m)^port = .*$", f"port = {port}", rest, count=1)
    lines = text.splitlines()
    shown = f'public_url = "http://127.0.0.1:{port}"'
    return "\n".join(shown if x.startswith("public_url") else x for x in lines) + "\n"


async def _posts(folder: Path, until: float) -> int:
    """New posts for the loops, a handful every two seconds."""
    rng, made = random.Random(41), 0
    while time.monotonic() < until:
        rows = []
        for _ in range(rng.randint(1, 5)):
            made += 1
            kind = rng.choice(["harassment", "billing", "talk"])
            rows.append(
                {
                    "id": f"new-{os.getpid()}-{made}",
                    "text": bench_world.post(rng, "es", "movistar", kind),
                    "author": f"nueva{made}@red.example",
                    "source": "mastodon",
                }
            )
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{made:06d}.jsonl").write_text(lines, encoding="utf-8")
        await asyncio.sleep(2)
    return made


async def _memory(process: int, until: float) -> dict[str, list[int]]:
    """What the service's processes hold (MB resident), in twelve samples."""
    found: dict[str, list[int]] = {}
    pause = (until - time.monotonic()) / 12
    for _ in range(12):
        await asyncio.sleep(pause)
        for pid in _descendants(process):
            with suppress(OSError):
                held = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
                words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
                name = next((w for w in words if w in ("run", "dashboard")), words[-2])
                if held:
                    found.setdefault(f"{name} {pid}", []).append(int(held[1]) // 1024)
    return found


def _descendants(process: int) -> list[int]:
    found = [process]
    for task in Path(f"/proc/{process}/task").glob("*"):
        with suppress(OSError):
            for child in (task / "children").read_text().split():
                found += _descendants(int(child))
    return found


async def _run(settings: Settings, db: Database, seconds: float, log: Path) -> dict[str, Any]:
    from dashboard import cookies
    from tests.servers import free_port

    chromium = next((path for name in NAMES if (path := shutil.which(name))), None)
    if chromium is None:
        raise SystemExit("no Chromium on this machine; tests/install_browser.sh installs it")
    jar = cookies.Cookies(cookies.key(settings.var))
    times: Measured = {}
    async with (
        _service(settings, free_port(), log) as (url, process),
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        people = []
        for number, (username, role, language) in enumerate(bench_world.PEOPLE):
            context = await browser.new_context(
                base_url=url, viewport={"width": 1280, "height": 900}
            )
            value = jar.sign(start_session(db, username))
            await context.add_cookies([{"name": cookies.NAME, "value": value, "url": url}])
            page = await context.new_page()
            person = Person(page, language, random.Random(number), times)
            people.append((person, role == "community_manager"))
        until = time.monotonic() + seconds
        dropped = asyncio.create_task(_posts(settings.folder.parent / "dropped", until))
        held = asyncio.create_task(_memory(process, until))
        await asyncio.gather(*(person.day(until, works) for person, works in people))
        new, memory = await dropped, await held
        await browser.close()
    return {
        "people": len(bench_world.PEOPLE),
        "load": [round(x, 1) for x in os.getloadavg()],  # of the machine: what else was at work
        "seconds": seconds,
        "new_posts": new,
        "memory_mb": memory,
        "pages": {name: _summary(found) for name, found in sorted(times.items())},
    }


def _summary(found: list[float]) -> dict[str, float]:
    ordered = sorted(found)
    return {
        "times": len(ordered),
        "median_s": round(ordered[len(ordered) // 2], 2),
        "p95_s": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], 2),
        "worst_s": round(ordered[-1], 2),
    }


def pages(count: int, folder: Path | None, seconds: float) -> dict[str, Any]:
    """Median and 95th percentile of the time until inbox, search, case and trends are there."""
    with tempfile.TemporaryDirectory() as scratch:
        place = folder or Path(scratch) / "world"
        began = time.monotonic()
        settings, db = bench_world.make(place, count, count // 20)
        made = round(time.monotonic() - began)
        result = asyncio.run(_run(settings, db, seconds, Path(scratch) / "service.log"))
        with db.read() as session:
            from listener.storage import trends

            stored = trends.counts(session)
        db.close()
        size = (settings.var / "listener.db").stat().st_size
    return {
        "mentions": stored["mentions"],
        "cases": stored["cases"],
        "database_mb": round(size / 1e6),
        "world_made_in_s": made,
        **result,
    }
