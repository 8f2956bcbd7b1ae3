"""On which version of a document a page's form stands: what was typed belongs to it, and a save that
came too late is refused."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import pages
from dashboard.marking import plain
from dashboard.pages import Page


class Form:
    """The controls of one document. Their keys hold the version, so that a newer one begins with
    what is in force; until it is loaded, what was typed stays."""

    def __init__(self, page: Page, name: str, version: int, by: str = "") -> None:
        self.page = page
        self.name = name
        self._key = f"seen:{name}"
        self.version: int = st.session_state.setdefault(self._key, version)
        if self.version != version:
            self._outdated(by)

    def key(self, *parts: object) -> str:
        return "|".join(map(str, (self.name, self.version, *parts)))

    def save(self, done: str, work: Callable[..., object]) -> None:
        """Run what stores the document and draw the page again, on the version that this made.

        Called where the button is drawn, below the controls, and not as its callback: a callback
        would store what the controls said before the last key was pressed."""
        if pages.was_done(done, work):
            self.load()
        st.rerun()

    def load(self) -> None:
        """Begin anew with what is in force."""
        st.session_state.pop(self._key, None)

    def _outdated(self, by: str) -> None:
        _ = self.page.gettext
        said = _("{who} changed these settings meanwhile.", who=plain(by or "?", 60))
        left, right = st.columns([4, 2], vertical_alignment="center")
        left.warning(pages.literal(said))
        right.button(
            _("Load what is in force"), key=self.key("load"), on_click=self.load, width="stretch"
        )
