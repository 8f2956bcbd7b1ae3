"""A small world for the pages: a database filled through the real road (storage, call facts,
matching, priority, routing), with labels that its author states, so that no weights are needed.

People: Ana (community manager, Spanish), Ben (community manager, English), Berta (brand manager,
Vodafone only), Bruno (brand manager, every brand), Marc (marketing lead), and the administrator. All of it is invented.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from classifiers import call_facts
from classifiers.reading import Reading
from listener import accounts, processing
from listener import settings_files as settings_module
from listener.crm import systems
from listener.crm.local import seal_phone
from listener.domain import Alert, AlertKind, Author, Mention, Problem, Reason, Role
from listener.errors import HttpStatus, NotifyError, Said, kept, sentence
from listener.settings import Settings
from listener.storage import Database, alerts, health, mentions, pending
from listener.storage.alerts import Recipient
from listener.storage.mentions import BrandHit, Found
from listener.storage.tables import CaseRow, CrmEvent, CrmIdentifier, CrmPerson
from listener.vault import open_vault

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "gris tormenta 42"
BEN_PASSWORD = "yellow kettle 77"

LUCIA = (
    "Otra vez el 1004. Me habéis llamado 9 veces en dos semanas, la última a las 22:30, y ya os "
    "he dicho tres veces que no me interesa. Mi número es 600 123 456. La próxima, denuncia a "
    "Consumo y me doy de baja."
)
HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> "
    '**negrita** [pincha](javascript:alert(1)) \u202egnp.exe\u202c =HYPERLINK("http://mal.example") '
    "Movistar no deja de llamarme 😀😀😀😀 :material/delete: $x^2$"
)


UNAVAILABLE = Said.of(
    HttpStatus(
        "{host} answered {answer}. {advice}",
        url="https://mastodon.example/",
        host="mastodon.example",
        answer="503 Service Unavailable",
        advice=sentence("That is the server's trouble; it is asked again later."),
        status=503,
    )
)
UNKNOWN = Said.of(
    NotifyError(
        sentence("the server said {reply}", reply="550 mailbox unknown"),
        notifier="email",
        permanent=True,
    )
)


@dataclass(frozen=True)
class Post:
    author: str
    text: str
    lang: str = "es"
    sentiment: str = "negative"
    category: str | None = "harassment"
    brand: str = "movistar"
    hours: float = 2.0
    followers: int | None = 180
    source: str = "mastodon"
    invented: bool = False


POSTS = (
    Post("lucia@red.example", LUCIA, followers=5400, hours=1.2),
    Post(
        "tomas@red.example",
        "El 1002 me llama cada día a la hora de la siesta desde hace una semana. Les pedí que "
        "borraran mi teléfono y nada.",
        hours=30,
        followers=75,
    ),
    Post(
        "jo@social.example",
        "Movistar keeps ringing my mother's line, four calls since Monday, and she told them to "
        "stop. This is harassment.",
        lang="en",
        hours=5,
        followers=900,
    ),
    Post(
        "paula@red.example",
        "Movistar me ha cobrado dos veces la misma factura y en atención nadie contesta.",
        category="billing",
        hours=50,
    ),
    Post("malo@red.example", HOSTILE, hours=9),
    Post("rio@red.example", "Por fin fibra de Movistar en el pueblo, va como un tiro.", sentiment="positive", category=None, hours=20),
    Post("nico@red.example", "¿Alguien sabe si Movistar cubre la sierra?", sentiment="neutral", category=None, hours=70),
    Post("eva@red.example", "Vodafone otra vez sin cobertura en el centro.", category="service_quality", brand="vodafone", hours=26),
    Post(
        "inventada@red.example",
        "Invento: me llaman del 1004 a las once de la noche, tres noches seguidas.",
        hours=3,
        invented=True,
        source="sample",
    ),
)  # fmt: skip


def _more() -> list[Post]:
    """Enough quiet posts for a trend line, and cases for a second page of the inbox."""
    words = ("factura", "router", "cobertura", "tarifa", "instalación")
    posts = [
        Post(
            f"persona{n}@red.example",
            f"Movistar: {words[n % 5]} del {n + 3} sin arreglar, llevo {n + 2} correos enviados.",
            category=("billing", "service_quality")[n % 2],
            hours=30.0 * n + 8,
            followers=10 * n,
        )
        for n in range(18)
    ]
    posts += [
        Post(
            f"alegre{n}@red.example",
            f"Tarde {n} de cine en casa, Movistar va fino con la {n + 1}ª película.",
            sentiment=("positive", "neutral")[n % 2],
            category=None,
            hours=18.0 * n + 4,
            source=("mastodon", "bluesky", "feed")[n % 3],
        )
        for n in range(24)
    ]
    return posts


DOUBTS = {"paula": ("category",), "nico": ("harassment", "complaint"), "rio": ("sentiment",)}


class Stated:
    """Reads what the posts' author states, and takes the facts with the real extractor."""

    model = "stated-1"

    def __init__(self, posts: Sequence[Post]) -> None:
        self._posts = {p.text: p for p in posts}

    def read(
        self,
        texts: Sequence[str],
        *,
        langs: Sequence[str | None] | None = None,
        countries: Sequence[str] = ("ES",),
    ) -> list[Reading]:
        return [self._one(self._posts[text], countries) for text in texts]

    def _one(self, post: Post, countries: Sequence[str]) -> Reading:
        facts = call_facts.extract(post.text, lang=post.lang, countries=countries)
        harassment = post.category == "harassment"
        return Reading(
            lang=post.lang,
            sentiment=post.sentiment,
            complaint=post.category is not None,
            category=post.category,
            harassment=harassment,
            scores={
                "negative": 0.91 if post.sentiment == "negative" else 0.05,
                "complaint": 0.97 if post.category else 0.04,
                "harassment": 0.94 if harassment else 0.03,
                **({f"category.{post.category}": 0.9} if post.category else {}),
            },
            uncertain=DOUBTS.get(post.author.partition("@")[0], ()),
            facts=facts,
            evidence=((0, min(20, len(post.text))),) if harassment else (),
            model=self.model,
        )


