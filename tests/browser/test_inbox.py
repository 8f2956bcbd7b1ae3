"""The inbox as a place to work, in a real browser: Ana triages by keyboard, keeps a view, does one
thing with many cases, and reads on while others work."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from browser import world as worlds
from browser.conftest import Served
from browser.steps import Open, choose, heading, settled, signed_in
from listener.storage import case_actions, case_search
from listener.storage.case_search import CaseFilter
from listener.storage.tables import CaseRow

CURRENT = "#ls-current"


@pytest.fixture(scope="module")
def own(chromium: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A world of this file's own: what is done here to many cases would disturb other tests."""
    made = Served(worlds.build(tmp_path_factory.mktemp("inbox")))
    yield made
    made.stop()
    made.world.db.close()


def rows(page: Page) -> list[str]:
    settled(page)
    return page.locator(".ls-row .ls-text").all_inner_texts()


def row(page: Page, case_id: int):  # type: ignore[no-untyped-def]
    return page.locator(f".st-key-line_{case_id}")


def ids(page: Page) -> list[int]:
    settled(page)
    found = page.locator("[class*='st-key-line_']").evaluate_all("all => all.map(x => x.className)")
    return [int(re.search(r"st-key-line_(\d+)", name)[1]) for name in found]  # type: ignore[index]


def case(served: Served, case_id: int) -> CaseRow:
    with served.world.db.read() as session:
        return session.get_one(CaseRow, case_id)


def ready(page: Page) -> Page:
    """The script of the keyboard has come, and so have the controls of the last line."""
    page.wait_for_function("window.listenerKeys === true")
    settled(page)
    expect(page.locator("[class*='st-key-line_']").last.locator("a")).to_be_visible()
    expect(page.locator("[class*='st-key-claim_'] button").last).to_be_visible()
    return page


def until(page: Page, test: Callable[[], bool]) -> None:
    for _ in range(100):
        if test():
            return
        page.wait_for_timeout(200)
    raise AssertionError("it did not happen")


def test_triage_by_keyboard(opened: Open, own: Served) -> None:
    page = ready(signed_in(opened, own, "ana"))
    listed = ids(page)
    mine = next(
        i for i in listed[1:] if case(own, i).owner == "ana" and case(own, i).status == "new"
    )
    expect(page.locator(CURRENT)).to_have_count(0)
    for _ in range(listed.index(mine) + 2):  # one too far, and back
        page.keyboard.press("j")
    page.keyboard.press("k")
    assert f"line_{mine} " in page.locator(CURRENT).inner_text()
    page.keyboard.press("c")
    until(page, lambda: case(own, mine).status == "open")
    expect(row(page, mine)).to_contain_text("abierto")
    assert ids(page) == listed  # what was done moves nothing
    page.keyboard.press("x")
    expect(page.get_by_text("Casos elegidos: 1")).to_be_visible()
    page.keyboard.press("x")
    expect(page.get_by_text("Casos elegidos: 1")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_text("caso siguiente")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.get_by_label("Buscar en textos y autores")).to_be_focused()
    page.keyboard.type("jx")  # letters are letters where somebody writes
    expect(page.get_by_label("Buscar en textos y autores")).to_have_value("jx")
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    page.keyboard.type("siesta")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Casos: 1, los más urgentes primero")).to_be_visible()
    expect(page.locator("[class*='st-key-line_']")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.get_by_label("Buscar en textos y autores")).not_to_be_focused()
    ready(page).keyboard.press("j")
    page.keyboard.press("o")
    heading(page, f"Caso {own.world.cases['tomas']}")


def test_enter_opens_the_case_that_the_keyboard_reached(opened: Open, own: Served) -> None:
    page = ready(signed_in(opened, own, "ben"))
    first = ids(page)[0]
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    heading(page, f"Case {first}")
    expect(page).to_have_url(re.compile(rf"/case\?id={first}$"))


def test_search_finds_words_phrases_and_beginnings(opened: Open, own: Served) -> None:
    page = signed_in(opened, own, "ana")
    field = page.get_by_label("Buscar en textos y autores")
    for written, count in (('"cobrado dos veces"', 1), ("FACTUR*", 5), ("factur", 0)):
        field.fill(written)
        field.press("Enter")
        if count:
            expect(page.get_by_text(f"Casos: {count}, los más urgentes primero")).to_be_visible()
        else:
            expect(page.get_by_text("Ningún caso cumple estos filtros.")).to_be_visible()


