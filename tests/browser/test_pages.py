"""A day with the dashboard, in a real browser: Ana works in Spanish, Ben in English, Marc only
looks, Berta sees another brand, somebody forgets a password."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Page, expect
from served import Served

from browser.steps import Open, case_of, choose, enter, heading, settled, signed_in
from browser.world import PASSWORD
from listener import accounts
from listener.storage import people
from listener.storage.tables import NotificationRow, SessionRow

# ---------------------------------------------------------------------------- coming in


def test_wrong_then_right_then_reload_then_out(opened: Open, served: Served) -> None:
    page = opened(served.url)
    page.goto("/")
    enter(page, "ana", "no es esta clave")
    expect(page.get_by_role("alert")).to_contain_text("no son correctos")
    enter(page, "ana")
    heading(page, "Bandeja")
    page.reload()
    heading(page, "Bandeja")
    cookie = next(c for c in page.context.cookies() if c["name"] == "listener_session")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    page.get_by_role("link", name="Salir").click()
    page.get_by_role("button", name="Salir").click()
    expect(page.get_by_role("status")).to_contain_text("Ha salido")
    page.goto("/trends")
    expect(page).to_have_url(re.compile(r"/auth/sign-in\?next=%2Ftrends|next=/trends"))


def test_five_failures_lock_the_account(opened: Open, served: Served) -> None:
    page = opened(served.url, locale="en-GB")
    for _ in range(5):
        enter(page, "locked", "no es esta clave")
    expect(page.get_by_role("alert")).to_contain_text("Too many failed attempts")
    enter(page, "locked")
    expect(page.get_by_role("alert")).to_contain_text("Too many failed attempts")


def test_a_session_that_ended_ends_at_the_next_click(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "marc")
    with served.world.db.write() as session:
        people.close_sessions_of(session, "marc")
    page.get_by_role("link", name="Tendencias").click()
    expect(page.get_by_text("Su sesión ha terminado.")).to_be_visible()
    page.get_by_role("link", name="Entrar").click()
    expect(page.locator("#username")).to_be_visible()


@pytest.mark.parametrize("moment", ["seen_at", "created_at"])  # idle for long; long since signed in
def test_a_session_expires_and_who_signs_in_again_is_where_they_were(
    opened: Open, served: Served, moment: str
) -> None:
    page = signed_in(opened, served, "marc", "/numbers?number=1004")
    limits = served.world.settings.listener.dashboard
    past = accounts.utc_now() - max(limits.session_idle, limits.session_max) - timedelta(minutes=1)
    mine = sa.select(sa.func.count()).where(SessionRow.username == "marc")
    with served.world.db.write() as session:
        open_ones = session.scalar(mine)
        aged = sa.update(SessionRow).where(SessionRow.username == "marc").values({moment: past})
        session.execute(aged)
    page.get_by_role("link", name="Tendencias").click()
    expect(page.get_by_text("Su sesión ha terminado.")).to_be_visible()
    with served.world.db.read() as session:
        assert session.scalar(mine) == open_ones - 1, "it is ended for good"
    page.get_by_role("link", name="Entrar").click()
    page.fill("#username", "marc")
    page.fill("#password", PASSWORD)
    page.click("main button")
    heading(page, "Tendencias")


# ---------------------------------------------------------------------------- inbox


def test_the_inbox_shows_the_most_urgent_first_with_reasons(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "ana")
    first = page.locator(".ls-row").first
    expect(first).to_contain_text("Otra vez el 1004")
    expect(first).to_contain_text("urgente")
    expect(first).to_contain_text("ya dijo que no")
    expect(first).to_contain_text("9 contactos")
    expect(first).to_contain_text("alcance 5.400")
    expect(first.locator("mark", has_text="1004").first).to_have_attribute(
        "title", re.compile("número que llama")
    )
    invented = page.locator(".ls-row", has_text="Invento:")
    expect(invented).to_contain_text("inventado")
    expect(page.get_by_text("Casos: 24, los más urgentes primero")).to_be_visible()
    late = page.locator(".ls-row", has_text="llevo 4 correos")
    expect(late).to_contain_text("vencido hace 3 h 2")
    page.get_by_role("button", name="Siguientes").click()
    expect(page.get_by_text("21 a 24 de 24")).to_be_visible()
    page.get_by_label("Buscar en textos y autores").fill("misma factura")
    page.keyboard.press("Enter")
    expect(page.locator(".ls-row")).to_have_count(1)
    expect(page.get_by_text("Casos: 1, los más urgentes primero")).to_be_visible()
    expect(page.locator(".ls-row")).to_contain_text("me ha cobrado dos veces")
    page.get_by_label("Buscar en textos y autores").fill("nadie dijo esto")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Ningún caso cumple estos filtros.")).to_be_visible()


def test_filters_narrow_and_a_row_leads_to_its_case(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "ben")
    heading(page, "Inbox")
    page.get_by_role("button", name="More filters").click()
    choose(page, "Language", "English")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.get_by_text("Cases: 1, the most urgent first")).to_be_visible()
    number = case_of(served, "jo")
    page.get_by_role("link", name=f"Case {number}").click()
    heading(page, f"Case {number}")
    expect(page).to_have_url(re.compile(rf"/case\?id={number}$"))
    expect(page.get_by_text("Movistar keeps ringing my mother")).to_be_visible()


def test_hostile_text_is_shown_as_text(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "ana")
    row = page.locator(".ls-row", has_text="document.title")
    expect(row).to_contain_text("<script>document.title='owned'</script>")
    expect(row).to_contain_text("**negrita** [pincha](javascript:alert(1))")
    page.goto(f"/case?id={case_of(served, 'malo')}")
    expect(page.locator(".ls-text").first).to_contain_text("<img src=x onerror=")
    assert "owned" not in page.title()
    assert page.locator("a[href^=javascript]").count() == 0
    assert page.locator(".ls-text script, .ls-text img").count() == 0


# ---------------------------------------------------------------------------- a case


def test_a_doubt_is_settled_with_one_click(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "ana", "/review")
    heading(page, "Por revisar")
    doubt = page.locator(".ls-row", has_text="cubre la sierra")
    expect(doubt).to_have_count(1)
    expect(page.locator(".ls-row")).to_have_count(1)
    page.get_by_role("button", name="No es queja").click()
    expect(page.get_by_text("El lector no tiene dudas sobre nada.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("El lector no tiene dudas sobre nada.")).to_be_visible()


def test_marc_sees_doubts_and_settles_none(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "marc", "/review")
    heading(page, "Por revisar")
    expect(page.get_by_role("button", name="No es queja")).to_have_count(0)


# ---------------------------------------------------------------------------- what is not allowed


def test_marc_looks_but_finds_nothing_to_press(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "marc", f"/case?id={case_of(served, 'lucia')}")
    heading(page, f"Caso {case_of(served, 'lucia')}")
    expect(page.get_by_text("Las fichas de clientes solo las ve")).to_be_visible()
    assert page.get_by_role("button", name="Tomarlo").count() == 0
    assert page.get_by_text("Corregir la lectura").count() == 0
    page.goto("/customer?ref=C-1001&crm=local")
    expect(page.get_by_text("No puede ver esta ficha.")).to_be_visible()


def test_berta_is_refused_a_case_of_another_brand(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "berta", f"/case?id={case_of(served, 'lucia')}")
    expect(page.get_by_text("No puede ver este caso.")).to_be_visible()
    assert page.get_by_text("Otra vez el 1004").count() == 0
    page.goto("/case?id=999999")
    expect(page.get_by_text("Ese caso no existe.")).to_be_visible()


# ---------------------------------------------------------------------------- the other pages


def test_the_ledger_counts_and_downloads(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "marc", "/ledger")
    heading(page, "Cuentas de campaña")
    page.get_by_text("Contar también lo inventado").click()
    line = page.locator("tr", has_text="Fibra otoño")
    expect(line).to_contain_text("(42,2 – 9.286)")
    expect(page.get_by_text("Supuesto, no medido")).to_contain_text("150")
    expect(page.get_by_text("Lucía")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("button", name="Descargar en CSV").click()
    body = download.value.path().read_text("utf-8-sig")
    assert body.startswith("campaign,contacts,dials,answers,sales,refusals,complaints,")
    assert "Fibra otoño,7,6," in body
    assert "C-1001" not in body
    page.get_by_text("Lo que se supone").click()
    page.get_by_label("Valor de un cliente").fill("0")
    page.get_by_label("Valor de un cliente").press("Enter")
    expect(page.get_by_text("un cliente 0;")).to_be_visible()
    settled(page)
    choose(page, "Por", "Lista")
    expect(page.locator("tr", has_text="L-2023-11")).to_be_visible()


def test_berta_sees_no_ledger_of_others_brands(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "berta", "/ledger")
    expect(page.get_by_text("El registro de contactos no distingue marcas")).to_be_visible()
    assert page.locator("table").count() == 0


def test_sources_tell_how_they_are(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "ben", "/sources")
    heading(page, "Sources")
    expect(page.locator(".ls-sub", has_text="answered 503")).to_contain_text("failing")
    expect(page.locator("table", has_text="Last success")).to_contain_text("pages 3, new 2")
    expect(page.get_by_text("<item><title>sin fecha</title></item>")).to_be_visible()


def test_a_failed_message_is_sent_again_from_its_alert(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "ben", "/alerts")
    expect(page.get_by_text("E-mails: failed 1.")).to_be_visible()
    with served.world.db.read() as session:
        [failed] = session.scalars(
            sa.select(NotificationRow.alert_id).where(NotificationRow.status == "failed")
        )
    page.goto(f"/alerts?id={failed}")
    expect(page.locator("tr", has_text="jefa@listener.example")).to_contain_text("failed")
    page.get_by_role("button", name="Send again to jefa@listener.example").click()
    expect(page.locator("tr", has_text="jefa@listener.example")).to_contain_text("pending")


def test_language_and_password_are_mine_to_change(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "berta", "/settings")
    heading(page, "Ajustes")
    choose(page, "Idioma", "English")
    page.get_by_role("button", name="Guardar").click()
    heading(page, "Settings")
    page.get_by_label("Present password").fill("no es esta clave")
    page.get_by_role("textbox", name="New password").fill("una frase nueva 9")
    page.get_by_label("The same again").fill("una frase nueva 9")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_text("The present password is wrong.")).to_be_visible()
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_role("textbox", name="New password").fill("una frase nueva 9")
    page.get_by_label("The same again").fill("una frase nueva 9")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_text("Your password is changed")).to_be_visible()


def test_an_empty_database_says_what_to_do(opened: Open, empty: Served) -> None:
    page = signed_in(opened, empty, "admin")
    expect(page.get_by_text("Todavía no se ha recogido nada.")).to_be_visible()
    expect(page.get_by_role("button", name="Cargar la muestra inventada")).to_be_visible()
    page.get_by_role("button", name="Cargar la muestra inventada").click()
    expect(page.get_by_text("La muestra inventada está cargada")).to_be_visible()
    expect(
        page.get_by_text(re.compile(r"Publicaciones recogidas: \d{3}\. Por leer"))
    ).to_be_visible()
    page.get_by_role("link", name="Ajustes").first.click()
    page.get_by_role("button", name="Quitar todo lo inventado").click()
    expect(page.get_by_text("Todo lo inventado se ha quitado.")).to_be_visible()
    _says_what_to_do(page)
    expect(page.get_by_role("button", name="Cargar la muestra inventada")).to_be_visible()


def _says_what_to_do(page: Page) -> None:
    for path, words in (
        ("/review", "El lector no tiene dudas sobre nada."),
        ("/numbers", "Nadie se ha quejado de un número"),
        ("/trends", "En este periodo no se publicó nada"),
        ("/ledger", "En estos días no hay ningún contacto nuestro"),
        ("/alerts", "Nada pide atención."),
        ("/quality", "No se ha leído ninguna publicación de este periodo."),
        ("/sources", "Todavía no se ha preguntado a ninguna fuente."),
    ):
        page.goto(path)
        expect(page.get_by_text(words)).to_be_visible()
        expect(page.get_by_text("Todavía no se ha recogido nada.")).to_be_visible()
        expect(page.get_by_role("link", name="Ver las fuentes")).to_be_visible()


@pytest.mark.parametrize("who", ["ana", "marc"])
def test_who_may_not_load_the_sample_reads_who_does(opened: Open, empty: Served, who: str) -> None:
    page = signed_in(opened, empty, who)
    expect(page.get_by_text("Todavía no se ha recogido nada.")).to_be_visible()
    _says_what_to_do(page)
    expect(page.get_by_text("La carga un administrador.")).to_be_visible()
    expect(page.get_by_role("button", name="Cargar la muestra inventada")).to_have_count(0)
    page.goto("/settings")
    heading(page, "Ajustes")
    expect(page.get_by_role("button", name="Quitar todo lo inventado")).to_have_count(0)


def test_a_page_that_breaks_says_why_and_what_to_do(opened: Open, empty: Served) -> None:
    page = signed_in(opened, empty, "admin")
    rename = "ALTER TABLE {} RENAME TO {}"
    with empty.world.db.engine.begin() as connection:
        connection.exec_driver_sql(rename.format("alerts", "elsewhere"))
    try:
        page.get_by_role("link", name="Alertas").click()
        expect(page.get_by_text("ejecuta `listener doctor --migrate`")).to_be_visible()
    finally:
        with empty.world.db.engine.begin() as connection:
            connection.exec_driver_sql(rename.format("elsewhere", "alerts"))


def test_a_phone_shows_the_inbox_and_a_case(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "ana", width=390, height=844)
    heading(page, "Bandeja")
    wide = "document.querySelector('[data-testid=stMain]').scrollWidth <= window.innerWidth"
    assert page.evaluate(wide)
    page.goto(f"/case?id={case_of(served, 'lucia')}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.evaluate(wide)


def test_the_dashboard_ends_with_its_parent(served: Served, tmp_path: Path) -> None:
    """A shell that starts it and is killed leaves no dashboard behind."""
    import os
    import subprocess
    import sys

    from servers import free_port

    port = free_port()
    script = (
        "import os, subprocess, sys, time; "
        f"p = subprocess.Popen([sys.executable, '-m', 'dashboard.server', '--port', '{port}'], "
        "env={**os.environ, 'LISTENER_PARENT': str(os.getpid())}); "
        "print(p.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, **served.world.environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    time.sleep(3)
    parent.kill()
    parent.wait()
    for _ in range(100):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        if (
            Path(f"/proc/{child}/stat").exists()
            and ") Z " in Path(f"/proc/{child}/stat").read_text()
        ):
            return
        time.sleep(0.2)
    os.kill(child, 9)
    pytest.fail("the dashboard outlived its parent")
