"""E-mail over SMTP (RFC 5321) with STARTTLS or TLS and AUTH, settings in [email].

What it cannot see: whether the mail is read, or bounces later.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from listener.domain import Message
from listener.errors import NotifyError
from listener.settings import Email, Settings, secret

NAME = "email"


def send(message: Message, settings: Settings, on_transmit: Callable[[], None]) -> None:
    config = settings.listener.email
    content = compose(message, config.sender, datetime.now(UTC))
    handed_over = False

    def mark() -> None:
        nonlocal handed_over
        on_transmit()
        handed_over = True

    server = None
    try:
        server = _connect(config)
        _sign_in(server, config)
        _transmit(server, config.sender, message.recipient, content, mark)
    except smtplib.SMTPAuthenticationError as error:
        raise _error(
            f"the server refused the sign-in ({_reply(error)}). Check {config.username_env} and "
            f"{config.password_env}.",
            permanent=False,  # a person mends the password; the mail must not be lost by then
        ) from error
    except smtplib.SMTPResponseException as error:
        raise _error(
            f"the server said {_reply(error)}", permanent=error.smtp_code >= 500
        ) from error
    except (smtplib.SMTPException, ssl.SSLError) as error:
        raise _error(
            f"{type(error).__name__}: {error}", permanent=False, answered=not handed_over
        ) from error
    except OSError as error:
        raise _error(
            f"cannot reach {config.host}:{config.port}: {error}. Is [email] host right, and does "
            "the server run?",
            permanent=False,
            answered=not handed_over,
        ) from error
    finally:
        # Not QUIT: after the answer nothing the server says changes anything, and a slow good-bye
        # must not turn a delivered mail into a failed one.
        if server is not None:
            server.close()


def compose(message: Message, sender: str, now: datetime) -> bytes:
    """The message as bytes for the wire. Raises ValueError on line breaks in a header."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = message.recipient
    mail["Subject"] = " ".join(message.subject.split())
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = message.message_id
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: holiday replies stay away
    mail.set_content(message.text)
    mail.add_alternative(message.html, subtype="html")
    return mail.as_bytes(policy=mail.policy.clone(linesep="\r\n", max_line_length=78))


@contextmanager
def signed_in(config: Email) -> Iterator[smtplib.SMTP]:
    """A connection on which mail could be sent, for a check of the settings."""
    server = _connect(config)
    try:
        _sign_in(server, config)
        yield server
    finally:
        server.close()


def _connect(config: Email) -> smtplib.SMTP:
    timeout = config.timeout.total_seconds()
    context = ssl.create_default_context(cafile=config.ca_file or None)
    if config.security == "tls":
        return smtplib.SMTP_SSL(config.host, config.port, timeout=timeout, context=context)
    server = smtplib.SMTP(config.host, config.port, timeout=timeout)
    if config.security == "starttls":
        server.ehlo()
        if not server.has_extn("starttls"):
            server.close()
            raise _error(
                f"{config.host}:{config.port} offers no STARTTLS, so the password would travel "
                "readable. Use the right port, or set [email] security.",
                permanent=False,
            )
        server.starttls(context=context)
    return server


def _sign_in(server: smtplib.SMTP, config: Email) -> None:
    if config.username_env:
        server.login(secret(config.username_env, "[email]"), secret(config.password_env, "[email]"))


def _transmit(
    server: smtplib.SMTP,
    sender: str,
    recipient: str,
    content: bytes,
    on_transmit: Callable[[], None],
) -> None:
    """smtplib's sendmail in its parts, because the last line is the one that counts: before
    `.` the server has promised nothing, after it the mail may be delivered (RFC 5321, 4.1.1.4)."""
    server.ehlo_or_helo_if_needed()
    address = sender.rsplit("<", 1)[-1].rstrip("> ")
    for reply in (server.mail(address), server.rcpt(recipient), server.docmd("DATA")):
        if reply[0] >= 400:
            raise smtplib.SMTPResponseException(*reply)
    body = content if content.endswith(b"\r\n") else content + b"\r\n"
    server.send(body.replace(b"\r\n.", b"\r\n.."))  # dot stuffing; a header is never first a dot
    on_transmit()
    server.send(b".\r\n")
    code, text = server.getreply()
    if code >= 400:
        raise smtplib.SMTPResponseException(code, text)


def _reply(error: smtplib.SMTPResponseException) -> str:
    text = error.smtp_error
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return f"{error.smtp_code} {words[:300]}"


def _error(text: str, *, permanent: bool, answered: bool = True) -> NotifyError:
    return NotifyError(text, notifier=NAME, permanent=permanent, answered=answered)
