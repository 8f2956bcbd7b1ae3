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
from listener.errors import CRMError, HttpError, HttpStatus
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

    def __init__(self, message: str, *, crm: str, retry: bool, status: int) -> None:
        super().__init__(message, crm=crm, retry=retry)
        self.status = status


def status_of(error: HttpError) -> int:
    return error.status if isinstance(error, HttpStatus) else 0


def refused(
    error: HttpError,
    crm: str,
    *,
    doing: str = "",
    advice: str = "",
    hidden: Iterable[str] = (),
    passing: bool = False,
) -> Refused:
    """What became of a request, as a CRMError: `doing` says what it was for, `advice` what a person
    can do. `hidden` are secrets that it held; `passing`, the system's own words say that it may be
    answered later. To be raised `from None`: the cause may name whom we asked for."""
    said = str(error)
    for secret in hidden:
        said = said.replace(secret, MASK)
    said = without_people(said, host=urlsplit(error.url).hostname or "")
    text = f"{doing}: {said} {advice}" if doing else f"{said} {advice}"
    return Refused(text.strip(), crm=crm, retry=error.retry or passing, status=status_of(error))


@dataclass(frozen=True, slots=True)
class Answers:
    """How the answers of one system are read. What a person can do is said for one that is no JSON
    at all (`no_json`), and for one that has another form than the system promises (`other_form`).

    `whose` is the subject of the sentence: "the answer to a query"."""

    crm: str
    no_json: str
    other_form: str
    no_json_passes: bool = False  # that something else answers in the system's place

    def json_of(self, answer: Response, whose: str) -> Any:
        """Any JSON. Raises CRMError."""
        try:
            return load_json(answer.body)
        except ValueError:
            raise CRMError(
                f"{whose}, {len(answer.body)} bytes, is no JSON "
                f"({answer.content_type or 'of no kind'}). {self.no_json}",
                crm=self.crm,
                retry=self.no_json_passes,
            ) from None

    def object_of(self, answer: Response, whose: str) -> dict[str, Any]:
        """Raises CRMError."""
        value = self.json_of(answer, whose)
        if not isinstance(value, dict):
            raise self.unreadable(whose, "no object")
        return value

    @contextmanager
    def reading(self, whose: str = "its answer") -> Iterator[None]:
        """Turns what cannot be read into a CRMError."""
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise self.unreadable(whose, str(error) or type(error).__name__) from None

    def unreadable(self, whose: str, why: str) -> CRMError:
        return CRMError(
            f"{whose} cannot be read ({without_people(why)}). {self.other_form}", crm=self.crm
        )
