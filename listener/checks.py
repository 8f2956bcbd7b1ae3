"""What can be wrong before anything starts: queries, source options, the port."""

from __future__ import annotations

import socket

from listener import query
from listener.errors import ConfigError, ListenerError, PortInUse
from listener.settings import Settings
from listener.sources import options_of


def check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUse(host, port) from error


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
                f"{own.folder / 'brands.toml'}: brand {brand.key}: {error}"
            ) from error
    return f"{len(own.brands)} can be read"
