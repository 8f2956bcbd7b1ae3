"""Drafts of replies: the right situation, in the author's language, and never an offer."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from listener.domain import Cause, CauseKind, Reason, SuppressionStatus
from listener.replies import ReplyTemplates, Situation, draft, situation
from listener.settings_files import load

SHIPPED = load(Path(__file__).resolve().parent.parent / "config", {}).replies


def cause(kind: CauseKind) -> Cause:
    return Cause(kind, 0.9, (Reason("x"),), ())


@pytest.mark.parametrize(
    ("kinds", "state", "about"),
    [
        ([], None, Situation.SORRY),
        ([CauseKind.REFUSAL_NOT_CODED], None, Situation.SORRY),
        ([CauseKind.REFUSAL_NOT_CODED], SuppressionStatus.PENDING, Situation.SORRY),
        ([CauseKind.REFUSAL_NOT_CODED], SuppressionStatus.IN_EFFECT, Situation.PROMISED),
        ([CauseKind.IMPOSTOR], SuppressionStatus.IN_EFFECT, Situation.IMPOSTOR),
        ([CauseKind.IMPOSTOR, CauseKind.BURNT_LIST], None, Situation.SORRY),
        ([CauseKind.WRONG_PERSON], None, Situation.WRONG_PERSON),
        ([CauseKind.NOT_IN_LOG], None, Situation.NOT_FOUND),
    ],
)
def test_what_a_reply_is_about(
    kinds: list[CauseKind], state: SuppressionStatus | None, about: Situation
) -> None:
    assert situation("harassment", [cause(k) for k in kinds], state) is about


def test_other_complaints() -> None:
    assert situation("billing", [], None) is Situation.COMPLAINT


@pytest.mark.parametrize("about", Situation)
@pytest.mark.parametrize("lang", ["es", "en", "pt", "fr", "it", "de", "ca"])
def test_every_situation_in_every_language(about: Situation, lang: str) -> None:
    text = draft(SHIPPED, about, lang, brand="Movistar", author="Marta {brand}")
    assert text is not None
    assert "Marta {brand}" in text  # what a person calls themselves is no template
    assert not any(word in text.lower() for word in ("oferta", "descuento", "offer", "discount"))


def test_nobody_s_name() -> None:
    text = draft(SHIPPED, Situation.SORRY, "es", brand="Movistar", author="")
    assert text is not None
    assert text.startswith("Hola. Lo sentimos")


def test_an_unknown_name_in_a_draft_is_told() -> None:
    with pytest.raises(ValidationError, match=r"only \{brand\} and \{author\}"):
        ReplyTemplates(sorry={"es": "Hola {nombre}"})
    assert draft(ReplyTemplates(), Situation.SORRY, "es", brand="M", author="A") is None
