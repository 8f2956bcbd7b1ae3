"""A town of the tests' own: people on a real Mastodon-API server who write 200 posts, a company's
list of 1,000 customers, a real mail server, and the service between them. All of it is invented.

Marta is called by 1004 and gives her number; Lucía and Rosa answer complaints of harassment, Ana
the others; the desk hears of every alert.
"""

from __future__ import annotations

import csv
import io
import json
import random
import signal
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from command import BRANDS, LISTENER, Home
from servers import Account, SnacServer, free_port
from servers_smtp import SmtpServer

MARTA_PHONE = "612 904 417"
MARTA = "C0417"

COMPLAINTS = (
    "Otra vez el 1004. Me habéis llamado 9 veces en dos semanas, la última a las 22:30, y ya os he "
    f"dicho tres veces que no me interesa. Mi número es {MARTA_PHONE}. Mañana os denuncio a Consumo y "
    "me doy de baja. #movistar",
    "Sexta llamada del 1004 hoy. Que no quiero nada, dejad de llamarme. #movistar",
    "El mil cuatro me despierta de la siesta todos los días. Ya les dije que no. #spamtelefonico",
    "Cuatro llamadas del 10 04 esta mañana y en las cuatro he dicho que NO. #spamtelefonico",
    "Llevan un mes llamándome del 1004 a la hora de cenar, es acoso. Paren ya. #movistar",
    "He pedido por escrito que no me llamen y hoy otras tres veces los de #movistar",
    "1-0-0-4: bloqueado, desbloqueado por ellos mismos con otro número. Dejadme en paz. #spamtelefonico",
    "Mi madre tiene 84 años y el 1004 la llama cinco veces al día para venderle fútbol. Ya basta. #movistar",
    "El +34 1004 me ha llamado doce veces desde el lunes. Doce. Les dije que no en la primera. #spamtelefonico",
    "Que no, que no quiero cambiarme, que dejéis de llamarme a las 8 de la mañana, #movistar",
    "Otra llamada comercial de Movistar y otra vez digo que no me llamen más. Van siete. #spamtelefonico",
    "No soy cliente, no lo he sido nunca y el 1004 me llama dos veces al día. ¿Cómo paro esto? #movistar",
    "Acoso telefónico de Movistar: 15 llamadas en tres días después de pedir que me borrasen. #movistar",
    "Estoy en la lista Robinson y aun así el 1004 me llama cada tarde. Voy a denunciar. #spamtelefonico",
    "Me cuelgan, me vuelven a llamar, cuelgo, me vuelven a llamar. Todo el día igual, 1004. #movistar",
    "Los de Movistar llamando a las diez de la noche para ofrecerme un móvil. Les pedí que no volvieran "
    "a llamar y hoy otra vez. #movistar",
    "Por cuarta vez esta semana: NO me interesa. Dejad de llamar, 1004. #spamtelefonico",
    "El 1004 no entiende la palabra no. Tres llamadas hoy, cinco ayer. #movistar",
    "Domingo, 9 de la mañana, el 1004 con su oferta. Otra vez. Les dije que no me llamaran. #spamtelefonico",
    "Me di de baja hace un año y siguen llamándome del 1004 para que vuelva, a diario. Basta. #movistar",
    "¿Alguien sabe cómo conseguir que Movistar deje de llamarme? Van veinte llamadas este mes. #movistar",
    "Llamada del 1004 en el trabajo, en casa y en el médico. Todas el mismo día. Acoso. #spamtelefonico",
    "He bloqueado nueve números y todos eran comerciales de Movistar que no aceptan un no. #movistar",
    "Otra vez el 1004 a la hora de la siesta, con el bebé dormido. Ya les dije que no llamaran. #movistar",
    "Les he dicho que me borren de sus listas y el 1004 me ha llamado otra vez hoy, y otra. #spamtelefonico",
    "Me llaman del 1004 hasta seis veces al día. Contesto, digo que no, y a la hora otra vez. #movistar",
    "Movistar me acosa con llamadas desde que pedí la portabilidad. Diez en dos días. Paren. #movistar",
    "Estoy harta de las llamadas del 1004. Todas las tardes a las tres y media. Que no quiero nada. #spamtelefonico",
    "Mi padre está enfermo y el 1004 no para de llamar al fijo. Pedí que lo quitaran y nada. #movistar",
    "Octava vez que cuelgo al 1004 esta semana. ¿Qué parte de no me interesa no entienden? #movistar",
    "Llamadas y más llamadas de Movistar para venderme una alarma. Les he dicho que no cinco veces. #movistar",
    "El 1004 me llama y no habla nadie, varias veces al día, desde hace dos semanas. Es desesperante. #spamtelefonico",
    "Reclamé a Movistar que dejasen de llamarme y la respuesta fue otra llamada comercial. #movistar",
    "Cada día a las 15:10, como un reloj, el 1004. Llevo tres semanas diciendo que no. #movistar",
    "No cojo el 1004 y llaman desde otro número diciendo que son Movistar. Cuatro veces hoy. Dejadme. #spamtelefonico",
    "Me han llamado once veces de Movistar desde que dije que no quería nada. Once. #movistar",
    "Hoy el 1004 ha llamado tres veces a mi abuela, que ya les dijo que no. Vergüenza. #movistar",
    "Quinta llamada de la semana del 1004, y cada vez les pido que no llamen más. #spamtelefonico",
    "Los comerciales de Movistar no respetan ni los festivos: hoy tres llamadas y dije que no en las tres. #movistar",
    "Ya no sé cómo decirlo: 1004, no me llaméis más. Seis llamadas en dos días. #movistar",
    "Otra tarde más con el 1004 sonando cada hora. He pedido tres veces que paren. #spamtelefonico",
    "Movistar, dejad de llamar a mi línea de trabajo. Van ocho veces y siempre digo que no. #movistar",
)

