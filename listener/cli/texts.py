"""Texts in, answers out: reading, matching and importing them, and teaching the reader."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from listener.cli.shared import InputFile, err, load_settings, open_database, opened, out


def classify(file: InputFile = None) -> None:
    """JSON Lines with `text` in, readings out: one line for one line, in order."""
    from listener import texts

    with opened(file) as stream:
        raise typer.Exit(texts.classify(stream, sys.stdout.buffer, sys.stderr))


def match(
    query: Annotated[str, typer.Argument(help="A boolean query; see docs/query-language.md.")],
    file: InputFile = None,
    country: Annotated[
        list[str] | None, typer.Option(help="Countries whose numbers `number:` knows.")
    ] = None,
) -> None:
    """Which lines of a JSONL a boolean query finds, and which part of each."""
    from listener import texts

    with opened(file) as stream:
        raise typer.Exit(
            texts.match(query, tuple(country or ("ES",)), stream, sys.stdout.buffer, sys.stderr)
        )


def import_file(
    file: Annotated[Path, typer.Argument(help="JSONL or CSV of mentions.")],
    rejects: Annotated[
        Path | None, typer.Option(help="Write every refused line with its reason here (CSV).")
    ] = None,
) -> None:
    """Mentions from a file: says how many came in, were there already, were refused and why."""
    from listener import imports, service

    settings = load_settings()
    road = service.road(settings, open_database(settings))
    result = imports.mentions(road, file, rejects, err)
    print(json.dumps(result.to_json(), ensure_ascii=False))


def retrain(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="JSONL of labelled texts that you may use, beside the corrections."),
    ] = None,
    full: Annotated[
        Path | None,
        typer.Option(help="Fine-tune the whole encoder, with the public sets in this folder."),
    ] = None,
    use: Annotated[str | None, typer.Option(help="Put this version to use.")] = None,
    rollback: Annotated[bool, typer.Option(help="Back to what came before.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Every version.")] = False,
    force: Annotated[bool, typer.Option(help="Use the new weights even if worse.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the new version, use none yet.")
    ] = False,
    by: Annotated[str, typer.Option(help="Who trains, for the page Quality.")] = "listener retrain",
) -> None:
    """Teach the reader what people corrected; a worse one is kept and not used (exit 1)."""
    from listener import reader_versions, retraining
    from listener.pipeline import utc_now

    settings = load_settings()
    if show:
        retraining.show(settings, out)
    elif rollback:
        print(f"{reader_versions.roll_back(settings)} is in use from the service's next turn on")
    elif use is not None:
        reader_versions.use(settings, use)
        print(f"{use} is in use from the service's next turn on")
    else:
        os.nice(5)  # the loops and the pages go first
        better = retraining.run(
            settings,
            open_database(settings),
            files or [],
            now=utc_now(),
            told=out,
            public=full,
            force=force,
            install=not keep,
            by=by,
        )
        raise typer.Exit(0 if better else 1)