@dataclass
class World:
    folder: Path
    settings: Settings
    db: Database
    now: datetime
    cases: dict[str, int] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LISTENER_CONFIG": str(self.settings.folder),
            "LISTENER_VAR": str(self.settings.var),
            "LISTENER_DATABASE_URL": self.settings.database_url,
        }


def build(folder: Path, *, filled: bool = True) -> World:
    config, var = folder / "config", folder / "var"
    shutil.copytree(ROOT / "config", config)
    settings = settings_module.load(config, {"LISTENER_VAR": str(var)})
    db = Database(settings.database_url)
    db.upgrade()
    world = World(folder, settings, db, datetime.now(UTC).replace(microsecond=0))
    _people(world)
    if filled:
        _customers(world)
        _posts(world)
        _sources(world)
        _alerts(world)
    return world


def _people(world: World) -> None:
    people = (
        ("ana", "Ana Prieto", Role.COMMUNITY_MANAGER, "es", (), PASSWORD),
        ("ben", "Ben Ashworth", Role.COMMUNITY_MANAGER, "en", (), BEN_PASSWORD),
        ("berta", "Berta Gil", Role.BRAND_MANAGER, "es", ("vodafone",), PASSWORD),
        ("bruno", "Bruno Salas", Role.BRAND_MANAGER, "es", (), PASSWORD),
        ("marc", "Marc Soler", Role.MARKETING_LEAD, "es", (), PASSWORD),
        ("locked", "Loli Cerrada", Role.MARKETING_LEAD, "es", (), PASSWORD),
        ("admin", "Administrator", Role.ADMINISTRATOR, "es", (), PASSWORD),
    )
    for username, name, role, language, brands, password in people:
        accounts.add_user(
            world.db,
            username,
            name=name,
            email=f"{username}@listener.example",
            role=role.value,
            language=language,
            time_zone="Europe/Madrid",
            brands=brands,
        )
        accounts.set_password(world.db, username, password)


