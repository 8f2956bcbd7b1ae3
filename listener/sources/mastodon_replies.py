"""Which post a reply on Mastodon belongs to.

The API names it by its id on the server that was asked (in_reply_to_id), but a post is kept under
its uri, which is the same on all servers. Where the post is not on the same page, the server is
asked for it (https://docs.joinmastodon.org/methods/statuses/#get); a server that answers this only
to its own people (snac2) still gives the reply itself as ActivityPub, which names the post by uri.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlsplit

from listener.domain import RawPage
from listener.errors import HttpError, HttpStatus, SourceError, Unreachable
from listener.httpclient import HttpClient
from listener.sources.items import dict_of, list_of, load_answer, load_json, text_of
from listener.sources.walking import load_cursor

_META = "replies"


@dataclass
class Replies:
    """Remembers for one fetch what it has learned. `base` is the server's address, no slash."""

    base: str
    http: HttpClient
    token: str | None
    _uris: dict[str, str] = field(default_factory=dict)  # "" where nobody could say
    _closed: set[str] = field(default_factory=set)

    def named(self, page: RawPage, known: Iterable[str]) -> RawPage:
        """The page, with the uris of posts elsewhere that its replies belong to. `known` are ids of
        posts that were passed on before: what they reply to is not asked again.

        Raises HttpError where the server is away or asks us to wait: the page then comes later.
        """
        if not page.body:
            return page  # a notice of ours
        data = load_json(page.body)
        statuses = [dict_of(s) for s in list_of(dict_of(data).get("statuses") or data)]
        self._uris |= {text_of(s.get("id")): text_of(s.get("uri")) for s in statuses}
        before = set(known)
        found: dict[str, str] = {}
        for status in statuses:
            said = dict_of(status.get("reblog")) or status
            parent = text_of(said.get("in_reply_to_id"))
            if parent and text_of(status.get("id")) not in before:
                found[parent] = self._uri(parent, said)
        found = {number: uri for number, uri in found.items() if uri}
        return replace(page, meta={**page.meta, _META: json.dumps(found)}) if found else page

    def _uri(self, number: str, reply: dict[str, Any]) -> str:
        if number in self._uris:
            return self._uris[number]
        url = f"{self.base}/api/v1/statuses/{quote(number, safe='')}"
        uri = text_of(self._asked("api", url).get("uri"))
        own = text_of(reply.get("uri"))
        # Only the configured server is asked, whatever address a post gives itself.
        if not uri and "api" in self._closed and own.startswith(f"{self.base}/"):
            uri = text_of(self._asked("activity", own).get("inReplyTo"))
        self._uris[number] = uri
        return uri

    def _asked(self, kind: str, url: str) -> dict[str, Any]:
        if kind in self._closed:
            return {}
        accept = "application/activity+json" if kind == "activity" else "application/json"
        try:
            answer = self.http.get(url, headers={"Accept": accept}, auth_bearer=self.token)
            return dict_of(load_answer(answer, urlsplit(self.base).netloc))
        except Unreachable:
            raise
        except HttpStatus as error:
            if error.status == 429:
                raise
            if error.status in (401, 403):
                self._closed.add(kind)
        except (HttpError, SourceError):
            pass  # this one post cannot be had; its reply keeps the server's own id
        return {}


def named_in(page: RawPage) -> dict[str, str]:
    """id on the server -> uri, as `Replies.named` wrote it; whatever else stands there is none."""
    return {
        number: uri
        for number, value in load_cursor(page.meta.get(_META)).items()
        if (uri := text_of(value))
    }
