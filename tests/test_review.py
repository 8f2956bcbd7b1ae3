"""What the reader is not sure of waits for a person, whose word then goes the way of all others."""

from __future__ import annotations

import pytest
from builders import ByHand, reading, user
from test_pipeline import ANSWERS, FakeSource, Scene, kinds

from listener.desk import Desk
from listener.errors import NotAllowed, StorageError
from listener.sources import SOURCES
from listener.storage import Database

DOUBTS = ANSWERS | {
    "no sé": reading(complaint=False, uncertain=("harassment", "complaint")),
    "quizá": reading(category="billing", uncertain=("harassment",)),
    "raro": reading(complaint=False, uncertain=("sentiment",)),
}


@pytest.fixture
def scene(database: Database, monkeypatch: pytest.MonkeyPatch) -> Scene:
    made = FakeSource()
    monkeypatch.setitem(SOURCES, "fake", made)  # type: ignore[arg-type]
    return Scene(database, made, reader=ByHand(DOUBTS))


LUCIA = user("lucia")


def desk(scene: Scene) -> Desk:
    return Desk(scene.db, scene.road().settings, scene.clock)


def test_only_doubts_about_complaint_and_harassment_without_a_case_wait(scene: Scene) -> None:
    scene.write("no sé, otra llamada de movistar", author="marta")
    scene.write("quizá movistar insiste demasiado", author="ana")  # on a case: seen there
    scene.write("raro, movistar")
    scene.write("no sé si vodafone insiste")  # not ours to answer
    scene.write("no sé lo del sorteo de movistar")  # muted
    scene.go()
    doubts, total = desk(scene).review.waiting(LUCIA)
    assert total == 1
    assert [d.author for d in doubts] == ["marta@social.example"]
    assert doubts[0].reading.uncertain == ("harassment", "complaint")


def test_a_person_who_says_harassment_opens_the_case(scene: Scene) -> None:
    scene.write("no sé, otra llamada de movistar", author="marta")
    scene.go()
    assert scene.cases() == []
    [doubt], _ = desk(scene).review.waiting(LUCIA)
    desk(scene).review.decide(LUCIA, doubt.mention_id, complaint=True, harassment=True)
    assert desk(scene).review.waiting(LUCIA) == ([], 0)
    scene.process()
    [case] = scene.cases()
    assert case.summary.matter == "harassment"
    assert kinds(case)[0] == "opened"
    scene.process()
    assert len(scene.cases()) == 1


def test_a_person_who_says_no_ends_the_doubt_for_good(scene: Scene) -> None:
    scene.write("no sé, otra llamada de movistar", author="marta")
    scene.go()
    [doubt], _ = desk(scene).review.waiting(LUCIA)
    desk(scene).review.decide(LUCIA, doubt.mention_id, complaint=False, harassment=False)
    scene.process()
    assert scene.cases() == []
    assert desk(scene).review.waiting(LUCIA) == ([], 0)


def test_who_answers_second_changes_nothing(scene: Scene) -> None:
    scene.write("no sé, otra llamada de movistar", author="marta")
    scene.go()
    [doubt], _ = desk(scene).review.waiting(LUCIA)
    desk(scene).review.decide(LUCIA, doubt.mention_id, complaint=True, harassment=True)
    for _ in range(2):  # before the case is open, and after
        with pytest.raises(StorageError, match="settled meanwhile"):
            desk(scene).review.decide(
                user("ana"), doubt.mention_id, complaint=False, harassment=False
            )
        scene.process()
    [case] = scene.cases()
    assert case.summary.matter == "harassment"


def test_another_complaint_is_a_case_of_its_own_kind(scene: Scene) -> None:
    scene.write("no sé, otra llamada de movistar", author="marta")
    scene.go()
    [doubt], _ = desk(scene).review.waiting(LUCIA)
    desk(scene).review.decide(LUCIA, doubt.mention_id, complaint=True, harassment=False)
    scene.process()
    [case] = scene.cases()
    assert case.summary.matter == "other"


def test_who_may_not_work_or_sees_other_brands_decides_nothing(scene: Scene) -> None:
    marc = user("marc", role="marketing_lead")
    paula = user("paula", brands=("vodafone",))
    scene.write("no sé, otra llamada de movistar", author="marta")
    scene.go()
    [doubt], _ = desk(scene).review.waiting(marc)
    assert desk(scene).review.waiting(paula) == ([], 0)
    for who, error in ((marc, NotAllowed), (paula, StorageError)):
        with pytest.raises(error):
            desk(scene).review.decide(who, doubt.mention_id, complaint=True, harassment=True)
