"""What can be wrong before anything starts: queries, source options, CRMs, secrets, the port."""

from __future__ import annotations

import errno
import socket
from urllib.parse import urlsplit

from listener import query
from listener.crm import CRMS
from listener.crm.systems import options_of as crm_options
from listener.errors import ConfigError, ListenerError, PortInUse
from listener.oidc_settings import is_loopback
from listener.settings import Settings, secret
from listener.sources import options_of


def check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(host, port) from error
            raise ConfigError(
                f"the dashboard cannot listen on {host}:{port}: {error.strerror or error}. Set "
                "[dashboard] host to an address of this machine, and port to one above 1023."
            ) from error


_LOOPBACK = "127.0.0.1"


def listening_host(own: Settings, host: str, *, guarded: bool) -> tuple[str, str]:
    """Where the dashboard listens, and why that is not `host`. It is for this
    machine alone until somebody's password (or the company's sign-in) stands before it, and until
    [service] public_url is an address by which others may know it."""
    config = own.listener
    if is_loopback(host):
        return host, ""
    missing = []
    if not (guarded or config.oidc.enabled):
        missing.append("no account has a password yet (set the administrator's by its link)")
    if is_loopback(urlsplit(config.service.public_url).hostname):
        missing.append("[service] public_url of listener.toml is still this machine's own")
    if not missing:
        return host, ""
    return _LOOPBACK, (
        f"the dashboard listens on {_LOOPBACK} alone, not on {host}: "
        f"{' and '.join(missing)}. Mend that, and start again."
    )


def check_company(own: Settings) -> str:
    """That the environment has what [oidc] names. Raises MissingCredential."""
    config = own.listener.oidc
    if not config.enabled:
        return "switched off ([oidc] enabled): people sign in with passwords"
    if config.client_secret_env:
        secret(config.client_secret_env, "[oidc]")
    return f"with {config.issuer}, roles by {config.role_claim}"


def check_crms(own: Settings) -> str:
    """Every system's type and options. Raises ConfigError that names the file and key."""
    for config in own.crms:
        crm_options(config, CRMS)
    names = [c.name for c in own.crms if c.enabled]
    return ", ".join(names) or "none: nobody is matched"


def check_email(own: Settings) -> str:
    """That the environment has what [email] names. Raises MissingCredential."""
    config = own.listener.email
    if not config.enabled:
        return "switched off ([email] enabled); alerts wait in the outbox"
    if config.username_env:
        secret(config.username_env, "[email]")
        secret(config.password_env, "[email]")
    return f"goes through {config.host}:{config.port}"


def check_sources(own: Settings) -> str:
    """Every source's kind and options. Raises ConfigError that names the file and key."""
    for source in own.sources:
        options_of(source)
    return f"{sum(s.enabled for s in own.sources)} of {len(own.sources)} are switched on"


def check_queries(own: Settings) -> str:
    """Every brand's query. Raises ConfigError with the position of what is wrong."""
    for brand in own.brands:
        try:
            query.parse(brand.query, countries=brand.countries)
        except ListenerError as error:
            raise ConfigError(
                "{file}: brand {brand}: {why}",
                file=own.folder / "brands.toml",
                brand=brand.key,
                why=error.said,
            ) from error
    return f"{len(own.brands)} can be read"
