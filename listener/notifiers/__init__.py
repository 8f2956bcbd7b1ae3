"""Ways out, one file each. A notifier has a `NAME` and

    send(message, settings, on_transmit)

which returns when the receiver has taken the message, or raises NotifyError (`permanent` says
whether trying again helps) or MissingCredential. It calls `on_transmit()` once, just before the
act after which the receiver may hold the message: until then a crash means "not sent"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from listener.domain import Message
from listener.notifiers import email
from listener.settings import Settings


class Notifier(Protocol):
    NAME: str

    def send(
        self, message: Message, settings: Settings, on_transmit: Callable[[], None]
    ) -> None: ...


NOTIFIERS: Mapping[str, Notifier] = {email.NAME: email}
