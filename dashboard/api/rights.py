"""What a route needs of the token: its scope. What its user may do, the desk checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from listener.api_tokens import Bearer
from listener.desk import Desk
from listener.domain import TokenScope
from listener.errors import NotAllowed
from listener.storage.people import User

InForce = Callable[[], Desk]
"""The desk with the settings in force: people edit them while the API is asked."""

# Only for the document: the door has looked at the header by now.
_SCHEME = HTTPBearer(
    auto_error=False, scheme_name="token", description="A token of `listener token add`."
)
_Given = Annotated[HTTPAuthorizationCredentials | None, Security(_SCHEME)]


def asking(request: Request, given: _Given) -> Bearer:  # noqa: ARG001
    found: Bearer = request.state.bearer
    return found


Asking = Annotated[Bearer, Depends(asking)]


def _with(scope: TokenScope) -> Callable[[Bearer], User]:
    def user(bearer: Asking) -> User:
        if not bearer.has(scope):
            raise NotAllowed(
                f"the token {bearer.token.name!r} has the scopes {', '.join(bearer.token.scopes)}; "
                f"this needs {scope}"
            )
        return bearer.user

    return user


Reader = Annotated[User, Depends(_with(TokenScope.READ))]
Worker = Annotated[User, Depends(_with(TokenScope.WORK))]
Bringer = Annotated[User, Depends(_with(TokenScope.INGEST))]
Approver = Annotated[User, Depends(_with(TokenScope.SUPPRESS))]
Administrator = Annotated[User, Depends(_with(TokenScope.ADMIN))]
