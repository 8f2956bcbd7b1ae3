"""What the tests of CRMs and diallers share: how one is asked, what a sound answer is, a server whose
answer is cut off."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import pytest
from servers import Answer

from listener.crm import Connection, Crm, Receipt
from listener.domain import Candidate, ContactEvent, Customer, Identifier, IdentifierKind
from listener.errors import CRMError
from listener.httpclient import HttpClient, Response
from listener.settings import Brand, CrmConfig, Http, Settings
from listener.storage import Database


def phone(value: str) -> Identifier:
    return Identifier(IdentifierKind.PHONE, value)


def refs(crm: Crm, *identifiers: Identifier) -> list[str]:
    return [c.customer.ref for c in crm.find(identifiers)]


def found(crm: Crm, kind: IdentifierKind, value: str) -> list[str]:
    return [c.customer.ref for c in crm.find([Identifier(kind, value)])]


@lru_cache
def network() -> HttpClient:
    return HttpClient(Http(allow_private_addresses=True, per_host_interval="0s", timeout="0.5s"))


def connection(kind: str, now: datetime, http: HttpClient | None = None) -> Connection:
    """For a system that needs no database of ours."""
    movistar = Brand(key="movistar", name="Movistar", query="movistar")
    own = Settings(folder=Path(), var=Path(), database_url="", brands=(movistar,))
    config = CrmConfig(name="ventas", type=kind)
    return Connection(config, own, cast(Database, None), http or network(), lambda: now)


def assert_refused(asks: Iterable[Callable[[], object]], *, retry: bool, hidden: str) -> None:
    """Each is a CRMError of the system "crm" that says whether asking again can help, and nothing
    that `hidden` (a regular expression) finds."""
    for ask in asks:
        with pytest.raises(CRMError) as caught:
            ask()
        assert caught.value.retry is retry
        text = str(caught.value)
        assert text.startswith("CRM crm: ")
        assert not re.search(hidden, text, re.IGNORECASE)


def cut_off(beginning: bytes = b'{"id": "') -> Answer:
    """The change is made, and its answer does not arrive."""

    def cut() -> Iterator[bytes]:
        yield beginning
        raise ConnectionError

    return Answer(cut(), 201, {"Content-Type": "application/json", "Content-Length": "500"})


def assert_sound(answer: object) -> None:
    """What every answer promises, whatever the system said."""
    match answer:
        case ContactEvent():
            assert answer.event_id
            assert answer.at.tzinfo is not None
            assert answer.duration_s is None or answer.duration_s >= 0
        case Customer():
            assert answer.ref
            # E.164 where they parse, as given otherwise; each once.
            assert all(answer.phones)
            assert len(set(answer.phones)) == len(answer.phones)
        case Candidate():
            assert_sound(answer.customer)
        case Receipt():
            assert isinstance(answer.already, bool)
        case datetime():
            assert answer.tzinfo is not None


class Says:
    """A client that gets the same answer whatever it asks; `otherwise`: but to a change whose
    address ends so."""

    def __init__(self, value: Any, otherwise: Sequence[tuple[str, Any]] = ()) -> None:
        self.value = value
        self.otherwise = otherwise

    def get(self, url: str, **_: Any) -> Response:
        return self._answer(self.value, url)

    def post(self, url: str, **_: Any) -> Response:
        return self._answer(self.value, url)

    def change(self, _method: str, url: str, **_: Any) -> Response:
        said = next((v for end, v in self.otherwise if url.endswith(end)), self.value)
        return self._answer(said, url)

    def _answer(self, value: Any, url: str) -> Response:
        kind = {"content-type": "application/json"}
        return Response(200, kind, json.dumps(value).encode(), url)
