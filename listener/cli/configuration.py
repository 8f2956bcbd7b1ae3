"""The configuration out to a folder, and in from one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from listener.cli.shared import out

_DEFAULT = Path("config-export")


def export(
    to: Annotated[Path, typer.Option(help="The folder to write.")] = _DEFAULT,
    overwrite: Annotated[
        bool, typer.Option(help="Replace files there that say something else.")
    ] = False,
) -> None:
    """The configuration in force as files: what was edited in the dashboard, and the rest as it is."""
    from listener import config_documents, in_force, settings_files

    base = settings_files.config_folder(None)
    edits = in_force.stored()[0]
    written = config_documents.export(base, edits, to, overwrite=overwrite)
    for file in written:
        said = "as edited in the dashboard" if file.edited else "as its file"
        out.print(f"{to / file.name}: {said}", markup=False, soft_wrap=True)
    out.print("Not in it:")
    for line in config_documents.NOT_IN_IT:
        out.print(f"  {line}", markup=False, soft_wrap=True)
    if named := config_documents.variables(base, edits):
        out.print(f"  the values of {', '.join(named)}", markup=False, soft_wrap=True)


def import_config(
    folder: Annotated[Path, typer.Argument(help="A configuration folder, as export writes it.")],
) -> None:
    """Put the documents of a folder in force, in place of the files and of what was edited."""
    from listener import config_documents, settings_files
    from listener.pipeline import utc_now
    from listener.storage import Database

    base = settings_files.config_folder(None)
    db = Database(settings_files.database_url())
    db.upgrade()
    for name, how in config_documents.take(db, base, folder, os.environ, utc_now()).items():
        out.print(f"{name}: {how}", markup=False, soft_wrap=True)
