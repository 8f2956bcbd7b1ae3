"""What a post claims: call facts with the passages that say them. Whoever works on cases corrects each
by a click, where it stands; the others read it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard import data, pages
from dashboard.marking import isolated, plain, safe, table
from dashboard.pages import Page, html
from listener import i18n
from listener.desk.rights import may_work
from listener.domain import Channel
from listener.facts import FACTS, FIGURES, FLAGS
from listener.storage.case_detail import CaseDetail, CaseMentionView
from listener.storage.people import User
from listener.storage.readings import StoredReading

_PASSAGES = 6


def show(page: Page, detail: CaseDetail, mention: CaseMentionView, found: StoredReading) -> None:
    if not found.harassment and not _claims_anything(found):
        return
    _ = page.gettext
    if may_work(page.user) and detail.summary.merged_into is None:
        html(f'<p class="ls-meta"><b>{safe(_("What the post claims"))}</b></p>')
        _editor(page, detail, mention, found)
    else:
        html(table((), _rows(page, found), caption=_("What the post claims"), first=True))
    html(_passages(page, mention.text, found))


def _claims_anything(found: StoredReading) -> bool:
    said = any(found.facts.get(k) for k in FACTS if k != "channels")
    return said or bool(found.corrected.keys() & set(FACTS))


# ---------------------------------------------------------------------------- to read


def _rows(page: Page, found: StoredReading) -> list[tuple[str, str]]:
    _ = page.gettext
    facts, nothing = found.facts, safe(_("not said"))
    numbers = "<br>".join(
        isolated(n["text"]) + (f" = {safe(n['e164'])}" if n.get("e164") else "")
        for n in facts.get("numbers", ())
    )
    count, period = facts.get("contact_count"), facts.get("period_days")
    channels = ", ".join(page.label("channel", c) for c in facts.get("channels", ()))
    values = {
        "numbers": numbers or nothing,
        "contact_count": nothing if count is None else safe(i18n.number(count, page.language)),
        "period_days": nothing if period is None else safe(i18n.days(period, page.language)),
        "channels": safe(channels) or nothing,
        **{f: safe(page.label("claim", bool(facts.get(f)))) for f in FLAGS},
    }
    return [(safe(page.label("fact", fact)), value) for fact, value in values.items()]


def _passages(page: Page, text: str, found: StoredReading) -> str:
    """The words of the post that say it, and who said otherwise."""
    _ = page.gettext
    parts = [
        f'<mark class="ls-m ls-{kind}" title="{safe(page.label("mark", kind))}">'
        f"{isolated(plain(text[a:b], 60))}</mark>"
        for kind, a, b in _spans(found)[:_PASSAGES]
        if 0 <= a < b <= len(text)
    ]
    lines = [f"{safe(_('Said by'))}: {' · '.join(parts)}"] if parts else []
    for fact in FACTS:
        if fact in found.corrected:
            who = isolated(found.corrected[fact])
            lines.append(f"✓ {safe(page.label('fact', fact))}: {safe(_('corrected by'))} {who}")
    return "".join(f'<p class="ls-meta">{line}</p>' for line in lines)


def _spans(found: StoredReading) -> list[tuple[str, int, int]]:
    spans = found.facts.get("spans") or {}
    kinds = (*FIGURES, *FLAGS)
    return [(kind, int(a), int(b)) for kind in kinds for a, b in spans.get(kind, ())]


# ---------------------------------------------------------------------------- to correct


def _editor(page: Page, detail: CaseDetail, mention: CaseMentionView, found: StoredReading) -> None:
    """One control a fact; its change is the correction. Before it is drawn it is set to what is
    stored: it never shows a click that was refused, and whoever types in it keeps the focus."""
    _ = page.gettext
    case = detail.summary
    facts: Mapping[str, Any] = found.facts
    ids = (_("Corrected."), case.id, mention.id, case.version)

    def key(name: str, stored: object) -> str:
        made = f"fact_{name}_{mention.id}"
        st.session_state[made] = stored
        return made

    flags = [f for f in FLAGS if facts.get(f)]
    of_flags = key("flags", flags)
    st.pills(
        _("It says"),
        FLAGS,
        selection_mode="multi",
        format_func=lambda f: page.label("fact", f),
        key=of_flags,
        on_change=_flags,
        args=(*ids, of_flags, flags),
    )
    channels = [c for c in facts.get("channels", ()) if c in set(Channel)]
    of_channels = key("channels", channels)
    st.pills(
        page.label("fact", "channels"),
        [c.value for c in Channel],
        selection_mode="multi",
        format_func=lambda c: page.label("channel", c),
        key=of_channels,
        on_change=_value,
        args=(*ids, "channels", of_channels, sorted(channels)),
    )
    numbers = "; ".join(n["text"] for n in facts.get("numbers", ()))
    of_numbers = key("numbers", numbers)
    columns = st.columns([2, 1, 1])
    columns[0].text_input(
        page.label("fact", "numbers"),
        max_chars=400,
        placeholder=_("not said"),
        key=of_numbers,
        on_change=_numbers,
        args=(*ids, of_numbers, numbers),
    )
    for column, fact in zip(columns[1:], FIGURES, strict=True):
        of_fact = key(fact, facts.get(fact))
        column.number_input(
            page.label("fact", fact),
            min_value=0,
            max_value=FIGURES[fact],
            value=None,
            step=1,
            placeholder=_("not said"),
            key=of_fact,
            on_change=_value,
            args=(*ids, fact, of_fact, facts.get(fact)),
        )


def _flags(
    done: str, case_id: int, mention_id: int, version: int, key: str, shown: Sequence[str]
) -> None:
    now = set(st.session_state.get(key) or ())
    for flag in FLAGS:
        if (flag in now) != (flag in shown):
            _correct(done, case_id, mention_id, version, flag, flag in now)
            return  # a click changes one


def _value(
    done: str, case_id: int, mention_id: int, version: int, fact: str, key: str, shown: object
) -> None:
    value = st.session_state.get(key)
    if fact == "channels":
        value = sorted(value or ())
    elif value == 0:
        value = None  # none at all is nothing that a post claims
    if value != shown:
        _correct(done, case_id, mention_id, version, fact, value)


def _numbers(done: str, case_id: int, mention_id: int, version: int, key: str, shown: str) -> None:
    written = str(st.session_state.get(key) or "")
    if written != shown:
        # A comma alone may stand in a number as its author wrote it.
        parts = [p for p in re.split(r";|,\s+", written) if p.strip()]
        _correct(done, case_id, mention_id, version, "numbers", parts)


def _correct(done: str, case_id: int, mention_id: int, version: int, fact: str, value: Any) -> None:
    def work(user: User) -> None:
        data.desk().cases.correct_fact(user, case_id, mention_id, fact, value, version=version)

    pages.act(done, work)
