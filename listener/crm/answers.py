"""Reads what a system answers over the web, and tells what is wrong with it in words that name
nobody: a server repeats phones and addresses that it was asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from listener import phones
from listener.errors import (
    CRMError,
    HttpError,
    HttpStatus,
    Sentence,
    changed_texts,
    in_a_row,
    said_by,
    sentence,
)
from listener.httpclient import Response
from listener.masking import MASK
from listener.sources.items import load_json

# A day, which stays; an e-mail address; a phone, also in a LIKE pattern, with % between its digits.
_PERSONAL = re.compile(
    r"(?P<day>(?<![\w-])\d{4}-\d\d-\d\d\b)"
    r"|[^\s@\"'(<]+@[^\s@\"')>]+"
    r"|(?<![\w-])\+?\d(?:[ ().%-]{0,3}\d){6,}(?!\w)"
)


def without_people(text: str, *, host: str = "") -> str:
    """The text without phones and e-mail addresses; days, times and the address of the machine that
    was asked (`host`) stay."""

    def told(found: re.Match[str]) -> str:
        said = found[0]
        if found["day"] or said == host:
            return said
        return "•••@•••" if "@" in said else phones.mask(said)

    return _PERSONAL.sub(told, text)


class Refused(CRMError):
    """The system answered with an error status; 0: it did not answer."""

    def __init__(
        self,
        message: str | Sentence,
        /,
        *,
        crm: str,
        retry: bool,
        status: int,
        **values: object,
    ) -> None:
        super().__init__(message, crm=crm, retry=retry, **values)
        self.status = status


ITS_ANSWER = sentence("its answer")


def status_of(error: HttpError) -> int:
    return error.status if isinstance(error, HttpStatus) else 0


def refused(
    error: HttpError,
    crm: str,
    *,
    doing: str | Sentence = "",
    advice: str | Sentence = "",
    hidden: Iterable[str] = (),
    passing: bool = False,
) -> Refused:
    """What became of a request, as a CRMError: `doing` says what it was for, `advice` what a person
    can do. `hidden` are secrets that it held; `passing`, the system's own words say that it may be
    answered later. To be raised `from None`: the cause may name whom we asked for."""
    host = urlsplit(error.url).hostname or ""

    def nameless(text: str) -> str:
        for secret in hidden:
            text = text.replace(secret, MASK)
        return without_people(text, host=host)

    said = changed_texts(error.said, nameless)
    if doing:
        said = sentence("{doing}: {said}", doing=doing, said=said)
    said = in_a_row(said, advice)
    return Refused(said, crm=crm, retry=error.retry or passing, status=status_of(error))


@dataclass(frozen=True, slots=True)
class Answers:
    """How the answers of one system are read. What a person can do is said for one that is no JSON
    at all (`no_json`), and for one that has another form than the system promises (`other_form`).

    `whose` is the subject of the sentence: "the answer to a query"."""

    crm: str
    no_json: str | Sentence
    other_form: str | Sentence
    no_json_passes: bool = False  # that something else answers in the system's place

    def json_of(self, answer: Response, whose: str | Sentence) -> Any:
        """Any JSON. Raises CRMError."""
        try:
            return load_json(answer.body)
        except ValueError:
            raise CRMError(
                "{whose}, {size} bytes, is no JSON ({kind}). {advice}",
                crm=self.crm,
                retry=self.no_json_passes,
                whose=whose,
                size=len(answer.body),
                kind=answer.content_type or sentence("of no kind"),
                advice=self.no_json,
            ) from None

    def object_of(self, answer: Response, whose: str | Sentence) -> dict[str, Any]:
        """Raises CRMError."""
        value = self.json_of(answer, whose)
        if not isinstance(value, dict):
            raise self.unreadable(whose, sentence("no object"))
        return value

    @contextmanager
    def reading(self, whose: str | Sentence = ITS_ANSWER) -> Iterator[None]:
        """Turns what cannot be read into a CRMError."""
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise self.unreadable(whose, said_by(error) or type(error).__name__) from None

    def unreadable(self, whose: str | Sentence, why: str | Sentence) -> CRMError:
        nameless = (
            changed_texts(why, without_people) if isinstance(why, Sentence) else without_people(why)
        )
        return CRMError(
            "{whose} cannot be read ({why}). {advice}",
            crm=self.crm,
            whose=whose,
            why=nameless,
            advice=self.other_form,
        )
