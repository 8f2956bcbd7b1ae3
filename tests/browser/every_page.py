"""Every page of the dashboard, as dashboard/app.py lists them: a page that is added there is looked
at by these tests without a change here. What a page shows only on demand is opened: its parts
(a control whose key ends in `_part`), its tabs and its expanders."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import sqlalchemy as sa
from playwright.sync_api import Page, expect

from browser.steps import settled
from browser.world import ROOT, World
from listener.storage.tables import AlertRow

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
_PARTS = "[class*='_part'][class*='st-key-'] button, [data-testid=stTabs] [role=tab]"


@dataclass(frozen=True)
class Visit:
    name: str
    address: str


def paths() -> list[str]:
    """The pages' paths, in the order of the navigation."""
    tree = ast.parse((ROOT / "dashboard" / "app.py").read_text(encoding="utf-8"))
    return [
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "add"
        and isinstance(node.args[0], ast.Constant)
    ]


def visits(world: World, path: str, case: str = "lucia") -> list[Visit]:
    """The page as it stands in the navigation, and for one thing where it shows one."""
    one = {
        "case": f"id={world.cases[case]}",
        "customer": "ref=C-1001&crm=local",
        "numbers": f"number={quote('1004')}",
        "alerts": f"id={_newest_alert(world)}",
    }
    here = "/" if path == paths()[0] else f"/{path}"  # the first is the default
    found = [] if path in ("case", "customer") else [Visit(path, here)]
    if path in one:
        found.append(Visit(f"{path}-one" if found else path, f"/{path}?{one[path]}"))
    return found


def views(page: Page, visit: Visit) -> Iterator[str]:
    """Opens the page and each of its parts, everything unfolded; yields the name of each."""
    page.goto(visit.address)
    expect(page.locator("h1").first).to_be_visible()
    settled(page)
    names = page.locator(_PARTS).all_inner_texts()
    if not names:
        _unfold(page)
        yield visit.name
        return
    for number in range(len(names)):
        part = page.locator(_PARTS).nth(number)
        if part.get_attribute("aria-checked") != "true":
            part.click()
        settled(page)
        _unfold(page)
        yield visit.name if number == 0 else f"{visit.name}-{number + 1}"


def _unfold(page: Page) -> None:
    closed = page.locator("[data-testid=stExpander] details:not([open]) > summary")
    for _ in range(closed.count()):
        if closed.count():  # one that opened may have closed or brought others
            closed.first.click()
            settled(page)


def too_wide(page: Page) -> list[str]:
    """What sticks out of the window to the right, by the places that do not scroll by themselves."""
    return list(
        page.evaluate(
            """() => {
              const wide = innerWidth, found = [];
              const main = document.querySelector('[data-testid=stMain]') ?? document.documentElement;
              for (const place of [document.documentElement, main])
                if (place.scrollWidth > place.clientWidth + 1)
                  found.push(`${place.tagName} ${place.scrollWidth} > ${place.clientWidth}`);
              const scrolls = e => {
                for (let p = e; p && p !== main; p = p.parentElement)
                  if (/auto|scroll|hidden|clip/.test(getComputedStyle(p).overflowX)) return true;
                return false;
              };
              for (const e of main.querySelectorAll('*')) {
                const box = e.getBoundingClientRect();
                if (box.width && box.height && box.right > wide + 1 && !scrolls(e))
                  found.push(`${e.tagName}.${e.className} ends at ${Math.round(box.right)}`);
              }
              return found.slice(0, 5);
            }"""
        )
    )


def _newest_alert(world: World) -> int:
    with world.db.read() as session:
        return session.scalar(sa.select(sa.func.max(AlertRow.id))) or 0
