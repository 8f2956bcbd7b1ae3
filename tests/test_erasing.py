"""Marta asks to be erased: nothing of hers is found any more, and the promise made to her still holds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import sqlalchemy as sa
import test_promise
from builders import NOW, found, page
from command import Home
from test_promise import ANA, WORDS, Scene

from listener import erasing, pipeline
from listener.erasing import Asked
from listener.errors import ConfigError, StorageError
from listener.storage import audit, case_detail, health, mentions
from listener.storage.tables import Base
from listener.vault import open_vault

scene = test_promise.scene
PHONES = ("612 904 417", "+34 840 11 22 33")
EVERYTHING = (["mastodon:marta@social.example"], ["C-1"], PHONES)
NOTE = "Hablé con Marta Rey, vive en Lugo"


def dump(scene: Scene) -> str:
    """Every value of every table, what is sealed opened."""
    vault = open_vault(scene.folder)
    told = []
    with scene.db.read() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(sa.select(table)):
                told.append(
                    f"{table.name}: {json.dumps(list(row), default=str, ensure_ascii=False)}"
                )
        words = "SELECT count(*) FROM mention_words WHERE mention_words MATCH '\"marta\"'"
        if scene.db.is_sqlite:
            told.append(f"words: {session.execute(sa.text(words)).scalar()}")
    text = "\n".join(told)
    return re.sub(r"s1:[A-Za-z0-9+/=]+", lambda m: vault.open(m[0]), text)


def prepared(scene: Scene) -> int:
    """A case with a note, a private word, a contact in the log and a suppression in effect."""
    case_id = scene.approve()
    pipeline.deliver(scene.road())
    scene.desk().cases.note(ANA, case_id, NOTE)
    scene.log(
        "E-1,2026-11-02T10:00:00Z,out,call,C-1,612904417,1004,Fibra,Eva,no_answer,0,llamar a Marta"
    )
    return case_id


def asked(scene: Scene, only: int = 3) -> Asked:
    given = [part if n < only else () for n, part in enumerate(EVERYTHING)]
    return erasing.asked(scene.settings(), *given)


def erase(scene: Scene, who: Asked) -> dict[str, int]:
    _, counts = erasing.erase(scene.db, who, do=True, by="nora", now=scene.clock)
    assert counts is not None
    return counts


def test_nothing_of_hers_is_found_any_more(scene: Scene) -> None:
    case_id = prepared(scene)
    before = dump(scene)
    hers = ("marta", "Marta Rey", "C-1", "612904417", "840112233", "Lugo", "idioma")
    assert all(word in before for word in hers)
    counts = erase(scene, asked(scene))
    assert counts == {
        "mentions": 1,
        "copies": 0,
        "cases": 1,
        "suppressions_kept_by_index": 1,
        "suppressions_ended": 0,
        "customers": 1,
        "contact_events": 1,
        "authors": 1,
    }
    after = dump(scene)
    for word in (*hers, WORDS[1], "social.example", "se lo prometimos"):
        assert word not in after, [line for line in after.splitlines() if word in line]
    if scene.db.is_sqlite:
        assert "words: 0" in after
    case = scene.desk().cases.view(ANA, case_id).detail
    assert (case.summary.author, case.summary.customer_ref, case.match) == ("", None, None)
    assert [e.kind for e in case.timeline][-1] == "erased"
    assert [e.data for e in case.timeline if e.kind == "note"] == [{"text": ""}]
    with scene.db.read() as session:
        [entry] = audit.latest(session)
    assert (entry.actor, entry.kind, entry.data) == ("nora", "erased", counts)


def test_first_it_is_only_told(scene: Scene) -> None:
    prepared(scene)
    before = dump(scene)
    known, counts = erasing.erase(scene.db, asked(scene), do=False, by="nora", now=scene.clock)
    assert counts is None
    assert (len(known.authors), len(known.mentions), len(known.cases)) == (1, 1, 1)
    assert dump(scene) == before


def test_the_promise_is_still_kept(scene: Scene) -> None:
    case_id = prepared(scene)
    erase(scene, asked(scene))
    scene.clock.later(hours=30)
    scene.log("E-9,2026-11-21T10:00:00Z,out,call,,612904417,1004,Fibra,Eva,no_answer,0,")
    assert pipeline.process(scene.road())["promises_broken"] == 1
    with scene.db.read() as session:
        case = case_detail.get(session, case_id)
    assert case is not None
    assert "promise_broken" in [e.kind for e in case.timeline]


def test_what_was_erased_is_not_collected_again(scene: Scene) -> None:
    prepared(scene)
    with scene.db.read() as session:
        key = session.execute(
            sa.text("SELECT external_id FROM mentions ORDER BY id LIMIT 1")
        ).scalar_one()
    erase(scene, asked(scene))
    with scene.db.write() as session:
        again = [found(key, WORDS[1], author="marta"), found("other", "Otra cosa de Movistar")]
        saved = mentions.save_found(session, "square", again, now=NOW)
    assert (saved.new, "idioma" in dump(scene)) == (1, False)


def test_the_page_that_brought_it_goes_too(scene: Scene) -> None:
    with scene.db.write() as session:
        health.watch(session, [("square", "square", "mastodon")], NOW)
        mentions.save_page(
            session,
            subscription="square",
            source_type="mastodon",
            page=page(b'["marta en crudo"]'),
            found=[found("raw-1", "Movistar otra vez", author="marta")],
            problems=[],
            expected_cursor=None,
            now=NOW,
        )
    erase(scene, asked(scene, 1))
    with scene.db.read() as session:
        assert session.execute(sa.text("SELECT count(*) FROM raw_pages")).scalar() == 0


def test_while_the_suppression_is_being_written_nothing_is_erased(scene: Scene) -> None:
    scene.approve()
    before = dump(scene)
    with pytest.raises(StorageError, match="still to be written to dialler, local"):
        erase(scene, asked(scene))
    assert dump(scene) == before


def test_one_way_to_her_tells_of_the_others_and_erases_only_its_own(scene: Scene) -> None:
    prepared(scene)
    known, _ = erasing.erase(scene.db, asked(scene, 1), do=False, by="nora", now=scene.clock)
    assert known.also == ("--customer local:C-1",)
    by_phone = erasing.asked(scene.settings(), (), (), ("612904417",))
    known, _ = erasing.erase(scene.db, by_phone, do=False, by="nora", now=scene.clock)
    assert known.also == ("--customer local:C-1",)
    erase(scene, asked(scene, 1))
    after = dump(scene)
    assert "Marta Rey" in after
    assert "idioma" not in after


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (((), (), ()), "say who"),
        ((("marta",), (), ()), "write source:handle"),
        (((), (), ("12",)), "is no full phone number"),
    ],
)
def test_what_cannot_be_read(scene: Scene, given: tuple[tuple[str, ...], ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        erasing.asked(scene.settings(), *given)


def test_the_command_tells_first_and_then_does(tmp_path: Path) -> None:
    home = Home(tmp_path)
    rows = [
        {"id": "1", "text": "Movistar, basta ya", "author": "marta", "source": "square",
         "published_at": "2026-11-20T10:00:00Z"},
    ]  # fmt: skip
    home.file("posts.jsonl", "\n".join(map(json.dumps, rows)))
    assert home.call("import", "posts.jsonl").code == 0
    told = home.call("erase", "--author", "square:marta")
    assert told.json["would_erase"]["mentions"] == 1
    assert "add --yes" in told.err
    assert home.query("SELECT text FROM mentions") == [("Movistar, basta ya",)]
    done = home.call("erase", "--author", "square:marta", "--yes")
    assert done.json["erased"]["mentions"] == 1
    assert "keyed index" in done.err
    assert home.query("SELECT text, author_id FROM mentions") == [("", None)]
    assert home.call("erase").code == 2
