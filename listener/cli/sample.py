"""Invented data for a first look."""

from __future__ import annotations

import json

from listener.cli.shared import load_settings, open_database


def load() -> None:
    """About 200 invented posts, 60 customers, 400 contact events, marked as invented."""
    from listener import sample
    from listener.pipeline import utc_now

    settings = load_settings()
    print(json.dumps(sample.load(open_database(settings), settings, utc_now())))


def remove() -> None:
    """Remove everything invented."""
    from listener import sample

    print(json.dumps(sample.remove(open_database(load_settings()))))
