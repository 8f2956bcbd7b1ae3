"""A large invented world on SQLite, for measuring: mentions with readings and authors, and cases.

Every text is put together from our own phrases; nobody in it is real. Posts are spread over four
hundred days, denser towards now, in the afternoon and on working days; a few authors write much and
most once; most cases are closed. Rows are written in bulk past the triggers, whose tables are then
made from what is there by the same statements as in a migration.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from classifiers.reader import SHIPPED
from classifiers.versions import versions
from listener import accounts
from listener.domain import Role
from listener.settings import Settings
from listener.settings_files import load as load_settings
from listener.storage import Database, counted, full_text
from listener.storage.tables import (
    AuthorRow,
    CaseEvent,
    CaseMention,
    CaseRow,
    MentionBrand,
    MentionRow,
    ReadingRow,
    ReportedNumber,
)

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "campo de pruebas 77"
PEOPLE = (
    ("ana", Role.COMMUNITY_MANAGER, "es"),
    ("ben", Role.COMMUNITY_MANAGER, "en"),
    ("carla", Role.COMMUNITY_MANAGER, "es"),
    ("berta", Role.BRAND_MANAGER, "es"),
    ("marc", Role.MARKETING_LEAD, "es"),
)
DAYS = 400
_CHUNK = 20_000
_WIDTH = 384
_TOPICS = 300  # like posts lie around as many points

_THINGS = {
    "es": "la factura;el router;la fibra;la cobertura;la tarifa;la instalación;el móvil;la "
    "portabilidad;el descodificador;la permanencia;el técnico;la baja;el alta;la oferta",
    "en": "the bill;the router;the broadband;the coverage;the plan;the installation;the handset",
    "pt": "a fatura;o router;a fibra;a cobertura;o tarifário;a instalação",
    "fr": "la facture;la box;la fibre;le réseau;le forfait;l'installation",
    "de": "die Rechnung;der Router;der Anschluss;das Netz;der Tarif;der Techniker",
    "it": "la bolletta;il router;la fibra;la copertura;la tariffa;l'installazione",
}
_CALLS = {
    "es": "Otra vez el {number}, {count} llamadas en {days} días y ya dije que no|Me han llamado "
    "{count} veces a las {hour} desde el {number}|El {number} no deja de llamar, les pedí que "
    "borraran mi número|{count} llamadas de {brand} esta semana, la última a las {hour}, basta ya|"
    "Tercera semana con el {number} a la hora de la siesta, {brand}",
    "en": "The {number} again, {count} calls in {days} days and I said no|{brand} rang me {count} "
    "times, last one at {hour}|I asked {brand} to stop calling, {number} rings every day",
    "pt": "Outra vez o {number}, {count} chamadas em {days} dias e já disse que não, {brand}",
    "fr": "Encore le {number}, {count} appels en {days} jours et j'ai dit non à {brand}",
    "de": "Schon wieder die {number}, {count} Anrufe in {days} Tagen, ich habe nein gesagt, {brand}",
    "it": "Ancora il {number}, {count} chiamate in {days} giorni e ho detto di no a {brand}",
}
_COMPLAINTS = {
    "es": "{brand} lleva {days} días sin arreglar {thing}|Nadie en {brand} sabe nada de {thing}, "
    "llevo {count} correos|Me cobran {thing} {count} veces y {brand} no contesta|Vergonzoso lo de "
    "{brand} con {thing}, {days} días esperando",
    "en": "{brand} has not fixed {thing} in {days} days|Nobody at {brand} knows about {thing}, "
    "{count} e-mails so far",
    "pt": "A {brand} não resolve {thing} há {days} dias",
    "fr": "{brand} n'a pas réglé {thing} depuis {days} jours",
    "de": "{brand} hat {thing} seit {days} Tagen nicht repariert",
    "it": "{brand} non sistema {thing} da {days} giorni",
}
_TALK = {
    "es": "Hoy {thing} de {brand} va fino|¿Alguien ha cambiado {thing} con {brand} hace poco?|"
    "Vista la publicidad de {brand}, {count} veces en una tarde|Buena atención de {brand} con "
    "{thing}, en {count} minutos listo|Comparando {thing} de {brand} con la de mi vecina",
    "en": "{thing} from {brand} works well today|Has anybody changed {thing} with {brand} lately?",
    "pt": "Hoje {thing} da {brand} está ótimo",
    "fr": "Quelqu'un a changé {thing} avec {brand} récemment ?",
    "de": "Hat jemand {thing} bei {brand} gewechselt?",
    "it": "Oggi {thing} di {brand} va benissimo",
}
_TAILS = [
    "#atención",
    "gracias por nada",
    "en fin",
    "lo cuento por si ayuda",
    "van tarde",
    "y así todo el mes",
    "no sé qué más hacer",
    "se lo dije a mi hermana",
    "ya van {count}",
    "en {town}",
    "desde {town}, {brand}",
    "#consumo",
]
_TOWNS = [
    "Madrid",
    "Vigo",
    "Murcia",
    "Cádiz",
    "Bilbao",
    "Lugo",
    "Soria",
    "Teruel",
    "Gijón",
    "Palma",
    "Huesca",
    "Ávila",
]
_NUMBERS = ("1004", "1002", "910 000 017", "955 000 120", "600 000 421", "22123")
_LANGS = ("es", "en", "pt", "fr", "de", "it"), (78, 9, 4, 3, 3, 3)
_BRANDS = ("movistar", "vodafone", "orange"), (64, 22, 14)
_SOURCES = ("mastodon", "bluesky", "feed", "files"), (46, 30, 14, 10)
_CATEGORIES = (
    ("harassment", "billing", "service_quality", "customer_service", "delivery", "other"),
    (30, 26, 20, 14, 6, 4),
)
_HOURS = (3, 2, 1, 1, 1, 1, 2, 4, 6, 7, 8, 8, 8, 8, 7, 8, 8, 8, 9, 9, 9, 8, 6, 4)


def make(folder: Path, mentions: int, cases: int) -> tuple[Settings, Database]:
    """The world in `folder`, as it is if it was made before."""
    config, ready = folder / "config", folder / "ready"
    fresh = not ready.exists()
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(ROOT / "config", config)
        _only_files(config, folder / "dropped")
    settings = load_settings(config, {"LISTENER_VAR": str(folder / "var")})
    db = Database(settings.database_url)
    db.upgrade()
    if fresh:
        _fill(db, mentions, cases)
        for username, role, language in PEOPLE:
            accounts.add_user(
                db,
                username,
                name=username.title(),
                email=f"{username}@listener.example",
                role=role.value,
                language=language,
                time_zone="Europe/Madrid",
            )
            accounts.set_password(db, username, PASSWORD)
        ready.write_text(f"{mentions} {cases}\n")
    return settings, db


def _only_files(config: Path, dropped: Path) -> None:
    """One source: the folder into which the measurement drops new posts."""
    dropped.mkdir(parents=True)
    (config / "sources.toml").write_text(
        f'[[sources]]\nname = "dropped"\ntype = "files"\nevery = "5s"\n'
        f'[sources.options]\nfolder = "{dropped}"\n',
        encoding="utf-8",
    )


def post(rng: random.Random, lang: str, brand: str, kind: str) -> str:
    phrases = {"harassment": _CALLS, "talk": _TALK}.get(kind, _COMPLAINTS)[lang].split("|")
    text = f"{rng.choice(phrases)}. {rng.choice(_TAILS)}"
    return text.format(
        brand=brand.title(),
        number=rng.choice(_NUMBERS),
        count=rng.randint(2, 40),
        days=rng.randint(2, 60),
        hour=f"{rng.randint(7, 23)}:{rng.choice('0134')}0",
        thing=rng.choice(_THINGS[lang].split(";")),
        town=rng.choice(_TOWNS),
    )


def _fill(db: Database, mentions: int, cases: int) -> None:
    dialect = "sqlite"
    now = datetime.now(UTC).replace(microsecond=0)
    with db.engine.connect() as connection:
        for statement in [*counted.dropped(dialect), *full_text.dropped(dialect)]:
            connection.execute(sa.text(statement))
        connection.commit()
        _posts(connection, mentions, now)
        _cases(connection, cases, now)
        connection.execute(sa.text(counted.fill(dialect)))
        connection.commit()
        for statement in [*counted.triggers(dialect), *full_text.made(dialect)]:
            connection.execute(sa.text(statement))
            connection.commit()


def _insert(connection: sa.Connection, table: type[Any], rows: Iterator[dict[str, Any]]) -> None:
    while part := list(islice(rows, _CHUNK)):
        connection.execute(sa.insert(table), part)
    connection.commit()


def _posts(connection: sa.Connection, count: int, now: datetime) -> None:
    rng = random.Random(31)
    writers = max(10, count // 5)

    def authors() -> Iterator[dict[str, Any]]:
        for n in range(1, writers + 1):
            yield {
                "id": n,
                "source": _SOURCES[0][n % 4],
                "handle": f"persona{n}@red{n % 40}.example",
                "name": f"Persona {n}",
                "url": "",
                "followers": int(rng.paretovariate(0.9) * 20) % 400_000,
            }

    _insert(connection, AuthorRow, authors())
    seconds = _moments(rng, count)
    langs = rng.choices(_LANGS[0], _LANGS[1], k=count)
    brands = rng.choices(_BRANDS[0], _BRANDS[1], k=count)
    kinds = [rng.choices(*_CATEGORIES)[0] if rng.random() < 0.35 else "talk" for _ in range(count)]

    def rows() -> Iterator[dict[str, Any]]:
        for n in range(count):
            author = min(int(rng.paretovariate(0.6)), writers) if n % 3 else rng.randint(1, writers)
            at = now - timedelta(seconds=seconds[n])
            yield {
                "id": n + 1,
                "source": _SOURCES[0][author % 4],
                "external_id": f"p{n}",
                "subscription": f"bench/{brands[n]}",
                "author_id": author,
                "title": "",
                "text": post(rng, langs[n], brands[n], kinds[n]),
                "url": f"https://red.example/p/{n}",
                "site": "red.example",
                "published_at": at,
                "collected_at": at,
                "tags": [],
                "links": [],
                "reach": int(rng.paretovariate(0.9) * 20) % 400_000,
                "fingerprint": f"{n:064x}",
                "duplicate_of": n - 1 if n > 10 and n % 19 == 0 and (n - 1) % 19 else None,
                "state": "processed",
            }

    def found() -> Iterator[dict[str, Any]]:
        for n in range(count):
            base = {"mention_id": n + 1, "hits": [], "followed": True}
            yield {**base, "brand": brands[n]}
            if n % 23 == 0:
                other = _BRANDS[0][(_BRANDS[0].index(brands[n]) + 1) % 3]
                yield {**base, "brand": other}

    def read() -> Iterator[dict[str, Any]]:
        for n in range(count):
            kind = kinds[n]
            complaint = kind != "talk"
            mood = "negative" if complaint else ("neutral", "positive", "neutral")[n % 3]
            yield {
                "mention_id": n + 1,
                "lang": langs[n],
                "sentiment": mood,
                "complaint": complaint,
                "category": kind if complaint else None,
                "harassment": kind == "harassment",
                "scores": {"complaint": 0.93 if complaint else 0.04, "negative": 0.8},
                "uncertain": [],
                "doubtful": n % 400 == 7,
                "facts": {},
                "evidence": [],
                "model": "bench",
                "read_at": now,
                "embedding": None,
            }

    def reported() -> Iterator[dict[str, Any]]:
        for n in range(count):
            if kinds[n] == "harassment" and n % 2:
                digits = rng.choice(_NUMBERS).replace(" ", "")
                at = now - timedelta(seconds=seconds[n])
                yield {
                    "mention_id": n + 1,
                    "digits": digits if len(digits) < 6 else f"+34{digits}",
                    "brand": brands[n],
                    "published_at": at,
                }

    for table, made in (
        (MentionRow, rows()),
        (MentionBrand, found()),
        (ReadingRow, read()),
        (ReportedNumber, reported()),
    ):
        _insert(connection, table, made)


def _moments(rng: random.Random, count: int) -> list[int]:
    """Seconds before now, the oldest first."""
    ages = []
    for _ in range(count):
        day = int(DAYS * (1 - rng.random() ** 0.7))
        day += (day % 7 in (5, 6)) * rng.randint(0, 1)
        hour = rng.choices(range(24), _HOURS)[0]
        ages.append(day * 86_400 + (23 - hour) * 3600 + rng.randint(0, 3599))
    return sorted(ages, reverse=True)


def _cases(connection: sa.Connection, count: int, now: datetime) -> None:
    """One case for each of the newest complaints of a brand of ours, every tenth with two posts."""
    rng = random.Random(32)
    numbers = np.random.default_rng(33)
    topics = numbers.normal(size=(_TOPICS, _WIDTH)).astype(np.float32)
    model = next((v.revision for v in versions(SHIPPED.parent / "none")), "bench")
    rows = connection.execute(
        sa.select(
            MentionRow.id,
            MentionRow.author_id,
            MentionRow.published_at,
            ReadingRow.category,
            ReadingRow.lang,
            MentionRow.text,
        )
        .join(ReadingRow, ReadingRow.mention_id == MentionRow.id)
        .join(MentionBrand, MentionBrand.mention_id == MentionRow.id)
        .where(ReadingRow.complaint, MentionBrand.brand == "movistar")
        .where(MentionRow.duplicate_of.is_(None))
        .order_by(MentionRow.id.desc())
        .limit(count + count // 10)
    ).all()[::-1]
    cases, links, events, facts = [], [], [], []
    at = 0
    for case_id in range(1, count + 1):
        if at >= len(rows):
            break
        own = rows[at : at + (2 if case_id % 10 == 0 else 1)]
        at += len(own)
        first = own[0]
        closed = rng.random() < (0.97 if case_id < count * 0.9 else 0.35)
        score = int(min(140, rng.gammavariate(3, 14)))
        level = "urgent" if score >= 80 else "high" if score >= 50 else "normal"
        opened = first.published_at + timedelta(minutes=rng.randint(1, 60))
        ended = opened + timedelta(hours=rng.randint(1, 40)) if closed else None
        owner = rng.choice(["ana", "ben", "carla", None])
        queue = {"harassment": "harassment", "billing": "billing"}.get(first.category, "service")
        cases.append(
            {
                "id": case_id,
                "open_key": None if closed else f"{case_id:064x}",
                "brand": "movistar",
                "author_id": first.author_id,
                "matter": first.category,
                "lang": first.lang,
                "status": "closed" if closed else rng.choice(["new", "new", "open", "pending"]),
                "resolution": "answered" if closed else None,
                "score": score,
                "level": level,
                "priority_reasons": [
                    {"key": "harassment", "values": {}, "points": 40},
                    {"key": "opt_out", "values": {}, "points": 15},
                ],
                "queue": queue,
                "owner": owner,
                "assigned_at": opened if owner else None,
                "route_reasons": [
                    {"key": "default_queue", "values": {"queue": queue}, "points": 0}
                ],
                "due_at": opened + timedelta(hours=rng.choice([1, 4, 10, 30])),
                "opened_at": opened,
                "updated_at": ended or opened,
                "closed_at": ended,
                "first_mention_id": first.id,
                "last_mention_id": own[-1].id,
                "match": None,
                "customer_ref": f"C{case_id}" if case_id % 3 == 0 else None,
                "crm": "local" if case_id % 3 == 0 else None,
            }
        )
        for row in own:
            links.append({"case_id": case_id, "mention_id": row.id})
            near = topics[hash(row.category) % 7 * 40 + row.id % 40] + numbers.normal(
                scale=0.7, size=_WIDTH
            )
            facts.append(
                {
                    "mention": row.id,
                    "facts_": _facts(row.text),
                    "near": (near / np.linalg.norm(near)).astype(np.float16).tobytes(),
                    "revision": model,
                }
            )
        for kind, actor in (("opened", "listener"), ("routed", "listener")):
            data = {"mention": first.id, "matter": first.category, "queue": queue, "owner": owner}
            event = {"case_id": case_id, "at": opened, "actor": actor, "kind": kind}
            events.append({**event, "data": data})
    for table, made in ((CaseRow, cases), (CaseMention, links), (CaseEvent, events)):
        _insert(connection, table, iter(made))
    change = (
        sa.update(ReadingRow)
        .where(ReadingRow.mention_id == sa.bindparam("mention"))
        .values(
            facts=sa.bindparam("facts_", type_=sa.JSON),
            embedding=sa.bindparam("near"),
            model=sa.bindparam("revision"),
        )
    )
    for start in range(0, len(facts), _CHUNK):
        connection.execute(change, facts[start : start + _CHUNK])
    connection.commit()


def _facts(text: str) -> dict[str, Any]:
    """Where a number stands in the text, as the reader would mark it."""
    numbers = []
    for number in _NUMBERS:
        if (at := text.find(number)) >= 0:
            numbers.append({"text": number, "e164": None, "span": [at, at + len(number)]})
    return {"numbers": numbers, "opt_out": "no" in text, "spans": {}}
