"""Asking Odoo by its JSON-2 interface: one request a method, lists in pages by id, and errors that
say what was asked for, where, and whether asking again helps."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

from listener.crm.answers import Answers, Refused, refused
from listener.crm.odoo_rows import LEAD, Loaded, Row, read, rows
from listener.crm.seam import Connection
from listener.errors import (
    CRMError,
    HttpError,
    HttpStatus,
    MissingCredential,
    Sentence,
    sentence,
)
from listener.normalise import clean_text
from listener.settings import secret

PAGE = 500

R = TypeVar("R", bound=Row)
T = TypeVar("T")


class Api:
    """The requests, each with what it is for, in words that go into an error."""

    def __init__(self, connection: Connection, url: str, database: str, key_env: str) -> None:
        self.name = connection.config.name
        self.url = url
        self._key_env = key_env
        self._headers = {"X-Odoo-Database": database} if database else {}
        self._http = connection.http
        advice = sentence("Check that url is Odoo's own address, and its version 19 or newer")
        self._answers = Answers(self.name, no_json=advice, other_form=advice)

    def ask(
        self, what: Sentence, model: str, method: str, *, once: bool = False, **params: Any
    ) -> Any:
        """What the method answers. `once`: not asked again when the answer was lost."""
        try:
            answer = self._http.post(
                f"{self.url}/json/2/{model}/{method}",
                json=params,
                headers=self._headers,
                auth_bearer=secret(self._key_env, sentence("the CRM {crm}", crm=self.name)),
                repeatable=not once,
            )
        except HttpStatus as error:
            raise self._refused(what, error) from None
        except HttpError as error:
            raise refused(error, self.name, doing=sentence("cannot {what}", what=what)) from None
        except MissingCredential as error:
            raise CRMError(
                "cannot {what}: {why}", crm=self.name, what=what, why=error.said
            ) from error
        return self._answers.json_of(answer, self._whose(what))

    def rows(self, what: Sentence, kind: type[R], model: str, term: list[Any]) -> list[R]:
        """All that fit, by id, archived ones too: a lost lead is an archived one."""
        found: list[R] = []
        last = 0
        while True:
            answer = self.ask(
                what,
                model,
                "search_read",
                domain=[*term, ["id", ">", last]],
                fields=list(kind.model_fields),
                limit=PAGE,
                order="id",
                context={"active_test": False},
            )
            page = self.read(what, partial(rows, kind, answer))
            if any(a >= b for a, b in pairwise([last, *(row.id for row in page)])):
                raise self.nonsense(what, sentence("the rows are not in order"))
            found += page
            if len(page) < PAGE:
                return found
            last = page[-1].id

    def load(self, what: Sentence, columns: list[str], cells: list[str]) -> tuple[int, str]:
        """(the lead's id, or 0, and then why) of one imported row."""
        answer = self.ask(what, LEAD, "load", once=True, fields=columns, data=[cells])
        loaded = self.read(what, partial(read, Loaded, answer))
        if loaded.ids:
            return loaded.ids[0], ""
        said = clean_text(" ".join(str(m.get("message", "")) for m in loaded.messages))
        # Stricter than `answers.without_people`: what it says of a row may quote any of its cells.
        return 0, re.sub(r"\d{6,}", "•••", " ".join(said.split()))[:200]

    def read(self, what: Sentence, parse: Callable[[], T]) -> T:
        with self._answers.reading(self._whose(what)):
            return parse()

    def nonsense(self, what: Sentence, why: Sentence) -> CRMError:
        return self._answers.unreadable(self._whose(what), why)

    def _whose(self, what: Sentence) -> Sentence:
        return sentence("cannot {what}: the answer of {url}", what=what, url=self.url)

    def _refused(self, what: Sentence, error: HttpStatus) -> Refused:
        # Our client quotes the beginning of an answer: {"name": "odoo.exceptions.AccessError", ...
        found = re.search(r'"name": ?"(?:\w+\.)*(\w+)"', str(error))
        why, retry = refusal(
            error.status, found[1] if found else sentence("no reason given"), self._key_env
        )
        return Refused(
            "cannot {what} at {url}: {why}.",
            crm=self.name,
            retry=retry,
            status=error.status,
            what=what,
            url=self.url,
            why=why,
        )


def refusal(status: int, name: str | Sentence, variable: str) -> tuple[Sentence, bool]:
    """(why and what to do, whether asking again helps) for an error status and the name of Odoo's
    exception. What it said is not passed on: it may hold phones. `variable` names the key."""
    fixed = {
        401: sentence(
            "it does not accept the API key, which was deleted, has expired or is another "
            "database's. Make a new one (Preferences, Security, New API Key) for the variable "
            "{variable}",
            variable=variable,
        ),
        403: sentence(
            "the key's user may not do that. Give them Sales 'User: All Documents' and, for the "
            "phone blacklist, Administration 'Settings'"
        ),
        404: sentence(
            "there is no such database, no JSON-2 interface (Odoo 19 or newer) or no app CRM. Check "
            "url, database and what is installed"
        ),
    }
    if status in fixed:
        return fixed[status], False
    if status == 429:
        return sentence("it was asked too often. It is asked again later"), True
    if status >= 500 and name in ("ValueError", "TypeError", "KeyError", "AttributeError"):
        unknown = sentence(
            "it does not know what it was asked for ({name}): an app (CRM, Phone Numbers Validation) "
            "is missing, or its version has changed. Odoo's log says what",
            name=name,
        )
        return unknown, False
    if status >= 500:
        failed = sentence(
            "it failed ({status} {name}). It is asked again later; Odoo's log says why",
            status=status,
            name=name,
        )
        return failed, True
    not_taken = sentence(
        "it does not accept the request ({status} {name}). Odoo's log says why",
        status=status,
        name=name,
    )
    return not_taken, False