AGAIN = (  # by the authors of the first four complaints, later
    "Y hoy el 1004 otra vez, décima llamada. Os lo he dicho de todas las maneras: no me llaméis. #movistar",
    "Séptima. Séptima llamada del 1004. Que no quiero nada. #movistar",
    "El mil cuatro otra vez a la hora de la siesta, y ya dije ayer que no. #spamtelefonico",
    "Otras dos llamadas del 10 04 esta tarde, y otra vez he dicho que no. #spamtelefonico",
)

OTHERS = (
    "La factura de Movistar ha subido 14 euros sin avisar y nadie me explica por qué. #movistar",
    "Tercer día sin fibra y Movistar dice que ya irán. Una vergüenza de servicio. #movistar",
    "Me han cobrado dos veces el mismo mes, #movistar, y no me devuelven el dinero.",
    "El técnico de Movistar no se ha presentado. He perdido la mañana entera esperando. #movistar",
    "Llevo una hora en espera con atención al cliente de Movistar y me han colgado. #movistar",
    "El router de Movistar se reinicia cada diez minutos y no me lo cambian. #movistar",
)

NEUTRAL = (
    "Ayer me pusieron la fibra de Movistar y va como un tiro. Gracias al técnico. #movistar",
    "¿Sabéis si Movistar trae el partido del sábado? #movistar",
    "Nueva sede de Movistar en Valencia, abre el lunes. #movistar",
    "Muy amable la chica de la tienda de Movistar de mi barrio, me lo arregló en un minuto. #movistar",
    "Movistar presenta sus resultados del trimestre esta tarde. #movistar",
    "El 1004 es el teléfono gratuito de atención comercial de Movistar. #movistar",
    "Contento con Movistar, cinco años y ni una avería. #movistar",
    "¿Qué tal la cobertura de Movistar en la sierra? Me mudo en enero. #movistar",
    "Movistar patrocina la carrera popular del domingo. #movistar",
    "He cambiado a Movistar y la instalación, perfecta. #movistar",
    "Gran documental el de anoche en Movistar. #movistar",
    "El equipo ciclista Movistar gana la etapa. #movistar",
    "Bien por Movistar: avería resuelta en dos horas. #movistar",
    "Movistar abre plazo para sus becas. #movistar",
    "Un diez para el técnico de Movistar que vino hoy, rapidísimo. #movistar",
    "¿Alguien usa el descodificador nuevo de Movistar? Cuento con vuestras opiniones. #movistar",
)

