"""Full text on SQLite and PostgreSQL: what is found, and that the index forgets nothing and keeps
nothing that is gone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa
from builders import NOW, case_on, found

from listener.domain import Author
from listener.storage import Database, full_text, mentions
from listener.storage.full_text import Unit, words
from listener.storage.tables import AuthorRow, CaseEvent, CaseMention, CaseRow, MentionRow

TEXTS = {
    "lucia": "Otra vez el 1004: ¡me han LLAMADO a las 22:30! La próxima, denuncia a Consumo.",
    "iñaki": "Llamadas y más llamadas de Telefónica; teléfono 600 123 456",
    "noa": "Han llamado otra vez, me dicen; e-mail: noa@correo.example",
    "петр": "Опять звонят из Movistar",
}


@pytest.fixture
def ids(database: Database) -> dict[str, int]:
    items = [
        found(name, text, author=None) if name == "noa" else found(name, text, author=name)
        for name, text in TEXTS.items()
    ]
    with database.write() as session:
        new = mentions.save_found(session, "mastodon-es", items, now=NOW).new_ids
        rows = session.scalars(sa.select(MentionRow).where(MentionRow.id.in_(new)))
        return {row.external_id: row.id for row in rows}


def names(db: Database, ids: dict[str, int], written: str, *, on_cases: bool = False) -> list[str]:
    with db.read() as session:
        chosen = full_text.matching(session, words(written), on_cases=on_cases)
        hit = set(session.scalars(chosen))
    assert hit <= set(ids.values())
    return [name for name, mention_id in ids.items() if mention_id in hit]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("llamado", ["lucia", "noa"]),
        ("LLAMADO otra", ["lucia", "noa"]),
        ('"otra vez"', ["lucia", "noa"]),
        ('"me han llamado"', ["lucia"]),
        ('"han me llamado"', []),
        ('"me han llam', []),  # whole words, also in a phrase that nobody closed
        ("llamad*", ["lucia", "iñaki", "noa"]),
        ("llam", []),
        ("proxima consumo", ["lucia"]),
        ("telefónica", ["iñaki"]),
        ("telefonica telefono", ["iñaki"]),
        ("@lucia", ["lucia"]),
        ("lucia@social.example", ["lucia"]),
        ("inaki", ["iñaki"]),
        ("22:30", ["lucia"]),
        ("30:22", []),
        ("600 123", ["iñaki"]),
        ("noa@correo.example", ["noa"]),
        ("звонят movistar", ["петр"]),
        ("oncase", []),
        ("a OR llamado", []),
    ],
)
def test_words_phrases_beginnings_and_authors_are_found(
    database: Database, ids: dict[str, int], written: str, expected: list[str]
) -> None:
    assert names(database, ids, written) == expected


@pytest.mark.parametrize(
    "written",
    [
        '"',
        "*",
        "NEAR(",
        "text:",
        "') OR 1=1 --",
        "a AND",
        "-",
        "^x",
        "{marks} : oncase",
        "\\",
        "& | !",
    ],
)
def test_what_means_something_to_a_database_means_nothing_here(
    database: Database, ids: dict[str, int], written: str
) -> None:
    if words(written):
        assert names(database, ids, written) == []


def test_what_is_typed_becomes_units() -> None:
    assert words('factura "me han llamado" telef* @lucia_2 %') == (
        Unit(("factura",)),
        Unit(("me", "han", "llamado")),
        Unit(("telef",), open_end=True),
        Unit(("lucia", "2")),
    )
    assert words(" % _ ") == ()
    assert words("cafe\u0301") == (Unit(("café",)),)
    assert len(words("palabra " * 1000)) == 16


def _opened(db: Database, mention_id: int, key: str) -> int:
    with db.write() as session:
        return case_on(session, mention_id, key=key)


def test_mentions_on_a_case_are_told_from_the_others(
    database: Database, ids: dict[str, int]
) -> None:
    first = _opened(database, ids["lucia"], "k1")
    second = _opened(database, ids["lucia"], "k2")
    assert names(database, ids, "llamado", on_cases=True) == ["lucia"]
    for case_id, left in ((first, ["lucia"]), (second, [])):
        with database.write() as session:
            session.execute(sa.delete(CaseMention).where(CaseMention.case_id == case_id))
        assert names(database, ids, "llamado", on_cases=True) == left
        assert names(database, ids, "llamado") == ["lucia", "noa"]


def test_changes_and_erasures_reach_the_index_in_their_commit(
    database: Database, ids: dict[str, int]
) -> None:
    _opened(database, ids["lucia"], "k1")
    with database.write() as session:
        author = session.scalars(sa.select(AuthorRow).where(AuthorRow.handle.like("lucia@%"))).one()
        author.handle, author.name = "erased-1", "Nadie"
    assert names(database, ids, "lucia") == []
    assert names(database, ids, "nadie llamado", on_cases=True) == ["lucia"]
    with database.write() as session:
        session.get_one(MentionRow, ids["lucia"]).text = "Texto nuevo"
        session.get_one(MentionRow, ids["noa"]).author_id = author.id
    assert names(database, ids, "llamado") == ["noa"]
    assert names(database, ids, "nuevo", on_cases=True) == ["lucia"]
    assert names(database, ids, "nadie") == ["lucia", "noa"]
    with database.write() as session:
        for table in (CaseMention, CaseEvent, CaseRow):
            session.execute(sa.delete(table))
        session.execute(sa.text("DELETE FROM mention_brands"))
        session.execute(sa.delete(MentionRow).where(MentionRow.id == ids["noa"]))
    assert names(database, ids, "nadie") == ["lucia"]
    assert names(database, ids, "llamado") == []


def test_an_index_made_anew_finds_the_same(database: Database, ids: dict[str, int]) -> None:
    _opened(database, ids["noa"], "k1")
    dialect = database.engine.dialect.name
    with database.write() as session:
        for statement in [*full_text.dropped(dialect), *full_text.made(dialect)]:
            session.execute(sa.text(statement))
    assert names(database, ids, "llamado") == ["lucia", "noa"]
    assert names(database, ids, "llamado", on_cases=True) == ["noa"]
    assert names(database, ids, "inaki") == ["iñaki"]


def test_a_name_that_an_author_has_is_found(database: Database) -> None:
    item = found("x", "nada", author=None)
    named = Author("z9@social.example", "Zenobia Camprubí")
    with database.write() as session:
        [new] = mentions.save_found(
            session, "k", [replace(item, mention=replace(item.mention, author=named))], now=NOW
        ).new_ids
    assert names(database, {"x": new}, "zenobia camprubi") == ["x"]


def test_a_text_of_a_megabyte_is_indexed(database: Database) -> None:
    """PostgreSQL refuses lexemes of more than a megabyte in one row."""
    text = "aguja " + " ".join(f"palabra{n}" for n in range(90_000))
    with database.write() as session:
        [new] = mentions.save_found(session, "k", [found("x", text)], now=NOW).new_ids
    assert names(database, {"x": new}, "aguja") == ["x"]
