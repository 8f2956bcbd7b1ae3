"""`listener doctor`: each part is asked once, for real, and says what is wrong and what to do."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator
from functools import partial

from rich.console import Console

from listener import config_documents, in_force, oidc, raising, reader, settings_files
from listener.accounts import utc_now
from listener.checks import (
    check_company,
    check_crms,
    check_email,
    check_port,
    check_queries,
    check_sources,
)
from listener.crm import Capability, systems
from listener.domain import Identifier, IdentifierKind
from listener.errors import ConfigError, ListenerError, PortInUse, StorageError
from listener.notifiers import email
from listener.settings import Settings
from listener.status import NO_RECIPIENT
from listener.storage import Database

# Kept for films and books by the North American numbering plan: it rings nowhere.
NOBODYS = "+12025550100"


def run(out: Console, *, migrate: bool) -> int:
    """Print one line a check; 0 when all hold."""
    failures = 0

    def check(name: str, test: Callable[[], str]) -> bool:
        nonlocal failures
        try:
            told = test()
        except Exception as error:
            failures += 1
            known = isinstance(error, ListenerError)
            text = str(error) if known else f"{type(error).__name__}: {error}"
            out.print(f"[red]✗[/red] {name}: ", end="")
            out.print(text, markup=False, soft_wrap=True)
            return False
        out.print(f"[green]✓[/green] {name}: ", end="")
        out.print(told, markup=False, soft_wrap=True)
        return True

    loaded: list[Settings] = []

    def configuration() -> str:
        own = _settings()
        loaded.append(own)
        return f"{own.folder}, {len(own.brands)} brands, {len(own.sources)} sources"

    if not check("configuration", configuration):
        return 1
    for name, test in _checks(loaded[0], migrate):
        check(name, test)
    return 1 if failures else 0


def _settings() -> Settings:
    try:
        return in_force.load()
    except StorageError:  # which the check of the database tells of
        return settings_files.load()


def _checks(own: Settings, migrate: bool) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "database", lambda: _database(own, migrate)
    yield "edited in the dashboard", _edited
    yield "queries", lambda: check_queries(own)
    yield "sources", lambda: check_sources(own)
    yield "CRMs", lambda: check_crms(own)
    for config in own.crms:
        if config.enabled:
            yield f"CRM {config.name}", partial(_crm, own, config.name)
    yield "reader", lambda: _reader(own)
    yield "e-mail", lambda: _email(own)
    yield "sign-in with the company", lambda: _company(own)
    yield "alerts", lambda: _alerts(own)
    yield "dashboard", lambda: _port(own)


def _database(own: Settings, migrate: bool) -> str:
    db = Database(own.database_url)
    try:
        if migrate:
            db.upgrade()
        current, newest = db.revision()
        if current != newest:
            raise ConfigError(
                f"the schema is {current or 'missing'}, the newest is {newest}; run `listener "
                "doctor --migrate` (or start the service, which does it too)"
            )
        with db.write():
            pass  # a lock was taken and given back: it can be written to
        return f"{db.engine.url.render_as_string(hide_password=True)}, schema {current}"
    finally:
        db.close()


def _edited() -> str:
    """Which documents stand in place of their files, by whom, since when."""
    try:
        edits, _ = in_force.stored()
    except StorageError:
        return "not known, because the database does not answer"
    lines = config_documents.told(list(edits.values()))
    return "; ".join(lines) or "nothing: the files are in force"


def _crm(own: Settings, name: str) -> str:
    """Ask for a phone that nobody has: it answers, or says why it does not."""
    db = Database(own.database_url)
    try:
        asked = systems(own, db)
        can = asked.get(name).can
        if Capability.FIND in can:
            asked.ask(name, lambda crm: crm.find([Identifier(IdentifierKind.PHONE, NOBODYS)]))
        elif Capability.CALLS in can:
            asked.ask(name, lambda crm: crm.calls([NOBODYS]))
        else:
            return "cannot be asked for anybody; nothing was tried"
        return f"answers; it can {', '.join(sorted(can))}"
    finally:
        db.close()


def _reader(own: Settings) -> str:
    reads = reader.configured(own)
    reading = reads.read(["otra vez el 1004, van seis llamadas hoy y ya dije que no"])[0]
    return f"{reads.model} reads a test sentence as {reading.category or 'no complaint'}"


def _company(own: Settings) -> str:
    told = check_company(own)
    if found := oidc.provider(own, utc_now):
        found.address(oidc.begun())
        return f"{own.listener.oidc.issuer} answers"
    return told


def _email(own: Settings) -> str:
    config = own.listener.email
    told = check_email(own)
    if not config.enabled:
        return told
    try:
        with email.signed_in(config):
            return f"{config.host}:{config.port} accepts the sign-in"
    except (OSError, smtplib.SMTPException) as error:
        raise ConfigError(
            f"{config.host}:{config.port}: {error}. Check [email] in listener.toml."
        ) from error


def _alerts(own: Settings) -> str:
    db = Database(own.database_url)
    try:
        with db.read() as session:
            people = [person.address for person in raising.standing_recipients(session, own)]
    finally:
        db.close()
    if people:
        return f"what has no owner goes to {', '.join(people)}"
    if own.listener.email.enabled:
        raise ConfigError(f"{NO_RECIPIENT}.")
    return f"{NO_RECIPIENT} ([email] is switched off)"


def _port(own: Settings) -> str:
    config = own.listener.dashboard
    try:
        check_port(config.host, config.port)
    except PortInUse:
        return f"{config.host}:{config.port} is in use (by the running service, or by another)"
    return f"{config.host}:{config.port} is free"