def _customers(world: World) -> None:
    people = (
        ("C-1001", "Lucía Marín", "+34600123456", "mastodon:lucia@red.example"),
        ("C-1002", "Tomás Rey", "+34600999888", "mastodon:tomas@red.example"),
        ("C-1003", "T. Rey Hermanos", "+34600999777", "mastodon:tomas@red.example"),
    )
    vault = open_vault(world.settings.var)
    with world.db.write() as session:
        for ref, name, phone, handle in people:
            session.add(
                CrmPerson(
                    customer_id=ref,
                    name=name,
                    country="ES",
                    time_zone="Europe/Madrid",
                    consent="refused",
                    consent_at=world.now - timedelta(days=40),
                    preferred_channel="email",
                    status="customer",
                    extra={},
                    invented=True,
                )
            )
            session.flush()
            index, sealed = seal_phone(vault, phone, phone)
            for kind, value, written in (("phone", index, sealed), ("handle", handle, handle)):
                session.add(
                    CrmIdentifier(customer_id=ref, kind=kind, value=value, as_written=written)
                )
        outcomes = ("no_answer", "callback", "no_answer", "none", "busy", "callback", "none")
        for n, outcome in enumerate(outcomes):
            session.add(
                CrmEvent(
                    event_id=f"E-{n}",
                    at=world.now - timedelta(days=13 - 2 * n, hours=3),
                    direction="out",
                    channel="call" if n != 4 else "sms",
                    customer_id="C-1001",
                    customer_number=vault.index("+34600123456"),
                    customer_number_sealed=vault.seal("+34600123456"),
                    caller_number="1004",
                    campaign="Fibra otoño",
                    list_name="L-2023-11" if n % 2 else "L-2026-09",
                    list_loaded_at=world.now - timedelta(days=400),
                    centre="Norte",
                    agent=f"agente {n % 3 + 1}",
                    disposition=outcome,
                    duration_s=0 if outcome in ("no_answer", "busy") else 74,
                    note="dice que no le interesa" if n == 3 else "",
                    extra={},
                    invented=True,
                )
            )


def _posts(world: World) -> None:
    posts = [*POSTS, *_more()]
    found = [
        Found(
            Mention(
                source=p.source,
                external_id=f"post-{n}",
                text=p.text,
                published_at=world.now - timedelta(hours=p.hours),
                author=Author(p.author, p.author.split("@")[0].title(), "", p.followers),
                url=f"https://red.example/@{p.author}/{n}",
                site="red.example",
                lang=p.lang,
                invented=p.invented,
            ),
            (BrandHit(p.brand),),
        )
        for n, p in enumerate(posts)
    ]
    with world.db.write() as session:
        mentions.save_found(session, "mastodon-es/movistar", found, now=world.now)
        waiting = pending.oldest(session, 1000)
    crms = systems(world.settings, world.db, lambda: world.now)
    processing.step(world.db, world.settings, Stated(posts), crms, waiting, lambda: world.now)
    from listener.storage import case_search

    with world.db.read() as session:
        lines, _ = case_search.search(session, case_search.CaseFilter(), limit=200)
    with world.db.write() as session:  # one that waited too long
        late = next(line.id for line in lines if line.author.startswith("persona2@"))
        session.get_one(CaseRow, late).due_at = world.now - timedelta(hours=3, minutes=20)
    world.cases = {line.author.split("@")[0]: line.id for line in lines}


def _sources(world: World) -> None:
    names = [s.name for s in world.settings.sources if s.enabled and s.type != "files"][:3]
    with world.db.write() as session:
        start = world.now - timedelta(days=20)
        health.watch(session, [(f"{n}/movistar", n, "feed") for n in names], start)
        for days in range(20, 0, -1):
            health.succeeded(session, f"{names[0]}/movistar", world.now - timedelta(days=days))
        health.succeeded(session, f"{names[0]}/movistar", world.now - timedelta(minutes=4))
        health.failed(session, f"{names[1]}/movistar", UNAVAILABLE, world.now)
        mentions.save_problems(
            session,
            f"{names[0]}/movistar",
            [Problem("no date", "<item><title>sin fecha</title></item>", 12)],
            now=world.now,
        )
        health.loop_started(session, "collect", world.now - timedelta(minutes=1))
        health.loop_finished(session, "collect", world.now, {"pages": 3, "new": 2}, None)


def _alerts(world: World) -> None:
    """One more alert, about a source, whose message failed."""
    alert = Alert(
        kind=AlertKind.SOURCE_FAILING,
        key="failing:test",
        brand=None,
        subject={"source": "noticias/movistar"},
        reasons=(
            Reason(
                "alert_failing",
                {"failures": 3, "since": "2026-11-22T03:00+00:00", "error": kept(UNAVAILABLE)},
            ),
        ),
    )
    with world.db.write() as session:
        alert_id = alerts.raise_alert(
            session,
            alert,
            [Recipient("jefa@listener.example", "es")],
            notifier="email",
            domain="listener.example",
            now=world.now,
        )
        assert alert_id is not None
        delivery = alerts.notifications_of(session, [alert_id])[0]
        from listener.storage.tables import NotificationRow

        row = session.get_one(NotificationRow, delivery.id)
        row.status, row.last_error, row.attempts = "failed", UNKNOWN, 8
