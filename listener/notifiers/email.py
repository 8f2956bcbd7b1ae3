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
from listener.errors import NotifyError, Sentence, sentence
from listener.settings import Email, Settings, secret

NAME = "email"


class _Refused(smtplib.SMTPResponseException):
    """The server's no to this recipient or to this message."""


def send(message: Message, settings: Settings, on_transmit: Callable[[], None]) -> None:
    config = settings.listener.email
    try:
        content = compose(message, config.sender, datetime.now(UTC))
        message.recipient.encode("ascii")
    except ValueError as error:
        raise _error(
            f"{message.recipient!r} cannot be written to: {error}. Correct the address of the "
            "person, or in rules/alerts.toml.",
            permanent=True,
        ) from error
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
            sentence(
                "the server refused the sign-in ({reply}). Check {user} and {password}.",
                reply=_reply(error),
                user=config.username_env,
                password=config.password_env,
            ),
            permanent=False,  # a person mends the password; the mail must not be lost by then
        ) from error
    except smtplib.SMTPResponseException as error:
        # Only a no to this recipient or this message is for good: one to the connection or the
        # sender is about our settings, and every mail waits until they are mended.
        refused = isinstance(error, _Refused) and error.smtp_code >= 500
        said = sentence("the server said {reply}", reply=_reply(error))
        raise _error(said, permanent=refused) from error
    except ssl.SSLCertVerificationError as error:
        raise _error(
            sentence(
                "the certificate of {host}:{port} is not trusted: {why}. Set [email] ca_file to the "
                "authority that signed it, and host to the name that it is for.",
                host=config.host,
                port=config.port,
                why=error.verify_message,
            ),
            permanent=False,
        ) from error
    except (smtplib.SMTPException, ssl.SSLError) as error:
        raise _error(
            f"{type(error).__name__}: {error}", permanent=False, answered=not handed_over
        ) from error
    except OSError as error:
        raise _error(
            sentence(
                "cannot reach {host}:{port}: {why}. Is [email] host right, and does the server run?",
                host=config.host,
                port=config.port,
                why=str(error),
            ),
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
    # Seven bits and short lines: not every server on the way takes more (RFC 5321, 2.3.1).
    mail.set_content(message.text, cte="quoted-printable")
    mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
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
    context = _trusting(config.ca_file)
    if config.security == "tls":
        return smtplib.SMTP_SSL(config.host, config.port, timeout=timeout, context=context)
    server = smtplib.SMTP(config.host, config.port, timeout=timeout)
    try:
        if config.security == "starttls":
            _start_tls(server, config, context)
    except BaseException:
        server.close()
        raise
    return server


def _start_tls(server: smtplib.SMTP, config: Email, context: ssl.SSLContext) -> None:
    server.ehlo()
    if not server.has_extn("starttls"):
        raise _error(
            sentence(
                "{host}:{port} offers no STARTTLS, so the password would travel readable. Use the "
                "right port, or set [email] security.",
                host=config.host,
                port=config.port,
            ),
            permanent=False,
        )
    server.starttls(context=context)


def _trusting(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise _error(
            sentence(
                "[email] ca_file {file} cannot be used: {why}. Give the file with the certificate "
                "(PEM) of the authority that signed the server's.",
                file=ca_file,
                why=error.strerror or str(error),
            ),
            permanent=False,
        ) from error


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
    code, text = server.mail(address)
    if code >= 400:
        raise smtplib.SMTPResponseException(code, text)
    for code, text in (server.rcpt(recipient), server.docmd("DATA")):
        if code >= 400:
            raise _Refused(code, text)
    body = content if content.endswith(b"\r\n") else content + b"\r\n"
    server.send(body.replace(b"\r\n.", b"\r\n.."))  # dot stuffing; a header is never first a dot
    on_transmit()
    server.send(b".\r\n")
    code, text = server.getreply()
    if code >= 400:
        raise _Refused(code, text)


def _reply(error: smtplib.SMTPResponseException) -> str:
    text = error.smtp_error
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return f"{error.smtp_code} {words[:300]}"


def _error(text: str | Sentence, *, permanent: bool, answered: bool = True) -> NotifyError:
    return NotifyError(text, notifier=NAME, permanent=permanent, answered=answered)