RIVAL = (
    "Vodafone no para de llamarme, seis veces hoy, y ya dije que no. #telecos",
    "Mi factura de Vodafone vuelve a estar mal. #telecos",
    "Vodafone estrena tienda en el centro. #telecos",
    "Encantado con la fibra de Vodafone. #telecos",
    "Sin línea con Vodafone desde ayer, nadie responde. #telecos",
    "Los comerciales de Vodafone, cuarta llamada de la semana. Paren. #telecos",
    "Vodafone sube precios en enero, según la prensa. #telecos",
    "Cambiado a Vodafone en un día, sin problemas. #telecos",
)

NOISE_HEADS = (
    "Hoy toca paella", "Qué frío en la sierra", "El metro va lleno", "Se me ha roto el paraguas",
    "Vaya partido el de anoche", "Empieza la feria del libro", "Mi gato ha aprendido a abrir puertas",
    "Me han llamado del colegio", "La fibra óptica explicada a niños", "Pago 1.004 euros de alquiler y ni ascensor",
)  # fmt: skip
NOISE_TAILS = (
    "#telecos",
    "y encima lunes #telecos",
    "con los de siempre #spamtelefonico",
    "#telecos #lunes",
)

ANSWER = "Hola, Marta. Sentimos lo ocurrido; escríbenos por privado y lo paramos hoy. #movistar"
RETWEETS = 4

NAMES = (
    "marta", "alba", "aitor", "bea", "berto", "carla", "carlos", "celia", "chema", "cris", "dani", "diego",
    "elena", "elsa", "emma", "enric", "eva", "fatima", "felix", "flor", "gema", "gloria", "hugo", "ines",
    "irene", "ivan", "jaime", "joan", "jordi", "jose", "juana", "julia", "laia", "laura", "leo", "lola",
    "luis", "mai", "manu", "marc", "maria", "mario", "mireia", "nacho", "nerea", "nuria", "olga", "oscar",
    "pablo", "paula", "pep", "pilar", "quim", "raul", "rita", "sara", "sergi", "silvia", "sonia", "tere",
    "toni", "vera", "victor", "xavi", "yago", "zoe",
)  # fmt: skip


@dataclass(frozen=True)
class Post:
    author: str
    text: str
    kind: str  # harassment, again, complaint, neutral, rival, noise, answer, retweet, brand

    @property
    def wanted(self) -> bool:
        """Whether a brand's query finds it: by our own knowledge of the texts."""
        return self.kind != "noise"


def plan() -> list[Post]:
    """200 posts in the order in which they are written: always the same."""
    posts = [Post(NAMES[n], text, "harassment") for n, text in enumerate(COMPLAINTS)]
    others = NAMES[len(COMPLAINTS) :]
    posts += [Post(others[n % len(others)], text, "complaint") for n, text in enumerate(OTHERS)]
    posts += [Post(others[-1 - n % len(others)], text, "neutral") for n, text in enumerate(NEUTRAL)]
    posts += [Post(others[n * 3 % len(others)], text, "rival") for n, text in enumerate(RIVAL)]
    posts += [
        Post(
            "movistar", f"Esta semana, nuevo horario en nuestras tiendas ({n}). #movistar", "brand"
        )
        for n in range(3)
    ]
    chance = random.Random(1004)
    later = [Post(NAMES[n], text, "again") for n, text in enumerate(AGAIN)]
    later += [
        Post(others[n], f"RT @{NAMES[n + 4]}: {COMPLAINTS[n + 4]}", "retweet")
        for n in range(RETWEETS)
    ]
    missing = 200 - 1 - len(posts) - len(later)
    posts += [
        Post(
            chance.choice(others),
            f"{chance.choice(NOISE_HEADS)} {n} {chance.choice(NOISE_TAILS)}",
            "noise",
        )
        for n in range(missing)
    ]
    first, rest = posts[0], posts[1:]
    chance.shuffle(rest)
    chance.shuffle(later)
    answer = Post("movistar", ANSWER, "answer")
    return [*rest[:20], first, answer, *rest[20:], *later]


