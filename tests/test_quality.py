"""How good the reader is: its cards, what people corrected and took back, how often they agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from browser import world as worlds
from builders import NOW, Clock
from hypothesis import given
from hypothesis import strategies as st

from classifiers import card
from dashboard import card_text
from listener import agreement, processing
from listener.agreement import Agreement
from listener.crm import systems
from listener.desk import Desk
from listener.errors import NotAllowed, StorageError
from listener.storage import case_detail, corrections, pending, people, readings
from listener.storage.corrections import StoredCorrection
from listener.storage.people import User

MADRID = ZoneInfo("Europe/Madrid")


# ---------------------------------------------------------------------------- cards


@pytest.mark.parametrize("question", card.QUESTIONS)
def test_every_card_has_its_parts(question: str) -> None:
    found = card.read(question)
    assert found.title
    assert found.before.startswith("**Question.**")
    assert "Known failures" in found.after
    assert found.tables
    assert found.model == card.read("harassment").model
    for table in found.tables:
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.header)}, table.title


def test_every_card_that_ships_is_one_of_them() -> None:
    assert {path.stem for path in card.FOLDER.glob("*.md")} == set(card.QUESTIONS)


def test_the_scores_are_those_of_the_card() -> None:
    scores = {(s.question, s.lang): s for q in card.QUESTIONS for s in card.scores(card.read(q))}
    spanish = next(
        row
        for row in card.read("harassment").tables[0].rows
        if row[0] == "es"
    )  # fmt: skip
    assert scores["harassment", "es"].value == float(spanish[4])
    assert scores["harassment", "es"].texts == int(spanish[1])
    for question in ("harassment", "complaint", "category", "sentiment", "language"):
        for lang in ("es", "en", "pt", "fr", "it", "de", "all"):
            assert 0 < scores[question, lang].value <= 100
    assert card.scores(card.read("call_facts")) == []


def test_a_card_without_its_title_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.md").write_text("no title")
    with pytest.raises(ValueError, match="title"):
        card.read("x", tmp_path)


def test_prose_becomes_paragraphs_lists_and_emphasis() -> None:
    said = "**Question.** Is `x` one?\nYes.\n\n**Known failures.**\n- a **b**\n- c\n  d"
    assert card_text.to_html(said) == (
        "<p><b>Question.</b> Is <code>x</code> one? Yes.</p>"
        "<p><b>Known failures.</b></p><ul><li>a <b>b</b></li><li>c d</li></ul>"
    )


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "**<img src=x onerror=alert(1)>**",
        "- `</code><script>`",
        "[click](javascript:alert(1))",
        '![x](https://evil.example/"onload="alert(1))',
    ],
)
def test_no_card_brings_markup_of_its_own(hostile: str) -> None:
    shown = card_text.to_html(hostile)
    for tag in ("<script", "<img", "<a ", "javascript:", "onload=&quot;alert(1))&quot;>"):
        assert tag not in shown


@given(st.text(alphabet=st.sampled_from("<>\"&'`*[]()-\n abc!"), max_size=60))
def test_whatever_is_written_only_known_tags_come_out(text: str) -> None:
    shown = card_text.to_html(text)
    for tag in ("p", "ul", "li", "b", "code"):
        shown = shown.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
    assert "<" not in shown
    assert ">" not in shown


# ---------------------------------------------------------------------------- agreement


def said(n: int, before: Any, value: Any, **changes: Any) -> StoredCorrection:
    fields: dict[str, Any] = {
        "id": n, "mention_id": n, "brand": "movistar", "text": "x", "lang": "es",
        "question": "harassment", "known": True, "asked": True, "by": "ana", "at": NOW,
        "undone_at": None, "undone_by": None, "invented": False,
    }  # fmt: skip
    return StoredCorrection(**(fields | {"before": before, "value": value} | changes))


def test_doubts_and_found_mistakes_are_counted_apart() -> None:
    answers = [
        said(1, True, True),
        said(2, True, False),
        said(3, False, True, asked=False),
        said(4, False, False, asked=False),  # says the same: no mistake
    ]
    assert agreement.agreement(answers) == Agreement(asked=2, agreed=1, changed=1)


def test_only_the_first_answer_meets_the_readers_own() -> None:
    first = said(1, True, False, mention_id=7)
    second = said(2, False, True, mention_id=7)
    other = said(3, None, "billing", mention_id=7, question="category")
    assert agreement.first_answers([second, other, first]) == [first, other]


def test_what_was_taken_back_invented_or_of_old_counts_for_nothing() -> None:
    assert agreement.first_answers(
        [
            said(1, True, False, undone_at=NOW, undone_by="ben"),
            said(2, True, False, invented=True),
            said(3, None, False, known=False),
        ]
    ) == []  # fmt: skip
    back = said(1, True, False, undone_at=NOW)
    again = said(2, True, True, mention_id=1)
    assert agreement.first_answers([back, again]) == [again]


def test_no_share_is_told_of_a_handful() -> None:
    assert Agreement(9, 9, 0).share is None
    assert Agreement(10, 9, 0).share == 0.9


def test_weeks_begin_on_monday_in_the_zone_and_none_is_left_out() -> None:
    sunday_night = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # Monday in Madrid
    weeks = agreement.by_week(
        [said(1, True, True, at=sunday_night), said(2, True, True, at=NOW - timedelta(days=60))],
        MADRID,
        date(2026, 11, 11),
        date(2026, 11, 24),
    )
    assert [(week.isoformat(), a.asked) for week, a in weeks] == [
        ("2026-11-09", 0),
        ("2026-11-16", 0),
        ("2026-11-23", 1),
    ]


def test_questions_and_languages_are_told_apart() -> None:
    found = agreement.by_question([said(1, 1, 1), said(2, 1, 1, lang="en"), said(3, 1, 0)])
    assert [(q, lang, a.asked, a.agreed) for q, lang, a in found] == [
        ("harassment", "en", 1, 1),
        ("harassment", "es", 2, 1),
    ]


# ---------------------------------------------------------------------------- taken back


class Office:
    """A world of its own, with the road that reads again."""

    def __init__(self, folder: Path) -> None:
        self.world = worlds.build(folder)
        self.clock = Clock(self.world.now)
        self.desk = Desk(self.world.db, self.world.settings, self.clock)
        self.reader = worlds.Stated([*worlds.POSTS, *worlds._more()])

    def user(self, name: str, **changes: Any) -> User:
        with self.world.db.read() as session:
            found = people.get(session, name)
        assert found is not None
        return replace(found, **changes)

    def case(self, author: str) -> case_detail.CaseDetail:
        with self.world.db.read() as session:
            found = case_detail.get(session, self.world.cases[author])
        assert found is not None
        return found

    def mention(self, author: str) -> int:
        return self.case(author).mentions[0].id

    def correct(self, author: str, question: str, value: Any, who: str = "ana") -> None:
        self.clock.later(minutes=1)
        case = self.case(author)
        self.desk.cases.correct(
            self.user(who),
            case.summary.id,
            case.mentions[0].id,
            question,
            value,
            version=case.summary.version,
        )

    def reading(self, mention_id: int) -> readings.StoredReading:
        with self.world.db.read() as session:
            return readings.load(session, [mention_id])[mention_id]

    def newest(self) -> StoredCorrection:
        return self.desk.quality.corrections(self.user("ana"))[0][0]

    def process(self) -> None:
        world = self.world
        with world.db.read() as session:
            waiting = pending.oldest(session, 100)
        crms = systems(world.settings, world.db, self.clock)
        processing.step(world.db, world.settings, self.reader, crms, waiting, self.clock)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_a_correction_tells_who_when_from_what_to_what(office: Office) -> None:
    office.correct("paula", "category", "customer_service")
    found, total = office.desk.quality.corrections(office.user("marc"))
    assert total == 1  # what only followed from it is not listed
    assert found[0].by == "ana"
    assert (found[0].question, found[0].before, found[0].value) == (
        "category", "billing", "customer_service",
    )  # fmt: skip
    assert (found[0].known, found[0].asked, found[0].at) == (True, False, office.clock())


def test_undoing_brings_back_what_was_said_before_and_the_reader_reads_again(
    office: Office,
) -> None:
    mention = office.mention("tomas")
    before = office.reading(mention)
    office.correct("tomas", "complaint", False)
    assert not office.reading(mention).harassment
    office.desk.quality.undo(office.user("ben"), office.newest().id)
    assert office.reading(mention) == before
    office.process()
    assert office.reading(mention) == before
    undone = office.newest()
    assert (undone.undone_by, undone.undone_at) == ("ben", office.clock())
    with office.world.db.read() as session:
        assert readings.corrected(session) == []
        timeline = case_detail.get(session, office.world.cases["tomas"])
    assert timeline is not None
    told = [e for e in timeline.timeline if e.kind == "corrected"]
    assert [(e.actor, e.data["from"], e.data["to"]) for e in told[-2:]] == [
        ("ana", True, False),
        ("ben", False, True),
    ]


def test_undoing_an_older_answer_leaves_the_newer_one(office: Office) -> None:
    mention = office.mention("paula")
    office.correct("paula", "category", "customer_service")
    first = office.newest()
    office.correct("paula", "category", "fraud", who="ben")
    office.desk.quality.undo(office.user("ana"), first.id)
    assert office.reading(mention).category == "fraud"
    office.desk.quality.undo(office.user("ana"), office.newest().id)
    assert office.reading(mention).category == "billing"


def test_a_settled_doubt_that_is_taken_back_waits_again(office: Office) -> None:
    ana = office.user("ana")
    [doubt], _total = office.desk.review.waiting(ana)
    office.desk.review.decide(ana, doubt.mention_id, complaint=False, harassment=False)
    assert office.desk.review.waiting(ana)[1] == 0
    assert office.newest().asked
    office.desk.quality.undo(ana, office.newest().id)
    assert office.reading(doubt.mention_id).corrected == {}
    office.process()
    assert office.desk.review.waiting(ana)[1] == 1


def test_it_is_taken_back_once_by_those_who_may(office: Office) -> None:
    office.correct("paula", "category", "fraud")
    made = office.newest().id
    with pytest.raises(NotAllowed):
        office.desk.quality.undo(office.user("marc"), made)
    elsewhere = office.user("ben", brands=("vodafone",))
    with pytest.raises(StorageError, match="of yours"):
        office.desk.quality.undo(elsewhere, made)
    assert office.desk.quality.corrections(elsewhere) == ([], 0)
    with pytest.raises(StorageError, match="of yours"):
        office.desk.quality.undo(office.user("ana"), made + 1000)
    office.desk.quality.undo(office.user("ana"), made)
    with pytest.raises(StorageError, match="taken back already"):
        office.desk.quality.undo(office.user("ana"), made)


def test_what_was_read_and_left_open_is_counted_without_what_is_invented(office: Office) -> None:
    ana = office.user("ana")
    found = office.desk.quality.figures(ana, days=30, zone=MADRID)
    by_lang = {r.lang: r for r in found.read}
    assert by_lang["en"].count == 1
    ours = [p for p in office.reader._posts.values() if p.brand == "movistar" and not p.invented]
    assert sum(r.count for r in found.read) == len(ours)
    assert (by_lang["es"].doubtful, found.waiting) == (1, 1)
    assert (found.total.asked, found.total.changed) == (0, 0)
    office.correct("paula", "category", "fraud")
    [doubt], _total = office.desk.review.waiting(ana)
    office.desk.review.decide(ana, doubt.mention_id, complaint=False, harassment=False)
    found = office.desk.quality.figures(ana, days=30, zone=MADRID)
    assert found.total == Agreement(asked=2, agreed=2, changed=1)
    assert found.weeks[-1][1] == found.total
    assert found.waiting == 0
    nothing = office.desk.quality.figures(office.user("berta"), days=30, zone=MADRID)
    assert nothing.read == ()


def test_counting_and_listing_work_on_every_database(
    database: Any, stored: Callable[..., int]
) -> None:
    now = NOW
    mention = stored(database)
    with database.write() as session:
        readings.correct(session, mention, "harassment", True, by="ana", now=now)
    with database.write() as session:
        [only] = corrections.listed(session, ["movistar"])
        assert (only.before, only.value, only.known) == (False, True, True)
        assert corrections.count(session, ["movistar"]) == 1
        assert corrections.count(session, ["vodafone"]) == 0
        start, end = now - timedelta(days=9), now + timedelta(days=1)
        [read] = corrections.read(session, ["movistar"], start=start, end=end)
        assert (read.lang, read.count, read.doubtful) == ("es", 1, 1)
        corrections.undo(session, only.id, ["movistar"], by="ben", now=now)
        [row] = readings.load(session, [mention]).values()
        assert (row.harassment, row.corrected) == (False, {})


@pytest.fixture
def stored() -> Callable[..., int]:
    from builders import found, reading

    from listener.storage import mentions

    def store(db: Any) -> int:
        with db.write() as session:
            mentions.save_found(session, "x", [found("1")], now=NOW)
            [waiting] = pending.oldest(session, 10)
            unsure = replace(
                reading(complaint=False, harassment=False), lang="es", uncertain=("harassment",)
            )
            readings.save(session, [(waiting.id, unsure)], NOW)
            return waiting.id

    return store
