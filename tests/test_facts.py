"""A person's word on what a complaint claims: checked, laid over the reader's, taught at the next
training."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import NOW, found, reading
from hypothesis import given
from hypothesis import strategies as st
from test_casework import Office, marta, office

from classifiers import dataset
from classifiers.heads import FACTS as HEADS
from classifiers.heads import TAGS
from classifiers.reading import CallFacts, NumberMention
from listener import facts, inquiry, reader_versions
from listener.errors import CaseError, NotAllowed, StaleWrite, StorageError
from listener.storage import Database, mentions, readings
from listener.storage.number_complaints import Asked, reported
from listener.storage.tables import MentionRow

__all__ = ["marta", "office"]

READ: dict[str, Any] = CallFacts(
    numbers=(NumberMention("1004", None, (13, 17), "1004"),),
    contact_count=9,
    opt_out=True,
    channels=("call",),
    spans={"contact_count": ((20, 30),), "opt_out": ((40, 50),)},
).to_json()


# ---------------------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("fact", "answer", "kept"),
    [
        ("contact_count", 12, 12),
        ("period_days", None, None),
        ("opt_out", False, False),
        ("channels", ["sms", "call", "sms"], ["call", "sms"]),
    ],
)
def test_an_answer_is_kept_in_one_form(fact: str, answer: Any, kept: Any) -> None:
    assert facts.checked(fact, answer) == kept


@pytest.mark.parametrize(
    ("fact", "answer"),
    [
        ("contact_count", 0),
        ("contact_count", 10_001),
        ("contact_count", True),
        ("contact_count", "9"),
        ("opt_out", None),
        ("opt_out", 1),
        ("channels", ["pigeon"]),
        ("channels", "call"),
        ("numbers", ["1"] * 21),
        ("sentiment", "neutral"),
    ],
)
def test_what_is_no_answer_is_refused(fact: str, answer: Any) -> None:
    with pytest.raises(facts.NoAnswer):
        facts.checked(fact, answer)


def test_a_number_has_its_place_in_the_post() -> None:
    text = "Otra vez el 1004 y el 911 23 45 67"
    told = facts.numbers([" 1004 ", "911 23 45 67", "1004", "", "600111222"], text, READ, ("ES",))
    assert told == [
        {"text": "1004", "e164": None, "span": [13, 17]},  # as the reader found it
        {"text": "911 23 45 67", "e164": "+34911234567", "span": [22, 34]},
        {"text": "600111222", "e164": "+34600111222", "span": None},
    ]
    for wrong in ("el de siempre", "12", "1" * 18):
        with pytest.raises(facts.NoAnswer):
            facts.numbers([wrong], text, READ, ("ES",))


def test_what_is_denied_has_no_passage_left() -> None:
    assert "opt_out" not in facts.laid(READ, "opt_out", False)["spans"]
    assert facts.laid(READ, "contact_count", 12)["spans"]["contact_count"] == [[20, 30]]
    assert "contact_count" not in facts.laid(READ, "contact_count", None)["spans"]
    assert READ["spans"]["opt_out"] == [[40, 50]]  # what was read is not touched


@given(
    st.builds(
        CallFacts,
        contact_count=st.none() | st.integers(1, 99),
        opt_out=st.booleans(),
        channels=st.lists(st.sampled_from(["call", "sms"]), unique=True).map(tuple),
        spans=st.dictionaries(
            st.sampled_from(TAGS), st.lists(st.tuples(st.just(1), st.just(5))).map(tuple)
        ),
    )
)
def test_facts_come_back_as_they_were_stored(read: CallFacts) -> None:
    assert facts.call_facts(json.loads(json.dumps(read.to_json()))) == read


# ---------------------------------------------------------------------------- on a case


def correct(office: Office, case_id: int, fact: str, answer: Any, who: str = "ana") -> None:
    office.desk.cases.correct_fact(
        office.staff[who], case_id, office.mention("m1"), fact, answer,
        version=office.version(case_id),
    )  # fmt: skip


def complained_of(office: Office) -> dict[str, int]:
    with office.db.read() as session:
        asked = Asked(("movistar",), NOW - timedelta(days=9), NOW + timedelta(days=1), True)
        return {r.number: r.complaints for r in reported(session, asked)}


def test_priority_numbers_and_causes_follow_a_persons_word(office: Office) -> None:
    office.say("m1", "Otra vez el 1004")
    case_id = office.newest()
    before = office.case(case_id).summary
    assert complained_of(office) == {"1004": 1}
    office.clock.later(minutes=1)
    correct(office, case_id, "contact_count", 12)
    correct(office, case_id, "opt_out", True, who="ben")
    correct(office, case_id, "numbers", ["910 000 001"])
    office.turn()
    case = office.case(case_id)
    told = {r.key: dict(r.values) for r in case.summary.priority_reasons}
    assert told["contacts"] == {"count": 12}
    assert "refused" in told
    assert "own_number" not in told
    assert case.summary.score != before.score
    assert complained_of(office) == {"+34910000001": 1}
    post = inquiry.post_of_case(case)
    assert post is not None
    assert (post.contact_count, post.numbers) == (12, ("+34910000001",))
    assert post.refusals == ((0, len("Otra vez el 1004")),)
    [mention] = case.mentions
    assert mention.reading is not None
    assert dict(mention.reading.corrected) == {
        "contact_count": "ana", "opt_out": "ben", "numbers": "ana",
    }  # fmt: skip
    events = [e for e in case.timeline if e.kind == "corrected"]
    assert [(e.actor, e.data["question"], e.data["from"]) for e in events][:2] == [
        ("ana", "contact_count", None), ("ben", "opt_out", False),
    ]  # fmt: skip


def test_a_persons_word_wins_over_every_later_reading(office: Office) -> None:
    office.say("m1", "Otra vez el 1004")
    case_id = office.newest()
    correct(office, case_id, "contact_count", 12)
    correct(office, case_id, "contact_count", 11)
    with office.db.write() as session:
        newer = reading(harassment=True, numbers=("1004",), contact_count=3, period_days=2)
        readings.save(session, [(office.mention("m1"), newer)], NOW)
    [mention] = office.case(case_id).mentions
    assert mention.reading is not None
    assert mention.reading.facts["contact_count"] == 11
    assert mention.reading.facts["period_days"] == 2


def test_who_may_not_is_refused_and_so_is_what_cannot_be(office: Office, marta: int) -> None:
    for name in ("marc", "vera"):
        with pytest.raises(NotAllowed):
            office.desk.cases.correct_fact(
                office.staff[name], marta, office.mention("m1"), "opt_out", True,
                version=office.version(marta),
            )  # fmt: skip
    ana, seen = office.staff["ana"], office.version(marta)
    with pytest.raises(NotAllowed, match="not on case"):
        office.desk.cases.correct_fact(ana, marta, 999, "opt_out", True, version=seen)
    with pytest.raises(StorageError, match="whole number"):
        correct(office, marta, "contact_count", -1)
    with pytest.raises(CaseError):
        correct(office, marta, "numbers", ["el de siempre"])
    correct(office, marta, "opt_out", True)
    with pytest.raises(StaleWrite) as refused:
        office.desk.cases.correct_fact(
            ana, marta, office.mention("m1"), "off_hours", True, version=seen
        )
    assert refused.value.changed == ("ana: corrected",)


# ---------------------------------------------------------------------------- taught


def test_corrected_facts_go_with_the_labels(database: Database, tmp_path: Path) -> None:
    text = "they ring me from 0800 again"
    with database.write() as session:
        mentions.save_found(session, "square", [found("one", text)], now=NOW)
        row = session.query(MentionRow).one()
        readings.save(session, [(row.id, reading(lang="en", harassment=True))], NOW)
        readings.correct(session, row.id, "harassment", True, by="lucia", now=NOW)
        for fact, answer in (
            ("opt_out", False),
            ("contact_count", 4),
            ("channels", ["call"]),
            ("numbers", facts.numbers(["0800"], text, {}, ("GB",))),
        ):
            readings.correct_fact(session, row.id, fact, answer, by="lucia", now=NOW)
    [taught] = reader_versions.corrections(database)
    assert taught.harassment
    assert taught.facts is not None
    said = dict(zip(HEADS, taught.facts.said, strict=True))
    assert {k: v for k, v in said.items() if v is not None} == {
        "opt_out": False, "contact_count": True, "call": True,
        "sms": False, "whatsapp": False, "email": False, "visit": False, "other": False,
    }  # fmt: skip
    # The number has its place, a denied refusal has none; of the rest nobody knows.
    assert taught.facts.spans == ((TAGS.index("numbers"), 18, 22),)
    unsure = {TAGS[tag] for tag, _, _ in taught.facts.unsure}
    assert unsure == set(TAGS) - {"numbers", "opt_out"}
    row = {"text": text, "lang": "en", "facts": dataset.facts_to_json(taught.facts)}
    file = tmp_path / "more.jsonl"
    file.write_text(json.dumps(row))
    [again] = dataset.labelled(file, "more")
    assert again.facts == taught.facts
    for wrong in ({"said": {"opt_out": 1}}, {"said": {"x": True}, "spans": [], "unsure": []}, []):
        file.write_text(json.dumps({**row, "facts": wrong}))
        with pytest.raises(ValueError, match="line 1: `facts`"):
            dataset.labelled(file, "more")