@dataclass
class Town:
    folder: Path
    snac: SnacServer
    smtp: SmtpServer
    home: Home
    port: int
    written: dict[str, Post] = field(default_factory=dict)  # by external id
    accounts: dict[str, Account] = field(default_factory=dict)

    # ------------------------------------------------------------------ the world outside

    def write(self, post: Post) -> str:
        """A person writes; the brand's account answers Marta through the API."""
        if post.kind == "answer":
            external_id = self._answer(post)
        else:
            external_id = self.account(post.author).post(post.text)
        self.written[external_id] = post
        return external_id

    def account(self, name: str) -> Account:
        if name not in self.accounts:
            self.accounts[name] = self.snac.create_account(name, with_token=name == "movistar")
        return self.accounts[name]

    def _answer(self, post: Post) -> str:
        brand = self.account("movistar")
        asked = self.id_of(lambda p: p.author == "marta" and p.kind == "harassment")
        form = {"status": post.text, "in_reply_to_id": self.snac.api_id(asked)}
        request = urllib.request.Request(
            f"{self.snac.base_url}/api/v1/statuses",
            data=urllib.parse.urlencode(form).encode(),
            headers={"Authorization": f"Bearer {brand.token()}"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return str(json.load(answer)["uri"])

    def id_of(self, which: Callable[[Post], bool]) -> str:
        return next(i for i, p in self.written.items() if which(p))

    def boost(self, count: int) -> None:
        wanted = [i for i, p in self.written.items() if p.kind == "harassment"][:count]
        for number, external_id in enumerate(wanted):
            self.account(NAMES[-1 - number % 10]).boost(external_id)

    @property
    def wanted(self) -> dict[str, Post]:
        return {i: p for i, p in self.written.items() if p.wanted}

    # ------------------------------------------------------------------ the service

    @contextmanager
    def service(self, *options: str) -> Iterator[subprocess.Popen[bytes]]:
        process = self.start(*options)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        with (self.folder / "service.log").open("ab") as log:
            return subprocess.Popen(
                [*LISTENER, "run", *options],
                cwd=self.home.folder,
                env=self.home.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def stop(self, process: subprocess.Popen[bytes]) -> int:
        process.send_signal(signal.SIGTERM)
        return process.wait(60)

    @property
    def log(self) -> str:
        return (self.folder / "service.log").read_text(encoding="utf-8", errors="replace")

    def wait(self, what: str, until: Callable[[], bool], *, at_most: float = 240) -> None:
        """Poll; a wait that does not end says what it waited for and what the service said."""
        deadline = time.monotonic() + at_most
        while time.monotonic() < deadline:
            if until():
                return
            time.sleep(0.3)
        raise AssertionError(f"still waiting for {what}; the service said:\n{self.log[-3000:]}")

    def settled(self) -> bool:
        """Everything written is stored and processed, and the outbox is empty."""
        stored = {i for (i,) in self.home.query("SELECT external_id FROM mentions")}
        if not stored >= self.wanted.keys():
            return False
        [(pending,)] = self.home.query("SELECT count(*) FROM mentions WHERE state = 'pending'")
        [(waiting,)] = self.home.query(
            "SELECT count(*) FROM notifications WHERE status IN ('pending', 'claimed', 'transmitting')"
        )
        return bool(pending == 0 and waiting == 0)

    def calm(self, turns: int) -> bool:
        """Every loop ran so many times more and nothing changed."""
        before = self._fingerprint()
        for _ in range(turns):
            since = datetime.now(UTC).replace(tzinfo=None).isoformat(" ")
            self.wait(
                "a turn of every loop",
                lambda since=since: (  # type: ignore[misc]
                    self.home.query(
                        f"SELECT count(*) FROM loops WHERE started_at > '{since}'"
                        " AND finished_at > started_at"
                    )
                    == [(3,)]
                ),
                at_most=60,
            )
        return before == self._fingerprint()

    def _fingerprint(self) -> list[int]:
        tables = ("mentions", "cases", "case_mentions", "alerts", "notifications", "raw_pages")
        return [self.home.query(f"SELECT count(*) FROM {t}")[0][0] for t in tables]

    def state(self) -> str:
        [(mentions, pending)] = self.home.query(
            "SELECT count(*), sum(state = 'pending') FROM mentions"
        )
        outbox = self.home.query("SELECT status, count(*) FROM notifications GROUP BY status")
        return f"{mentions} stored of {len(self.wanted)}, {pending} pending, outbox {outbox}"


def build(folder: Path, snac: SnacServer, smtp: SmtpServer, *, batch_size: int = 64) -> Town:
    """Configuration, customers and people; nothing runs yet and nobody has written."""
    home = Home(folder / "home")
    port = free_port()
    home.environ |= smtp.environment()
    server = urlsplit(snac.base_url).netloc
    home.write("brands.toml", BRANDS.replace("@social.example", f"@{server}"))
    home.write(
        "listener.toml",
        {
            "service": {"language": "es", "public_url": f"http://127.0.0.1:{port}"},
            "schedule": {"collect": "1s", "process": "1s", "deliver": "1s"},
            "dashboard": {"port": port},
            "http": {"allow_private_addresses": True, "per_host_interval": "0.02s"},
            "process": {"batch_size": batch_size},
            "delivery": {"first_retry": "1s", "longest_retry": "2s"},
            "email": smtp.config(),
        },
    )
    home.write("sources.toml", SOURCES.format(server=snac.base_url))
    home.write("rules/routing.toml", ROUTING)
    home.write("rules/alerts.toml", 'recipients = ["desk@example.org"]\n')
    return Town(folder, snac, smtp, home, port)


SOURCES = """
[[sources]]
name = "square"
type = "mastodon"
every = "1s"
options = {{server = "{server}", tags = ["movistar", "spamtelefonico", "telecos"], backfill_pages = 10}}
"""
ROUTING = """
default_queue = "general"
around_the_clock = ["urgent", "high", "normal", "low"]
[[rules]]
queue = "harassment"
categories = ["harassment"]
[[rules]]
queue = "service"
[due]
urgent = "1h"
high = "4h"
normal = "10h"
low = "30h"
"""
DUE = {"urgent": 1, "high": 4, "normal": 10, "low": 30}  # hours


def customers(count: int = 1000) -> tuple[str, str]:
    """(people.csv, events.csv): Marta is one of many, with the dialler's log of her calls."""
    people, events = io.StringIO(), io.StringIO()
    sheet = csv.writer(people)
    sheet.writerow(["customer_id", "name", "phone", "email", "country", "time_zone", "status"])
    log = csv.writer(events)
    log.writerow(
        ["event_id", "at", "direction", "channel", "customer_id", "customer_number", "caller_number",
         "campaign", "disposition", "duration_s"]
    )  # fmt: skip
    start = datetime.now(UTC) - timedelta(days=20)
    for number in range(1, count + 1):
        ref = f"C{number:04}"
        phone = MARTA_PHONE if ref == MARTA else f"6{11_000_000 + number * 7919:08}"
        name = "Marta Invención" if ref == MARTA else f"Persona Inventada {number}"
        sheet.writerow(
            [ref, name, phone, f"p{number}@example.org", "ES", "Europe/Madrid", "customer"]
        )
        calls = 9 if ref == MARTA else 2
        for call in range(calls):
            at = (start + timedelta(days=2 * call, minutes=number)).isoformat()
            log.writerow(
                [f"E{number}-{call}", at, "out", "call", ref, phone, "1004", "otoño",
                 "not_interested" if ref == MARTA else "no_answer", 20]
            )  # fmt: skip
    return people.getvalue(), events.getvalue()


def feed(town: Town, posts: Sequence[Post], *, seconds: float) -> threading.Thread:
    """The posts are written in the background, spread over so many seconds."""

    def go() -> None:
        pause = seconds / max(1, len(posts))
        for post in posts:
            town.write(post)
            time.sleep(pause)

    thread = threading.Thread(target=go, name="feed", daemon=True)
    thread.start()
    return thread
