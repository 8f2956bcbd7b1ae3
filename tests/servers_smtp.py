"""A real SMTP server on 127.0.0.1 that asks for STARTTLS and AUTH, keeps everything it was sent,
and can be told to misbehave.

    with SmtpServer(folder) as server:
        # [email] host, port, ca_file; the environment has server.username and server.password
        server.behave(Refuse("RCPT", 550, "no such person"))
        server.transmissions  # one entry each time the final dot was seen, delivered or not
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Refuse:
    """Answer this at that command; `DOT` is the end of the message's data."""

    at: Literal["MAIL", "RCPT", "DOT"]
    code: int
    text: str
    times: int | None = None  # None: until told otherwise


@dataclass(frozen=True)
class Drop:
    """Cut the line: `before` the message was taken, or `after` it was taken and not yet said so."""

    when: Literal["before", "after"]
    times: int | None = None


@dataclass(frozen=True)
class Hang:
    """Take the message and say nothing for so long."""

    seconds: float
    times: int | None = None


Behaviour = Refuse | Drop | Hang | None


@dataclass(frozen=True)
class Transmission:
    """One message whose final dot was seen. `accepted`: the server took it."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    accepted: bool
    encrypted: bool
    user: str

    @property
    def mail(self) -> EmailMessage:
        message = email.message_from_bytes(self.raw, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        return message

    @property
    def message_id(self) -> str:
        return str(self.mail["Message-ID"])

    @property
    def text(self) -> str:
        part = self.mail.get_body(("plain",))
        assert part is not None
        return str(part.get_content())

    @property
    def html(self) -> str:
        part = self.mail.get_body(("html",))
        assert part is not None
        return str(part.get_content())


@dataclass
class SmtpServer:
    folder: Path
    starttls: bool = True
    username: str = "listener"
    password: str = "a password of the test"
    transmissions: list[Transmission] = field(default_factory=list)
    sessions: int = 0
    logins: list[bool] = field(default_factory=list)
    _behaviour: Behaviour = None
    _left: int | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca_file, key = certificate(self.folder)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.ca_file, key)
        self._lock = threading.Lock()
        self._controller = _Controller(self, context if self.starttls else None)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def port(self) -> int:
        return int(self._controller.port)

    def behave(self, behaviour: Behaviour) -> None:
        with self._lock:
            self._behaviour = behaviour
            self._left = getattr(behaviour, "times", None)

    def shows(self, kind: type, **wanted: str) -> Any:
        """The behaviour that is to be shown at this point, if it is this one; counts it."""
        with self._lock:
            told = self._behaviour
            if not isinstance(told, kind) or self._left == 0:
                return None
            if any(getattr(told, name) != value for name, value in wanted.items()):
                return None
            self._left = None if self._left is None else self._left - 1
            return told

    @property
    def accepted(self) -> list[Transmission]:
        return [t for t in self.transmissions if t.accepted]

    def by_message_id(self) -> Counter[str]:
        """How often each message was accepted."""
        return Counter(t.message_id for t in self.accepted)

    def config(self) -> dict[str, Any]:
        """The [email] section that reaches this server."""
        return {
            "enabled": True,
            "host": "127.0.0.1",
            "port": self.port,
            "security": "starttls" if self.starttls else "none",
            "ca_file": str(self.ca_file),
            "username_env": "LISTENER_SMTP_USERNAME",
            "password_env": "LISTENER_SMTP_PASSWORD",
            "sender": "Listener <listener@example.org>",
            "timeout": "5s",
        }

    def environment(self) -> dict[str, str]:
        return {
            "LISTENER_SMTP_USERNAME": self.username,
            "LISTENER_SMTP_PASSWORD": self.password,
        }


class _Controller(Controller):
    def __init__(self, server: SmtpServer, tls: ssl.SSLContext | None) -> None:
        self._server_ = server
        self._tls = tls
        super().__init__(_Handler(server), hostname="127.0.0.1", port=0)

    def _trigger_server(self) -> None:
        # Port 0: learn which one it became before the controller greets itself.
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()

    def factory(self) -> SMTP:
        own = self._server_
        own.sessions += 1
        return SMTP(
            self.handler,
            tls_context=self._tls,
            require_starttls=self._tls is not None,
            auth_required=True,
            auth_require_tls=self._tls is not None,
            authenticator=self._authenticate,
            enable_SMTPUTF8=False,
            loop=self.loop,
        )

    def _authenticate(
        self, _smtp: SMTP, session: Session, _envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        own = self._server_
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (
            own.username.encode(),
            own.password.encode(),
        )
        own.logins.append(right)
        # handled=False: the server then answers 535 itself; otherwise the client waits for ever.
        return AuthResult(success=right, handled=False, auth_data=own.username if right else None)


class _Handler:
    def __init__(self, server: SmtpServer) -> None:
        self.server = server

    def _refused(self, at: str) -> str | None:
        told = self.server.shows(Refuse, at=at)
        return f"{told.code} {told.text}" if told else None

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _smtp: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refused := self._refused("MAIL"):
            return refused
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _smtp: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if refused := self._refused("RCPT"):
            return refused
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, smtp: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.server.shows(Drop, when="before"):
            self._keep(session, envelope, accepted=False)
            return self._cut(smtp)
        if refused := self._refused("DOT"):
            self._keep(session, envelope, accepted=False)
            return refused
        self._keep(session, envelope, accepted=True)
        if self.server.shows(Drop, when="after"):
            return self._cut(smtp)
        if told := self.server.shows(Hang):
            await asyncio.sleep(told.seconds)
        return "250 taken"

    def _cut(self, smtp: SMTP) -> str:
        assert smtp.transport is not None
        smtp.transport.abort()
        return "421 gone"

    def _keep(self, session: Session, envelope: Envelope, *, accepted: bool) -> None:
        content = envelope.content
        raw = content if isinstance(content, bytes) else str(content or "").encode()
        self.server.transmissions.append(
            Transmission(
                sender=envelope.mail_from or "",
                recipients=tuple(envelope.rcpt_tos),
                raw=raw,
                accepted=accepted,
                encrypted=session.ssl is not None,
                user=str(session.auth_data or ""),
            )
        )


def certificate(folder: Path) -> tuple[Path, Path]:
    """(certificate, key) for 127.0.0.1 and localhost, signed by itself, good for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "listener test mail")])
    now = datetime.now(UTC)
    names = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "mail.pem", folder / "mail.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return public, private
