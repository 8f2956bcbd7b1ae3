"""The session cookie: a random token, signed, so that a forged one costs no look-up."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from itsdangerous import BadSignature, Signer

from listener.errors import StorageError

NAME = "listener_session"
_KEY_VARIABLE = "LISTENER_COOKIE_KEY"


class Cookies:
    def __init__(self, key: str) -> None:
        self._signer = Signer(key, salt="listener.session")

    def sign(self, token: str) -> str:
        return self._signer.sign(token.encode()).decode()

    def token(self, value: str | None) -> str | None:
        """The token of a cookie's value; None when there is none or its signature is not ours."""
        if not value or len(value) > 300:
            return None
        try:
            return self._signer.unsign(value.encode()).decode()
        except (BadSignature, UnicodeError):
            return None


def key(folder: Path) -> str:
    """The signing key: of the environment, where several machines share one database; otherwise
    of a file that is made at the first start and that only we may read."""
    if given := os.environ.get(_KEY_VARIABLE):
        return given
    path = folder / "cookie.key"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_urlsafe(48))
        found = path.read_text().strip()
    except OSError as error:
        raise StorageError(
            f"cannot keep the key of the sign-in cookies in {path}: {error.strerror}. Make the "
            f"folder writable, set LISTENER_VAR to another one, or set {_KEY_VARIABLE}."
        ) from error
    if len(found) < 32:
        raise StorageError(f"{path} holds no usable key: delete it and start again")
    return found
