"""The weekly report as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from listener.cli.shared import load_settings, open_database
from listener.errors import ConfigError


def report(
    file: Annotated[Path, typer.Argument(help="Where to write it.")],
    brand: Annotated[str, typer.Option(help="Of which brand, by its key.")],
    week: Annotated[
        str | None, typer.Option(help="An ISO week, as 2026-W47; the last that is over.")
    ] = None,
    lang: Annotated[str, typer.Option(help="Posts in this language only, as es.")] = "",
    kind: Annotated[
        str | None, typer.Option("--format", help="pdf or html; as the file's name says.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="The report's own language: es or en.")
    ] = None,
    invented: Annotated[bool, typer.Option(help="Count what is invented, too.")] = False,
) -> None:
    """One week of a brand in charts: what was said, how it was answered, how it is counted."""
    from listener import accounts, i18n, weekly
    from listener.desk import Desk
    from listener.domain import Role
    from listener.speech import Speech
    from listener.storage.people import User

    settings = load_settings()
    service = settings.listener.service
    form = kind or file.suffix.lstrip(".").casefold()
    if form not in weekly.FORMATS:
        raise typer.BadParameter(f"--format {form!r}: choose {' or '.join(weekly.FORMATS)}")
    told = language or service.language
    if told not in i18n.languages():
        raise typer.BadParameter(
            f"--language {told!r}: choose one of {', '.join(i18n.languages())}"
        )
    db = open_database(settings, migrate=False)
    desk = Desk(db, settings)
    brands = {b.key: b.name for b in desk.settings.brands}
    if brand not in brands:
        raise typer.BadParameter(f"--brand {brand!r}: choose one of {', '.join(brands)}")
    now = accounts.utc_now()
    nobody = User(
        username="listener",
        name="listener",
        email="",
        role=Role.BRAND_MANAGER,
        language=told,
        time_zone=service.time_zone,
        brands=(),
    )
    found = weekly.gather(
        desk,
        nobody,
        Speech(told, service.time_zone, brands),
        written=week or weekly.last_week(now.astimezone(service.zone).date()),
        brand=brand,
        lang=lang,
        invented=invented,
        now=now,
    )
    try:
        file.write_bytes(weekly.FORMATS[form](found))
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from error