def test_a_view_is_saved_shared_and_opened_with(opened: Open, own: Served) -> None:
    page = signed_in(opened, own, "ana")
    page.get_by_role("button", name="Más filtros").click()
    page.get_by_text("Vencidos", exact=True).click()
    expect(page.get_by_text("Casos: 1, los más urgentes primero")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Vistas").click()
    page.get_by_label("Guardar lo que aparece ahora como").fill("Tarde =1+1 <b>")
    choose(page, "Compartirla con el equipo de", "Movistar")
    page.get_by_role("button", name="Guardar la vista").click()
    expect(page.get_by_text("La vista está guardada.")).to_be_visible()
    page.get_by_role("button", name="La bandeja sin vista").click()
    expect(page.get_by_text("Casos: 1, los más urgentes primero")).to_have_count(0)

    other = signed_in(opened, own, "ben", locale="en-GB")
    other.get_by_role("button", name="Views").click()
    other.get_by_role("button", name="Tarde =1+1 <b> (ana)").click()
    expect(other.get_by_text("Cases: 1, the most urgent first")).to_be_visible()
    other.get_by_role("button", name="Open the inbox with it").click()
    expect(other.get_by_text("Your inbox opens as you chose.")).to_be_visible()
    again = signed_in(opened, own, "ben")
    expect(again.get_by_text("Cases: 1, the most urgent first")).to_be_visible()


def test_one_action_on_many_says_what_was_refused_and_why(opened: Open, own: Served) -> None:
    page = signed_in(opened, own, "ana")
    chosen = [i for i in ids(page) if case(own, i).status == "new"][:3]
    for case_id in chosen:
        row(page, case_id).locator(f".st-key-inbox_pick_{case_id} label").click()
        expect(page.get_by_text(f"Casos elegidos: {chosen.index(case_id) + 1}")).to_be_visible()
    choose(page, "Casos elegidos: 3", "etiquetar")
    page.get_by_label("Etiqueta", exact=True).fill("Prensa")
    page.get_by_label("Etiqueta", exact=True).press("Enter")
    expect(page.get_by_role("button", name="Hacerlo")).to_be_enabled()
    settled(page)
    with own.world.db.write() as session:  # somebody is quicker with one of them
        version = session.get_one(CaseRow, chosen[1]).version
        now = own.world.now
        case_actions.assign(session, chosen[1], "ben", by="ben", version=version, now=now)
    page.get_by_role("button", name="Hacerlo").click()
    told = page.locator(".st-key-inbox_report")
    expect(told).to_contain_text("Hecho en 2 de 3 casos.")
    expect(told).to_contain_text(
        f"Caso {chosen[1]}: Alguien ha cambiado este caso mientras tanto (ben"
    )
    expect(page.locator(".ls-tag", has_text="#prensa")).to_have_count(2)


def test_what_comes_meanwhile_is_offered_and_moves_nothing(opened: Open, own: Served) -> None:
    page = ready(signed_in(opened, own, "ana"))
    before = ids(page)
    with own.world.db.write() as session:
        found, _ = case_search.search(session, CaseFilter(statuses=("closed",)))
        last = session.get_one(CaseRow, before[-1])
        last.score = 500  # it would stand first now
        last.updated_at = worlds.datetime.now(worlds.UTC)
        session.execute(
            sa.update(CaseRow)
            .where(CaseRow.id == before[-2])
            .values(opened_at=last.updated_at, updated_at=last.updated_at)
        )
    assert found == []
    offer = page.get_by_role("button", name="1 casos nuevos, 1 con cambios: mostrar")
    expect(offer).to_be_visible(timeout=40_000)
    assert ids(page) == before
    page.keyboard.press("u")
    until(page, lambda: ids(page)[0] == before[-1])
    expect(offer).to_have_count(0)


def test_who_looks_only_has_nothing_to_choose_or_take(opened: Open, own: Served) -> None:
    page = signed_in(opened, own, "marc")
    expect(page.locator(".ls-row").first).to_be_visible()
    expect(page.locator("[class*='st-key-claim_']")).to_have_count(0)
    expect(page.locator("[class*='st-key-inbox_pick_']")).to_have_count(0)


def test_the_script_answers_to_signed_in_browsers_only(opened: Open, own: Served) -> None:
    stranger = opened(own.url)
    assert stranger.request.get("/assets/keys.js", max_redirects=0).status == 401
    page = signed_in(opened, own, "marc")
    answer = page.request.get("/assets/keys.js")
    assert answer.status == 200
    assert "javascript" in answer.headers["content-type"]
    assert answer.headers["x-content-type-options"] == "nosniff"
