"""The marketing lead's day, from an e-mail's link on: Marc reads an alert, opens what is behind it and
silences it; what breaks a promise reaches him all the same. Then the pages that keep watch: sources
and the reader's quality, for those who look and those who act."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import expect
from servers_smtp import SmtpServer

from browser import world as worlds
from browser.conftest import Served
from browser.steps import Open, heading, settled, signed_in
from browser.world import PASSWORD
from listener import pipeline, raising
from listener.desk import Desk
from listener.domain import Alert, AlertKind, Reason, Scope
from listener.errors import NotAllowed
from listener.httpclient import HttpClient
from listener.pipeline import Road
from listener.settings import Email, Settings
from listener.storage import alerts, health, people, readings, silences

MARC = "marc@listener.example"


@dataclass
class Watched:
    """A dashboard with its loops' outbox: Marc gets every alert by e-mail."""

    served: Served
    smtp: SmtpServer
    settings: Settings
    told: int = 0

    def raised(self, alert: Alert) -> int:
        with self.served.world.db.write() as session:
            now = pipeline.utc_now()
            assert raising.raise_alert(session, alert, self.settings, owner=None, now=now)
            return alerts.recent(session, limit=1)[0].id

    def severe(self, author: str, n: int = 1) -> int:
        case_id = self.served.world.cases[author]
        reasons = (
            Reason("alert_level", {"level": "urgent", "score": 137}),
            Reason("refused"),
            Reason("is_customer"),
        )
        subject = {"brand": "Movistar", "level": "urgent"}
        key = f"severe:{case_id}:{n}"
        return self.raised(
            Alert(AlertKind.SEVERE_HARASSMENT, key, "movistar", subject, reasons, case_id)
        )

    def broken(self, author: str) -> int:
        case_id = self.served.world.cases[author]
        since = "2026-11-20T10:00+00:00"
        reason = Reason("promise_broken", {"since": since, "channel": "call", "at": since})
        return self.raised(
            Alert(
                AlertKind.PROMISE_BROKEN, f"promise:9:{case_id}", "movistar",
                {"brand": "Movistar"}, (reason,), case_id,
            )
        )  # fmt: skip

    def mails(self) -> list[str]:
        """The texts of what Marc got since he was asked last."""
        road = Road(self.settings, self.served.world.db, HttpClient(self.settings.listener.http), _unread)  # fmt: skip
        pipeline.deliver(road)
        mine = [t for t in self.smtp.transmissions if t.recipients == (MARC,)]
        new, self.told = mine[self.told :], len(mine)
        return [t.text for t in new]

    def link(self, text: str, path: str) -> str:
        """The link of a mail, as somebody who clicks on it would follow it."""
        [found] = re.findall(rf"{re.escape(self.served.url)}({path}\?id=\d+)", text)
        return str(found)


def _unread() -> Any:
    raise AssertionError("delivering reads nothing")


