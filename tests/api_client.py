"""Asks the API of a served dashboard as another system would."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from browser import world as worlds
from served import Served

from listener import api_tokens, settings_files
from listener.accounts import utc_now

ALL = ("read", "work", "ingest", "suppress", "admin", "metrics")


def serve(folder: Path, extra: str) -> Served:
    """A dashboard over a world of its own, with more in its listener.toml."""
    world = worlds.build(folder)
    file = world.settings.folder / "listener.toml"
    file.write_text(file.read_text(encoding="utf-8") + extra, encoding="utf-8")
    world.settings = settings_files.load(world.settings.folder, world.environment)
    return Served(world)


def token(served: Served, username: str, *scopes: str, lasts: timedelta = timedelta(days=1)) -> str:
    return api_tokens.add(
        served.world.db,
        username,
        name=f"test of {username}",
        scopes=scopes or ALL,
        lasts=lasts,
        by="test",
        now=utc_now(),
    )[1]


class Api(httpx.Client):
    """With a token of the user that may be used for everything, or for the scopes named."""

    def __init__(self, served: Served, username: str = "ana", *scopes: str) -> None:
        given = {"Authorization": f"Bearer {token(served, username, *scopes)}"}
        super().__init__(base_url=served.url, headers=given, timeout=30, trust_env=False)

    def ok(self, path: str, **params: Any) -> Any:
        answer = self.get(f"/api/v1{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def tell(self, path: str, body: Any, **headers: str) -> httpx.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.post(f"/api/v1{path}", json=body, headers=names)


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The body of an error, complete as RFC 9457 and docs/api.md say."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said: dict[str, Any] = answer.json()
    assert said["status"] == status
    assert all(said[name] for name in ("type", "title", "detail", "instance", "remedy")), said
    return said
