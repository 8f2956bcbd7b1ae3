"""The article of a web page: what a reader came for, without menus and advertisements."""

from __future__ import annotations

import structlog
import trafilatura

from listener.normalise import clean_text

log = structlog.get_logger()

# Pages beyond this are no articles, and the extraction would take minutes.
MAX_PAGE = 5_000_000


def extract_article(html: bytes, url: str) -> str | None:
    """The article's text, cleaned; None where the page has none. Raises nothing: a page that
    breaks the extraction leaves the feed's summary in place."""
    if not html.strip() or len(html) > MAX_PAGE:
        return None
    try:
        text = trafilatura.extract(
            html, url=url, include_comments=False, include_tables=False, favor_precision=True
        )
    except Exception as error:
        log.warning("no article extracted", error=f"{type(error).__name__}: {error}")
        return None
    return clean_text(text) or None if text else None
