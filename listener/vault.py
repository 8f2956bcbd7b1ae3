"""Customers' phone numbers at rest: sealed (AES-256-GCM), and found by a keyed index (HMAC-SHA256).

Whoever has the database alone reads no number, and cannot try out all numbers either. The key is
`LISTENER_PHONE_KEY` (32 bytes in base64; machines that share a database need the same), or a file
that is made once in `var/`. It is a secret as the numbers are: losing it loses them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from listener.errors import ConfigError, StorageError

VARIABLE = "LISTENER_PHONE_KEY"
_FILE = "phone.key"
_KEY_BYTES, _NONCE_BYTES, _INDEX_DIGITS = 32, 12, 32
_MARK = "s1:"  # the form, so that another may follow


class Vault:
    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY_BYTES:
            raise ConfigError(f"a phone key has {_KEY_BYTES} bytes, this one has {len(key)}")
        self._index_key = hashlib.sha256(b"index" + key).digest()
        self._cipher = AESGCM(hashlib.sha256(b"seal" + key).digest())

    def index(self, number: str) -> str:
        """The same for the same number, telling nothing of it: 32 hexadecimal digits."""
        return hmac.new(self._index_key, number.encode(), hashlib.sha256).hexdigest()[
            :_INDEX_DIGITS
        ]

    def seal(self, text: str) -> str:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, text.encode(), None)
        return _MARK + base64.b64encode(sealed).decode("ascii")

    def open(self, sealed: str) -> str:
        """Raises StorageError for what was sealed with another key."""
        if not sealed.startswith(_MARK):
            return sealed  # nothing to hide: a row of a system that keeps none
        try:
            raw = base64.b64decode(sealed[len(_MARK) :], validate=True)
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], None).decode()
        except (binascii.Error, InvalidTag, ValueError) as error:
            raise StorageError(
                "a stored phone number cannot be opened: it was sealed with another key. Set "
                "{variable}, or put back {file}, as it was when the numbers were imported.",
                variable=VARIABLE,
                file=_FILE,
            ) from error


def open_vault(var: Path, environ: Mapping[str, str] = os.environ) -> Vault:
    """The vault of this installation; makes its key where there is none yet."""
    given = environ.get(VARIABLE, "")
    if given:
        try:
            return Vault(base64.b64decode(given, validate=True))
        except binascii.Error as error:
            raise ConfigError(f"{VARIABLE} is not base64: {error}") from error
    return _of_file(var / _FILE)


@lru_cache(maxsize=64)
def _of_file(path: Path) -> Vault:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # Whoever comes first writes it; the others read what is there.
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as f:
                f.write(base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii"))
        except FileExistsError:
            pass
        return Vault(base64.b64decode(path.read_text(encoding="ascii"), validate=True))
    except OSError as error:
        raise ConfigError(
            f"the key of the phone numbers, {path}, cannot be read or made: {error.strerror}. Make "
            f"the folder writable, or set {VARIABLE}."
        ) from error
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} holds no key: put back the one that sealed the numbers."
        ) from error
