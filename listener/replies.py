"""Drafts of replies: which situation it is, and its words. Pure; nothing is ever sent by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

from pydantic import field_validator

from listener.domain import Cause, CauseKind, SuppressionStatus
from listener.errors import sentence
from listener.sections import Section

_NAMES = re.compile(r"\{(\w*)\}")
_FILLED = frozenset({"brand", "author"})


class Situation(StrEnum):
    """One table of config/templates/replies.toml each."""

    PROMISED = "promised"
    SORRY = "sorry"
    WRONG_PERSON = "wrong_person"
    IMPOSTOR = "impostor"
    NOT_FOUND = "not_found"
    COMPLAINT = "complaint"


class ReplyTemplates(Section):
    """By situation the draft in each language; without a file there are none."""

    promised: Mapping[str, str] = {}
    sorry: Mapping[str, str] = {}
    wrong_person: Mapping[str, str] = {}
    impostor: Mapping[str, str] = {}
    not_found: Mapping[str, str] = {}
    complaint: Mapping[str, str] = {}

    @field_validator("*")
    @classmethod
    def _known(cls, drafts: Mapping[str, str]) -> Mapping[str, str]:
        for lang, text in drafts.items():
            strange = set(_NAMES.findall(text)) - _FILLED
            if strange:
                raise ValueError(
                    sentence(
                        "the draft in {lang} has {{{name}}}; only {{brand}} and {{author}} are "
                        "filled in",
                        lang=lang,
                        name=sorted(strange)[0],
                    )
                )
        return drafts


def situation(
    matter: str, causes: Sequence[Cause], suppression: SuppressionStatus | None
) -> Situation:
    """What the reply is about. A promise is told of only once it is kept everywhere."""
    kinds = {c.kind for c in causes}
    if matter != "harassment":
        return Situation.COMPLAINT
    ours = kinds - {CauseKind.IMPOSTOR, CauseKind.NOT_IN_LOG}
    if CauseKind.IMPOSTOR in kinds and not ours:
        return Situation.IMPOSTOR
    if suppression is SuppressionStatus.IN_EFFECT:
        return Situation.PROMISED
    if CauseKind.WRONG_PERSON in kinds:
        return Situation.WRONG_PERSON
    if CauseKind.NOT_IN_LOG in kinds and not ours:
        return Situation.NOT_FOUND
    return Situation.SORRY


def draft(
    templates: ReplyTemplates, about: Situation, lang: str, *, brand: str, author: str
) -> str | None:
    """The draft in the author's language, else in English; None where there is none."""
    found: Mapping[str, str] = getattr(templates, about.value)
    text = found.get(lang) or found.get("en")
    if not text:
        return None
    values = {"brand": brand, "author": author}
    filled = _NAMES.sub(lambda m: values[m[1]], text)
    return re.sub(r"[ ,]+(?=[.,])", "", filled) if not author else filled
