"""A picture of every page in every language. `make screenshots` puts them into docs/screenshots,
`make test-slow` makes them elsewhere; every run of the tests sees that none is missing there."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from PIL import Image
from playwright.sync_api import Locator, Page

from browser import world as worlds
from browser.conftest import Served
from browser.every_page import DESK, PHONE, Visit, paths, visits
from browser.steps import Open, settled, signed_in
from browser.test_case import write_what_waits
from browser.test_numbers import more_posts
from dashboard import cookies
from dashboard.private_page import Tokens
from listener import accounts, i18n
from listener.desk import Desk
from listener.storage import case_detail, people

README = worlds.ROOT / "README.md"
TO_DO = "run `make screenshots`, and commit what it changes"
_WHY = re.compile("Why did we contact them again|Por qué volvimos a llamar")
_LINKS = re.compile(r"Every page, as it looks: [^\n]*\n")
FOLDER = worlds.ROOT / "docs" / "screenshots"
_TALLEST = 1000
_LARGEST = 150_000  # bytes
_COLOURS = 128
_BROWSER = {"es": "es-ES", "en": "en-GB"}


def names(path: str) -> list[str]:
    """The pictures of a page, without language and ending."""
    one = {"case": ["case", "case-why", "case-phone"]}
    more = {"numbers": ["numbers-one"], "alerts": ["alerts-one"], "inbox": ["inbox-phone"]}
    return one.get(path) or [path, *more.get(path, [])]


AROUND = ("sign-in", "private-link")


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if os.environ.get("LISTENER_SCREENSHOTS"):
        FOLDER.mkdir(parents=True, exist_ok=True)
        return FOLDER
    return tmp_path_factory.mktemp("screenshots")


@pytest.fixture(scope="module")
def seen(chromium: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The world of the page tests in the middle of a day: strangers' numbers, an end to contacts."""
    world = worlds.build(tmp_path_factory.mktemp("seen"))
    more_posts(world)
    desk = Desk(world.db, world.settings)
    with world.db.read() as session:
        ana = people.get(session, "ana")
        lucia = case_detail.get(session, world.cases["lucia"])
    assert ana is not None
    assert lucia is not None
    number = world.cases["lucia"]
    desk.cases.note(ana, number, "Hablado con el centro Norte: la quitan hoy de la lista.")
    desk.promise.suppress(ana, number, version=lucia.summary.version, reason="Lo pidió tres veces.")
    made = Served(world)
    write_what_waits(made)
    yield made
    assert made.stop() == 0, made.log.read_text()
    made.world.db.close()


@pytest.mark.slow
@pytest.mark.parametrize("language", i18n.languages())
@pytest.mark.parametrize("path", paths())
def test_pictures_of(opened: Open, seen: Served, album: Path, path: str, language: str) -> None:
    accounts.update_profile(
        seen.world.db,
        "admin",
        name="Marta Ruiz",
        email="marta@listener.example",
        language=language,
        time_zone="Europe/Madrid",
    )
    page = signed_in(opened, seen, "admin", locale=_BROWSER[language])
    made = []
    for visit in visits(seen.world, path):
        _show(page, visit)
        made.append(shoot(page, album, visit.name, language))
        if visit.name == "case":
            page.get_by_role("tab", name=_WHY).evaluate("e => e.scrollIntoView()")
            made.append(shoot(page, album, "case-why", language, tall=False))
        if visit.name in ("case", "inbox"):
            page.set_viewport_size(PHONE)
            _show(page, visit)
            made.append(shoot(page, album, f"{visit.name}-phone", language, tall=False))
            page.set_viewport_size(DESK)
    assert sorted(made) == sorted(names(path))


@pytest.mark.slow
@pytest.mark.parametrize("language", i18n.languages())
def test_pictures_of_the_pages_around(
    opened: Open, seen: Served, album: Path, language: str
) -> None:
    page = opened(seen.url, locale=_BROWSER[language])
    page.set_viewport_size({"width": 900, "height": 640})
    page.goto("/auth/sign-in")
    made = [shoot(page, album, "sign-in", language, tall=False)]
    page.set_viewport_size({"width": 420, "height": 860})
    page.goto(_private_link(seen))
    made.append(shoot(page, album, "private-link", language, tall=False))
    assert tuple(made) == AROUND
    assert all((album / file(name, language)).stat().st_size for name in made)


def _private_link(seen: Served) -> str:
    world = seen.world
    desk = Desk(world.db, world.settings)
    number = world.cases["jo"]
    with world.db.read() as session:
        ana, case = people.get(session, "ana"), case_detail.get(session, number)
    assert ana is not None
    assert case is not None
    token = desk.promise.make_private_link(ana, number, version=case.summary.version)
    return Tokens(cookies.key(world.settings.var), seen.url).address(token)


def test_the_album_is_whole_and_linked() -> None:
    if os.environ.get("LISTENER_SCREENSHOTS"):
        text = README.read_text(encoding="utf-8")
        README.write_text(_LINKS.sub(lambda _: links(), text, count=1), encoding="utf-8")
    there = {file.name for file in FOLDER.iterdir()}
    assert {file(n, language) for n in every() for language in i18n.languages()} == there, TO_DO
    assert links() in README.read_text(encoding="utf-8"), TO_DO


def every() -> list[str]:
    return [*(n for path in paths() for n in names(path)), *AROUND]


def file(name: str, language: str) -> str:
    return f"{name}-{language}.png"


def links() -> str:
    """The README's line: each picture by its name, in each language."""
    where = FOLDER.relative_to(worlds.ROOT).as_posix()
    told = " · ".join(
        f"{name} " + " ".join(f"[{c}]({where}/{file(name, c)})" for c in i18n.languages())
        for name in every()
    )
    return f"Every page, as it looks: {told}.\n"


def _show(page: Page, visit: Visit) -> None:
    page.goto(visit.address)
    settled(page)
    pictures: Locator = page.locator("[data-testid=stVegaLiteChart]")
    if pictures.count():
        pictures.first.wait_for()
        page.wait_for_timeout(1500)  # charts fade in
        settled(page)


def shoot(page: Page, folder: Path, name: str, language: str, *, tall: bool = True) -> str:
    """One picture in few colours, which is all that these pages have."""
    size = page.viewport_size or DESK
    if tall:
        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size(
            {"width": size["width"], "height": max(500, min(int(height), _TALLEST))}
        )
        page.wait_for_timeout(600)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    page.set_viewport_size(size)
    assert len(picture.getcolors(1 << 24) or ()) > 20, f"{name}: the picture is empty"
    target = folder / file(name, language)
    picture.quantize(_COLOURS).save(target, optimize=True)
    assert target.stat().st_size < _LARGEST, name
    return name
