"""A case in a real browser: Ana's way through one, from the first look to its end; two people on one case
at once; what each corrects."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Page, expect

from browser.conftest import Served
from browser.steps import Open, case_of, choose, heading, settled, signed_in, stored
from listener import promise
from listener.httpclient import HttpClient
from listener.pipeline import Road


def part(page: Page, name: str) -> None:
    """Opens a part of the case beneath the conversation."""
    page.get_by_role("tab", name=name).click()
    settled(page)


def write_what_waits(served: Served) -> None:
    """What the deliver loop does."""
    world = served.world
    road = Road(
        world.settings,
        world.db,
        HttpClient(world.settings.listener.http),
        lambda: None,  # type: ignore[arg-type, return-value]
    )
    assert promise.write(road)["written"] == 1


# ---------------------------------------------------------------------------- to read


def test_a_case_explains_itself(opened: Open, served: Served) -> None:
    number = case_of(served, "lucia")
    page = signed_in(opened, served, "ana", f"/case?id={number}")
    heading(page, f"Caso {number}")
    expect(page.locator(".ls-legend")).to_contain_text("dijo que no")
    expect(page.get_by_label("Contactos", exact=True)).to_have_value("9")
    expect(page.get_by_label("Días", exact=True)).to_have_value("14")
    expect(page.get_by_label("Números que llaman")).to_have_value("1004")
    expect(page.get_by_text("dice su teléfono: •••456")).to_be_visible()
    expect(page.get_by_text("Espera respuesta.")).to_be_visible()
    original = page.get_by_role("link", name="Abrir el original")
    expect(original).to_have_attribute("rel", "noopener noreferrer")
    part(page, "Historial de contactos")
    log = page.locator("table", has_text="Contactos: 7, los más recientes primero")
    expect(log).to_contain_text("sin codificar")
    expect(log).to_contain_text("dice que no le interesa")
    expect(page.locator("canvas, svg.marks").first).to_be_visible()
    part(page, "Por qué esta prioridad")
    expect(page.locator("tr", has_text="9 contactos")).to_contain_text("+20")
    page.get_by_role("link", name="Abrir la ficha").click()
    heading(page, "Lucía Marín")
    expect(page.get_by_text("+34600123456")).to_be_visible()
    expect(page.get_by_text("inventado").first).to_be_visible()


def test_marc_reads_what_a_post_claims_and_changes_none_of_it(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "marc", f"/case?id={case_of(served, 'tomas')}")
    claims = page.locator("table", has_text="Lo que dice la publicación")
    expect(claims.locator("tr", has_text="Números que llaman")).to_contain_text("1002")
    expect(claims.locator("tr", has_text="dijo que no")).to_contain_text("sí")
    for control in ("Marcar como respondido", "Unir", "Aplazarlo", "Añadir la nota"):
        assert page.get_by_role("button", name=control).count() == 0
    assert page.get_by_label("Contactos", exact=True).count() == 0


# ---------------------------------------------------------------------------- from first look to end


def test_anas_way_through_a_case(opened: Open, served: Served) -> None:
    number = case_of(served, "lucia")
    page = signed_in(opened, served, "ana", f"/case?id={number}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    # She takes it by a key: the routing gave it to Ben.
    expect(page.get_by_role("button", name="Asumirlo")).to_be_visible()
    settled(page)
    page.keyboard.press("t")
    expect(page.get_by_text("El caso es suyo.")).to_be_visible()
    settled(page)
    # A label and two facts that the reader got wrong.
    page.get_by_text("Corregir la lectura").click()
    page.get_by_role("radio", name="neutro").or_(
        page.get_by_role("button", name="neutro")
    ).first.click()
    expect(page.locator(".ls-badges", has_text="sentimiento: neutro ✓")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="dice que se va").click()
    expect(page.get_by_text("✓ dice que se va: lo corrigió ana")).to_be_visible()
    settled(page)
    count = page.get_by_label("Contactos", exact=True)
    count.fill("12")
    count.press("Enter")
    expect(page.get_by_text("✓ Contactos: lo corrigió ana")).to_be_visible()
    settled(page)
    expect(count).to_have_value("12")
    expect(count).to_be_focused()
    expect(page.get_by_text("Un clic corrige")).to_be_visible()  # what she opened stays open
    expect(page.get_by_text("La persona cuenta 12 contactos en 14 días")).to_be_visible()
    # Why it happened, and its end.
    expect(page.get_by_text("rechazo sin codificar")).to_be_visible()
    expect(page.get_by_text("oferta comercial")).to_be_visible()
    page.get_by_label("Motivo (otros lo leerán)").fill("Se lo prometimos <b>hoy</b>")
    page.get_by_role("button", name="Aprobar la supresión").click()
    expect(page.get_by_text("La supresión está aprobada")).to_be_visible()
    expect(page.get_by_text("Aprobada por ana")).to_be_visible()
    write_what_waits(served)
    page.reload()
    expect(page.get_by_text("en vigor").first).to_be_visible()
    expect(page.get_by_text("Contactos después: 0")).to_be_visible()
    settled(page)
    end = page.get_by_role("heading", name="Acabar con los contactos")
    end.evaluate("e => e.scrollIntoView()")
    # The draft, copied; the reply is published elsewhere and marked here.
    draft = page.get_by_test_id("stCode")
    expect(draft).to_contain_text("Lucia")
    settled(page)
    draft.hover()
    copy = draft.get_by_role("button", name="Copiar")
    expect(copy).to_be_visible()
    copy.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == draft.locator("code").inner_text().strip()
    page.get_by_label("Enlace a su respuesta").fill("https://red.example/@movistar/77")
    page.get_by_role("button", name="Marcar como respondido").click()
    expect(page.get_by_text("El caso queda marcado como respondido.")).to_be_visible()
    expect(page.locator(".ls-state")).to_contain_text("Respondido por ana")
    expect(page.get_by_role("link", name="Abrir la respuesta")).to_have_attribute(
        "href", "https://red.example/@movistar/77"
    )
    settled(page)
    # The end, with its reason in words.
    choose(page, "Cómo terminó", "no se le contacta más")
    page.get_by_label("Con sus palabras").fill("Suprimida y <i>avisada</i>")
    page.get_by_label("Con sus palabras").press("Enter")
    settled(page)
    page.get_by_role("button", name="Cerrar", exact=True).click()
    expect(page.get_by_text("El caso está cerrado.")).to_be_visible()
    settled(page)
    part(page, "Historial de contactos")
    history = page.locator(".ls-table", has_text="Contactos: ")
    for said in ("escribió en público", "supresión aprobada", "supresión en vigor"):
        expect(history).to_contain_text(said)
    part(page, "Qué se ha hecho")
    steps = page.locator(".ls-steps")
    for said in (
        "se quedó con el caso",
        "corrigió sentimiento: negativo → neutro",
        "corrigió dice que se va: sí → no lo dice",
        "corrigió Contactos: 9 → 12",
        "el sistema confirmó la supresión",
        "lo marcó como respondido",
        "Suprimida y <i>avisada</i>",
    ):
        expect(steps).to_contain_text(said)
    case = stored(served, "lucia")
    assert (case.summary.status, case.resolution) == ("closed", "suppressed")
    assert case.answer is not None
    assert case.answer.by == "ana"


def test_ana_takes_notes_tags_puts_off_and_closes(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "ana", f"/case?id={case_of(served, 'paula')}")
    page.get_by_role("button", name=re.compile("Asumirlo|Tomarlo|Empezar")).click()
    expect(page.get_by_text("El caso es suyo.")).to_be_visible()
    settled(page)
    page.get_by_label("Nota para el equipo").fill("Le llamo <b>hoy</b> no, le escribo.")
    page.get_by_role("button", name="Añadir la nota").click()
    expect(page.locator(".ls-text", has_text="Le llamo <b>hoy</b> no, le escribo.")).to_be_visible()
    settled(page)
    tags = page.get_by_role("combobox", name="Etiquetas")
    tags.fill("#Tienda <Norte>")
    tags.press("Enter")
    expect(page.get_by_text("Las etiquetas están guardadas.")).to_be_visible()
    settled(page)
    page.get_by_text("Aplazarlo").click()
    page.get_by_role("button", name="Tres días").click()
    expect(page.get_by_text("El caso queda aplazado.")).to_be_visible()
    expect(page.locator(".ls-state", has_text="Aplazado hasta el")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Devolverlo ya a la bandeja").click()
    expect(page.get_by_text("El caso está de nuevo en la bandeja.")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Cerrar", exact=True).click()
    expect(page.get_by_text("Diga cómo terminó el caso")).to_be_visible()
    settled(page)
    choose(page, "Cómo terminó", "otro final")
    settled(page)
    page.get_by_role("button", name="Cerrar", exact=True).click()
    expect(page.get_by_text("Explique con palabras cómo terminó el caso.")).to_be_visible()
    settled(page)
    page.get_by_label("Con sus palabras").fill("Lo lleva la tienda")
    page.get_by_label("Con sus palabras").press("Enter")
    settled(page)
    page.get_by_role("button", name="Cerrar", exact=True).click()
    expect(page.get_by_text("El caso está cerrado.")).to_be_visible()
    case = stored(served, "paula")
    assert (case.summary.status, case.resolution) == ("closed", "other")
    assert case.tags == ("tienda <norte>",)
    kinds = [e.kind for e in case.timeline if e.actor == "ana"]
    assert kinds == ["assigned", "note", "tagged", "snoozed", "woken", "status"]


def test_a_click_corrects_a_label_for_good(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "ben", f"/case?id={case_of(served, 'persona0')}")
    page.get_by_text("Correct the reading").click()
    page.get_by_role("radio", name="positive").or_(
        page.get_by_role("button", name="positive")
    ).first.click()
    expect(page.get_by_text("Corrected.")).to_be_visible()
    expect(page.locator(".ls-badges", has_text="sentiment: positive ✓")).to_be_visible()
    part(page, "What was done")
    expect(page.locator(".ls-steps")).to_contain_text("corrected sentiment: negative → positive")
    reading = stored(served, "persona0").mentions[0].reading
    assert reading is not None
    assert (reading.sentiment, reading.corrected) == ("positive", {"sentiment": "ben"})


def test_ana_says_who_the_author_is(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "ana", f"/case?id={case_of(served, 'tomas')}")
    expect(page.get_by_text("señala a 2 clientes distintos")).to_be_visible()
    page.get_by_role("button", name="Es C-1002").click()
    expect(page.get_by_text("El cliente está guardado.")).to_be_visible()
    expect(page.get_by_role("link", name="Abrir la ficha")).to_be_visible()
    assert stored(served, "tomas").summary.customer_ref == "C-1002"


def test_ana_merges_two_cases_and_the_one_leads_to_the_other(opened: Open, served: Served) -> None:
    other = case_of(served, "persona4")
    page = signed_in(opened, served, "ana", f"/case?id={case_of(served, 'persona5')}")
    page.get_by_text("Unir o separar").click()
    which = page.get_by_role("combobox", name="El otro caso")
    which.fill(str(other))
    which.press("Enter")
    settled(page)
    page.get_by_role("button", name="Unir", exact=True).click()
    expect(page.get_by_text(f"Este caso pasó a formar parte del caso {other}.")).to_be_visible()
    expect(page.get_by_role("button", name="Cerrar", exact=True)).to_have_count(0)
    page.get_by_role("link", name=f"Caso {other}").click()
    heading(page, f"Caso {other}")
    expect(page.get_by_text("Reúne lo que había en los casos")).to_be_visible()
    expect(page.get_by_text("llevo 7 correos")).to_be_visible()
    expect(page.get_by_text("llevo 6 correos")).to_be_visible()


# ---------------------------------------------------------------------------- two at once


def test_two_browsers_on_one_case_do_not_overwrite_each_other(opened: Open, served: Served) -> None:
    path = f"/case?id={case_of(served, 'persona1')}"
    ana = signed_in(opened, served, "ana", path)
    expect(ana.get_by_role("button", name="Poner en espera")).to_be_visible()
    ben = signed_in(opened, served, "ben", path)
    expect(ben.get_by_role("button", name="Set to waiting")).to_be_visible()
    expect(ben.get_by_role("status").filter(has_text="Ana Prieto")).to_be_visible()
    settled(ben)
    # Ana's page learns by itself that Ben is there.
    expect(ana.get_by_role("status").filter(has_text="Ben Ashworth")).to_be_visible(timeout=40_000)
    ana.get_by_role("button", name="Poner en espera").click()
    expect(ana.get_by_text("El estado ha cambiado.")).to_be_visible()
    ben.get_by_role("button", name="Give back").click()
    expect(ben.get_by_text("Somebody changed this case meanwhile")).to_contain_text(
        "ana: changed the status"
    )
    assert stored(served, "persona1").summary.owner is not None
    settled(ben)
    ben.get_by_role("button", name="Give back").click()
    expect(ben.get_by_text("The case is nobody's now.")).to_be_visible()
    # Both want it now: one gets it, the other is told who has it.
    ana.reload()
    expect(ana.get_by_role("button", name="Tomarlo")).to_be_enabled()
    settled(ana)
    settled(ben)
    ana.get_by_role("button", name="Tomarlo").click()
    expect(ana.get_by_text("El caso es suyo.")).to_be_visible()
    ben.get_by_role("button", name="Take it").click()
    expect(ben.get_by_text("ana has had this case since")).to_be_visible()
    after = stored(served, "persona1").summary
    assert (after.owner, after.status) == ("ana", "pending")
    kinds = [e.kind for e in stored(served, "persona1").timeline if e.actor == "ben"]
    assert kinds == ["assigned"], "a page that is drawn anew corrects nothing by itself"


def test_two_people_cannot_answer_the_same_case(opened: Open, served: Served) -> None:
    path = f"/case?id={case_of(served, 'persona2')}"
    ana, ben = (signed_in(opened, served, name, path) for name in ("ana", "ben"))
    expect(ben.get_by_role("button", name="Mark as answered")).to_be_visible()
    settled(ben)
    ana.get_by_role("button", name="Marcar como respondido").click()
    expect(ana.get_by_text("El caso queda marcado como respondido.")).to_be_visible()
    ben.get_by_role("button", name="Mark as answered").click()
    expect(ben.get_by_text("ana has answered this case already")).to_be_visible()
    answers = [e.actor for e in stored(served, "persona2").timeline if e.kind == "answered"]
    assert answers == ["ana"]


def test_a_page_left_open_says_that_the_case_has_changed(opened: Open, served: Served) -> None:
    path = f"/case?id={case_of(served, 'persona3')}"
    ana, ben = (signed_in(opened, served, name, path) for name in ("ana", "ben"))
    expect(ben.get_by_role("button", name="Set to waiting")).to_be_visible()
    settled(ben)
    ana.get_by_role("button", name="Poner en espera").click()
    expect(ana.get_by_text("El estado ha cambiado.")).to_be_visible()
    changed = ben.get_by_text("This case has changed since you opened it.")
    expect(changed).to_be_visible(timeout=40_000)
    ben.get_by_role("button", name="Show what is new").click()
    expect(ben.locator(".ls-badge", has_text="waiting")).to_be_visible()
    expect(changed).to_have_count(0)
