"""Every page, as people need it who see badly, use a phone, or read Spanish alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Browser, Page, expect
from servers import Unavailable
from servers_node import axe

from browser.conftest import Served
from browser.every_page import DESK, PHONE, paths, too_wide, views, visits
from browser.steps import Open, heading, settled, signed_in
from browser.world import ROOT
from dashboard import cookies
from listener import accounts

_GRAVE = ("serious", "critical")
# Words that no Spanish sentence has. What people wrote, and what other systems said, is not ours.
_ENGLISH = re.compile(
    r"(?i)\b(?:the|of|and|with|press|enter|choose|select|options?|close|open|clear|results|file"
    r"|page|show|hide|copy|skip|search|add|remove|running|download|upload|your|is|are|this|from)\b"
)
_TEXTS = """() => {
  const theirs = 'bdi, mark, td, .ls-text, svg, code, pre, body [lang=en], [data-testid=stIconMaterial]';
  const found = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const at = walk.currentNode.parentElement;
    if (at && !/SCRIPT|STYLE|NOSCRIPT|TEXTAREA/.test(at.tagName) && !at.closest(theirs))
      found.add(walk.currentNode.data.trim());
  }
  for (const e of document.querySelectorAll('*'))
    for (const name of ['aria-label', 'placeholder', 'title', 'alt'])
      if (e.getAttribute(name) && !e.closest(theirs)) found.add(e.getAttribute(name));
  return [...found];
}"""


@dataclass(frozen=True)
class Known:
    """A finding in Streamlit's own markup: a row of docs/accessibility.md."""

    rule: str
    place: str


@lru_cache(maxsize=1)
def known() -> tuple[Known, ...]:
    told = (ROOT / "docs" / "accessibility.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| `([a-z-]+)` \| `([^`]+)` \| .{20,} \|$", told)
    return tuple(Known(rule, place) for rule, place in rows)


@lru_cache(maxsize=1)
def scanner() -> str:
    try:
        return axe()
    except Unavailable as error:
        pytest.skip(f"axe-core: {error}")


def scan(page: Page, name: str) -> list[str]:
    """What axe finds serious or critical, but what is known to be Streamlit's; one line each."""
    page.evaluate(scanner())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert len(found["passes"]) > 15, f"{name}: nothing was scanned"
    return [
        f"{name}: {v['id']} ({v['impact']}) at {node['target']}: {node['html'][:200]}"
        for v in found["violations"]
        if v["impact"] in _GRAVE
        for node in v["nodes"]
        if not any(theirs(page, k, v["id"], node) for k in known())
    ]


def theirs(page: Page, row: Known, rule: str, node: dict[str, Any]) -> bool:
    at = node["target"][0]
    inside = "([at, place]) => document.querySelector(at)?.closest(place) != null"
    return row.rule == rule and bool(page.evaluate(inside, [at, row.place]))


def english(page: Page, name: str) -> list[str]:
    return [
        f"{name}: {text[:120]!r} is English" for text in page.evaluate(_TEXTS) if _english(text)
    ]


def _english(text: str) -> bool:
    return _ENGLISH.search(text) is not None and "English" not in text


@pytest.fixture(scope="module")
def visitor(chromium: Browser, served: Served) -> Iterator[Page]:
    """The administrator, who sees every page, with a browser in which a test may put a script
    into the page."""
    context = chromium.new_context(
        viewport=DESK, locale="es-ES", base_url=served.url, bypass_csp=True
    )
    context.set_default_timeout(20_000)
    token = accounts.start_session(served.world.db, "admin")
    jar = cookies.Cookies(cookies.key(served.world.settings.var))
    context.add_cookies([{"name": cookies.NAME, "value": jar.sign(token), "url": served.url}])
    yield context.new_page()
    context.close()


def test_the_list_of_pages_is_the_navigations(visitor: Page, served: Served) -> None:
    visitor.goto("/")
    settled(visitor)
    shown = visitor.locator("[data-testid=stSidebarNavLink]").count()
    assert shown >= 8
    assert {"inbox", "case", "customer"} < set(paths())
    assert len(paths()) >= shown
    html = visitor.locator("html")
    expect(html).to_have_attribute("lang", "es")
    assert visitor.title() == "Bandeja · Listener"


@pytest.mark.parametrize("path", paths())
def test_a_page_is_for_everybody(visitor: Page, served: Served, path: str) -> None:
    problems = []
    for visit in visits(served.world, path):
        for name in views(visitor, visit):
            problems += [f"{name} at 1280: {p}" for p in too_wide(visitor)]
            problems += scan(visitor, name)
            problems += english(visitor, name)
            visitor.set_viewport_size(PHONE)
            settled(visitor)
            problems += [f"{name} on a phone: {p}" for p in too_wide(visitor)]
            visitor.set_viewport_size(DESK)
            settled(visitor)
    assert not problems, "\n".join(problems)


def test_the_pages_around_are_for_everybody(opened: Open, served: Served) -> None:
    page = opened(served.url)
    page.context.add_init_script(scanner())
    problems = []
    link = accounts.make_setup_link(served.world.db, "locked")
    for path in ("/auth/sign-in", "/auth/sign-out", link, "/auth/setup?token=old", "/p/unknown"):
        page.goto(path)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        problems += [f"{path}: {v['id']}" for v in found["violations"] if v["impact"] in _GRAVE]
        problems += [f"{path}: {p}" for p in too_wide(page)]
    assert not problems


def test_what_streamlit_says_is_spanish(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "ana")
    page.get_by_label("Buscar en textos y autores").fill("factura")
    expect(page.get_by_text("Pulse Intro para aplicar")).to_be_visible()
    page.get_by_role("button", name="Más filtros").click()
    page.get_by_label("Idioma").last.click()
    for name in ("Ocultar la barra lateral", "Páginas"):
        expect(page.get_by_label(name, exact=True)).to_have_count(1)
    assert english(page, "filters") == []
    page.goto("/no-such-page")
    expect(page.get_by_text("La página que ha pedido no existe")).to_be_visible()
    page = signed_in(opened, served, "ben")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_label("Search in texts and authors").fill("bill")
    expect(page.get_by_text("Press Enter to apply")).to_be_visible()


def test_words_of_people_are_left_alone(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "ana")
    page.evaluate(
        "document.querySelector('[data-testid=stMain]').insertAdjacentHTML('afterbegin',"
        "'<p id=own>Open</p><bdi id=theirs title=Open>Open</bdi><p class=ls-text id=post>Open</p>')"
    )
    expect(page.locator("#own")).to_have_text("Abrir")
    expect(page.locator("#theirs")).to_have_text("Open")
    expect(page.locator("#post")).to_have_text("Open")


def test_the_first_page_answers_to_its_name(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "ana", "/inbox")
    heading(page, "Bandeja")
    assert page.get_by_text("La página que ha pedido no existe").count() == 0
