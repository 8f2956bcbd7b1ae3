"""How the pages look: Streamlit's theme as options, and the styles of our own pieces.

Every pair of text and ground here has a contrast of at least 4.5 to 1 (WCAG AA)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

OPTIONS: Mapping[str, object] = {
    "theme.base": "light",
    "theme.primaryColor": "#0b5c8a",
    "theme.backgroundColor": "#ffffff",
    "theme.secondaryBackgroundColor": "#f1f4f7",
    "theme.textColor": "#1b2733",
    "theme.linkColor": "#0b5c8a",
    "theme.borderColor": "#d5dbe1",
    "theme.baseRadius": "8px",
    "theme.baseFontSize": 15,
    "theme.showSidebarBorder": True,
    "theme.sidebar.backgroundColor": "#f7f9fa",
}


ICON = Path(__file__).parent / "static" / "icon.png"


def styles() -> str:
    css = (Path(__file__).parent / "static" / "pages.css").read_text(encoding="utf-8")
    return f"<style>{css}</style>"