@pytest.fixture(scope="module")
def watched(chromium: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    served = Served(worlds.build(tmp_path_factory.mktemp("watched")))
    loaded = served.world.settings
    with SmtpServer(tmp_path_factory.mktemp("smtp")) as smtp, pytest.MonkeyPatch.context() as env:
        for name, value in smtp.environment().items():
            env.setenv(name, value)
        service = loaded.listener.service.model_copy(update={"public_url": served.url})
        mail = {"email": Email.model_validate(smtp.config()), "service": service}
        settings = loaded.model_copy(
            update={
                "listener": loaded.listener.model_copy(update=mail),
                "alerts": loaded.alerts.model_copy(update={"recipients": (MARC,)}),
            }
        )
        yield Watched(served, smtp, settings)
    assert served.stop() == 0, served.log.read_text()
    served.world.db.close()


def user(watched: Watched, name: str) -> people.User:
    with watched.served.world.db.read() as session:
        found = people.get(session, name)
    assert found is not None
    return found


# ---------------------------------------------------------------------------- Marc's day


def test_marcs_day_from_the_mail_to_the_silence(opened: Open, watched: Watched) -> None:
    raised = watched.severe("lucia")
    [mail] = watched.mails()
    assert "queja de acoso, prioridad urgente" in mail
    case_link, alert_link = watched.link(mail, "/case"), watched.link(mail, "/alerts")
    assert alert_link == f"/alerts?id={raised}"

    # The link leads through the sign-in, also after a slip of the hand, to that very alert.
    page = opened(watched.served.url)
    page.goto(alert_link)
    expect(page.locator("#username")).to_be_visible()
    page.fill("#username", "marc")
    page.fill("#password", "no es esta clave")
    page.click("main button")
    expect(page.get_by_role("alert")).to_contain_text("no son correctos")
    page.fill("#username", "marc")
    page.fill("#password", PASSWORD)
    page.click("main button")
    expect(page).to_have_url(f"{watched.served.url}{alert_link}")
    heading(page, "Movistar: queja de acoso, prioridad urgente")
    reasons = page.locator(".ls-reasons")
    expect(reasons).to_contain_text("ha llegado a prioridad urgente (137 puntos)")
    expect(reasons).to_contain_text("ya dijo que no")
    expect(reasons).not_to_contain_text(
        "cliente"
    )  # who the author is in the CRM is not his to know
    expect(page.locator("tr", has_text=MARC)).to_contain_text("enviado")

    # What is behind it, and back.
    case_id = watched.served.world.cases["lucia"]
    page.get_by_role("link", name=f"Caso {case_id}").click()
    expect(page).to_have_url(f"{watched.served.url}{case_link}")
    expect(page.get_by_text("Otra vez el 1004").first).to_be_visible()
    page.go_back()
    heading(page, "Movistar: queja de acoso, prioridad urgente")
    page.get_by_role("link", name="Tendencias de Movistar").click()
    heading(page, "Tendencias")
    expect(page.get_by_text("Movistar", exact=True).first).to_be_visible()
    page.goto(alert_link)

    # Without a reason nothing is muted; with one it is.
    page.get_by_text("Silenciar…").click()
    page.get_by_role("radio", name="acoso grave · Movistar").check(force=True)
    settled(page)
    page.get_by_role("button", name="Silenciar hasta").click()
    expect(page.get_by_text("Diga por qué")).to_be_visible()
    page.get_by_role("textbox", name="Por qué").fill("lo lleva la agencia, reunión mañana")
    page.get_by_role("button", name="Silenciar hasta").click()
    expect(page.get_by_text("Silenciado hasta el")).to_be_visible()
    expect(page.locator(".ls-muted")).to_contain_text("marc")
    expect(page.locator(".ls-muted")).to_contain_text("lo lleva la agencia, reunión mañana")

    # The next one is raised and shown, and no mail goes out.
    next_one = watched.severe("tomas")
    assert watched.mails() == []
    page.goto(f"/alerts?id={next_one}")
    expect(page.locator(".ls-badge", has_text="silenciada")).to_be_visible()
    expect(page.locator(".ls-muted").first).to_contain_text("Silenciado por marc")
    expect(page.locator("tr", has_text=MARC)).to_have_count(0)
    page.goto("/alerts")
    first = page.locator("[data-testid=stVerticalBlock]", has_text="silenciada").last
    expect(first).to_contain_text("lo lleva la agencia")


def test_a_broken_promise_reaches_marc_all_the_same_and_is_not_his_to_mute(
    opened: Open, watched: Watched
) -> None:
    raised = watched.broken("lucia")
    [mail] = watched.mails()
    assert watched.link(mail, "/alerts") == f"/alerts?id={raised}"
    page = signed_in(opened, watched.served, "marc", f"/alerts?id={raised}")
    heading(page, "Movistar: promesa rota, contacto después de la supresión")
    expect(page.get_by_text("solo la silencia quien gestiona la comunidad")).to_be_visible()
    expect(page.get_by_text("Silenciar…")).to_have_count(0)
    case_id = watched.served.world.cases["lucia"]
    desk = Desk(watched.served.world.db, watched.settings)
    scope = Scope(AlertKind.PROMISE_BROKEN, "movistar", case_id=case_id)
    with pytest.raises(NotAllowed):
        desk.alerts.silence(
            user(watched, "marc"), raised, scope, until=pipeline.utc_now(), reason="por favor"
        )


def test_ana_ends_the_silence_and_mails_go_out_again(opened: Open, watched: Watched) -> None:
    watched.mails()
    page = signed_in(opened, watched.served, "ana", "/alerts")
    page.get_by_role("radio", name="Silencios").click(force=True)
    expect(page.get_by_text("acoso grave · Movistar")).to_be_visible()
    page.get_by_role("button", name="Terminar ya").click()
    expect(page.get_by_text("El silencio ha terminado.")).to_be_visible()
    expect(page.get_by_role("heading", name="Terminados")).to_be_visible()
    expect(page.get_by_text("terminado por ana")).to_be_visible()
    watched.severe("malo", 2)
    assert len(watched.mails()) == 1


def test_a_right_that_was_taken_away_meanwhile_is_refused_at_the_click(
    opened: Open, watched: Watched
) -> None:
    """The page was drawn while she could; the service decides."""
    db = watched.served.world.db
    raised = watched.severe("jo")
    page = signed_in(opened, watched.served, "ben", f"/alerts?id={raised}")
    heading(page, "Movistar: complaint of harassment, priority urgent")
    page.get_by_text("Silence…").click()
    page.get_by_role("textbox", name="Why").fill("not mine any more")
    settled(page)
    with db.write() as session:
        people.update(session, "ben", brands=("vodafone",))
    try:
        page.get_by_role("button", name="Silence until").click()
        expect(page.get_by_text("Your role or brands do not allow this.")).to_be_visible()
    finally:
        with db.write() as session:
            people.update(session, "ben", brands=())
    with db.read() as session:
        held = silences.active(session, pipeline.utc_now())
    assert all(s.by != "ben" for s in held)


def test_a_link_to_an_alert_of_another_brand_or_of_nobody_says_so(
    opened: Open, watched: Watched
) -> None:
    with watched.served.world.db.read() as session:
        ours = next(a.id for a in alerts.recent(session) if a.brand == "movistar")
    page = signed_in(opened, watched.served, "berta", f"/alerts?id={ours}")
    expect(page.get_by_text("Esta alerta es de una marca que usted no ve.")).to_be_visible()
    page.goto("/alerts?id=999999")
    expect(page.get_by_text("No existe esa alerta")).to_be_visible()
    page.get_by_role("button", name="Todas las alertas").click()
    heading(page, "Alertas")


# ---------------------------------------------------------------------------- sources


def test_the_coverage_ledger_tells_gaps_and_what_cannot_be_seen(
    opened: Open, watched: Watched
) -> None:
    page = signed_in(opened, watched.served, "marc", "/sources")
    failing = page.locator(".ls-sub", has_text="mastodon.example respondió 503")
    expect(failing.locator(".ls-strip")).to_have_attribute("aria-label", re.compile("falló: 1"))
    expect(page.get_by_text("se le preguntó y no respondió ninguna vez").first).to_be_visible()
    expect(page.get_by_text("No puede ver:").first).to_be_visible()
    expect(page.get_by_role("button", name="Preguntar otra vez ya")).to_have_count(0)
    expect(page.get_by_text("<item><title>sin fecha</title></item>")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Descargar en CSV").click()
    assert b"sin fecha" in Path(download.value.path()).read_bytes()


def test_an_administrator_has_a_source_asked_again(opened: Open, watched: Watched) -> None:
    page = signed_in(opened, watched.served, "admin", "/sources")
    page.get_by_role("button", name="Preguntar otra vez ya").first.click()
    expect(page.get_by_text("Se le preguntará en la próxima vuelta.")).to_be_visible()
    expect(page.get_by_text("Pedido: le toca en la próxima vuelta").first).to_be_visible()
    with watched.served.world.db.read() as session:
        assert sum(s.wanted_at is not None for s in health.subscriptions(session)) == 1


# ---------------------------------------------------------------------------- quality


def test_a_correction_is_seen_and_taken_back_on_the_quality_page(
    opened: Open, watched: Watched
) -> None:
    desk = Desk(watched.served.world.db, watched.settings)
    ana = user(watched, "ana")
    case_id = watched.served.world.cases["paula"]
    case = desk.cases.view(ana, case_id).detail
    mention = case.mentions[0].id
    desk.cases.correct(
        ana,
        case_id,
        mention,
        "category",
        "customer_service",
        version=case.summary.version,
    )

    page = signed_in(opened, watched.served, "marc", "/quality")
    heading(page, "Calidad")
    expect(page.locator("table", has_text="Leídas")).to_contain_text("español")
    expect(page.locator("table", has_text="acoso (F1)")).to_contain_text("portugués")
    expect(page.get_by_role("link", name="Revisar lo que espera: 1")).to_be_visible()
    page.get_by_role("radio", name="Correcciones").click(force=True)
    expect(page.get_by_text("categoría: facturación → atención al cliente")).to_be_visible()
    expect(page.get_by_role("button", name="Deshacer")).to_have_count(0)

    page = signed_in(opened, watched.served, "ana", "/quality")
    page.get_by_role("radio", name="Correcciones").click(force=True)
    page.get_by_role("button", name="Deshacer").click()
    expect(page.get_by_text("Retirada. El lector vuelve a leer la publicación.")).to_be_visible()
    expect(page.get_by_text("Retirada por ana")).to_be_visible()
    with watched.served.world.db.read() as session:
        assert readings.load(session, [mention])[mention].category == "billing"


def test_training_is_honest_about_too_few_and_only_administrators_start_it(
    opened: Open, watched: Watched
) -> None:
    page = signed_in(opened, watched.served, "admin", "/quality")
    page.get_by_role("radio", name="Entrenamiento").click(force=True)
    expect(page.get_by_text("Con menos de 30 textos que midan")).to_be_visible()
    expect(page.get_by_role("button", name="Entrenar con lo corregido")).to_be_disabled()
    expect(page.get_by_text("la que se entrega")).to_be_visible()
    page = signed_in(opened, watched.served, "marc", "/quality")
    page.get_by_role("radio", name="Entrenamiento").click(force=True)
    expect(page.get_by_text("Lo inicia un administrador.")).to_be_visible()
    expect(page.get_by_role("button", name="Entrenar con lo corregido")).to_have_count(0)


def test_a_version_is_accepted_and_rolled_back_with_one_click(
    opened: Open, watched: Watched
) -> None:
    """With the table of before and after beside it. The version is the one that ships under another
    name: what a training makes has its own tests."""
    home = _version(watched)
    page = signed_in(opened, watched.served, "admin", "/quality")
    page.get_by_role("radio", name="Entrenamiento").click(force=True)
    row = page.locator("tr", has_text="publicaciones propias").first
    expect(row).to_contain_text("94,1")
    expect(row).to_contain_text("94,9")
    expect(row).to_contain_text("+0,8")
    page.get_by_role("button", name="Usarla").first.click()
    expect(page.get_by_text("En uso desde la próxima vuelta del lector.")).to_be_visible()
    assert (home / "active").read_text().strip() == "2026-11-25-abc"
    page.get_by_role("button", name="Volver atrás").click()
    expect(page.get_by_text("La versión anterior vuelve a estar en uso.")).to_be_visible()
    assert not (home / "active").exists()


def _version(watched: Watched) -> Path:
    import json

    from classifiers.judging import Score
    from classifiers.reader import SHIPPED
    from listener import reader_versions

    home = reader_versions.home_of(watched.served.world.settings)
    made = home / "2026-11-25-abc"
    made.mkdir()
    shipped = json.loads((SHIPPED / "config.json").read_text())
    config = {
        **shipped,
        "revision": "reader-abcabcabcabc",
        "started_from": shipped["revision"],
        "made_at": "2026-11-25T12:00:00+00:00",
    }
    (made / "config.json").write_text(json.dumps(config))
    scores = [
        Score("own", "harassment", "es", 974, 94.1, 94.9),
        Score("corrected", "harassment", "es", 12, 60.0, 75.0),
    ]
    reader_versions.keep_verdict(made, scores, [], [])
    return home


def test_the_cards_are_shown_as_they_are_written(opened: Open, watched: Watched) -> None:
    page = signed_in(opened, watched.served, "berta", "/quality")
    page.get_by_role("radio", name="Fichas").click(force=True)
    expect(
        page.get_by_text("Harassment: is a company contacting somebody who does not want it?")
    ).to_be_visible()
    expect(page.locator("table", has_text="Harassment, own test posts")).to_contain_text("94.1")
    assert urlsplit(page.url).path == "/quality"
