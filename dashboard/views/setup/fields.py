"""Controls for a part of the settings, made from what its type says; what was changed comes back as
it is written in a document."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping, Sequence
from datetime import date, time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin

import streamlit as st

from dashboard.pages import Page
from dashboard.views.setup.seen import Form
from listener.sections import Section
from listener.toml_edits import Path, duration

_SPAN = re.compile(r"\s*(\d{1,2}:\d{2})\s*[-–]\s*(\d{1,2}:\d{2})\s*")
_COLUMNS = 3
Changes = dict[Path, Any]


def section(
    form: Form, shown: Section, path: Path = (), *, leave_out: Sequence[str] = ()
) -> Changes:
    """A control for each key; parts of their own below, each under its name."""
    changes: Changes = {}
    plain: list[tuple[str, Any, Any]] = []
    parts: list[tuple[str, Any, Any]] = []
    for name, field in type(shown).model_fields.items():
        if name not in leave_out:
            value = getattr(shown, name)
            (parts if _is_part(field.annotation) else plain).append((name, field.annotation, value))
    columns: Sequence[Any] = ()
    for place, (name, annotation, value) in enumerate(plain):
        if place % _COLUMNS == 0:
            columns = st.columns(_COLUMNS, vertical_alignment="bottom")
        _changed(changes, form, (*path, name), annotation, value, columns[place % _COLUMNS])
    for name, annotation, value in parts:
        with st.container(border=True):
            st.subheader(_label(form.page, name))
            if isinstance(value, Section):
                changes |= section(form, value, (*path, name))
            else:
                changes |= _by_key(form, annotation, value, (*path, name))
    return changes


def sections(form: Form, shown: Sequence[Section], kind: type[Section], path: Path) -> Changes:
    """A list of parts: each may be changed or taken out, and more be added. It is put in place
    whole."""
    page = form.page
    _ = page.gettext
    more = form.key(*path, "more")
    entries: list[dict[str, Any]] = []
    count = len(shown) + st.session_state.get(more, 0)
    for place in range(count):
        given = shown[place] if place < len(shown) else None
        title = _title(given) if given else _("New")
        with st.expander(f"{place + 1}. {title}", expanded=given is None):
            values = _entry(form, kind, given, (*path, place))
            out = st.checkbox(_("Take it out"), key=form.key(*path, place, "out"))
            if values and not out:
                entries.append(values)

    def add() -> None:
        st.session_state[more] = st.session_state.get(more, 0) + 1

    st.button(_("Add one"), key=form.key(*path, "add"), on_click=add, icon=":material/add:")
    before = [v for s in shown if (v := _values(s))]
    return {} if entries == before else {path: entries}


def _entry(form: Form, kind: type[Section], given: Section | None, path: Path) -> dict[str, Any]:
    values: dict[str, Any] = {}
    columns: Sequence[Any] = ()
    for place, (name, field) in enumerate(kind.model_fields.items()):
        if place % _COLUMNS == 0:
            columns = st.columns(_COLUMNS, vertical_alignment="bottom")
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        value = getattr(given, name) if given else default
        written = control(form, (*path, name), field.annotation, value, columns[place % _COLUMNS])
        if written not in ("", None, [], {}) and written != to_toml(default):
            values[name] = written
    return values


def _values(shown: Section) -> dict[str, Any]:
    told = {}
    for name, field in type(shown).model_fields.items():
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        written = to_toml(getattr(shown, name))
        if written not in ("", None, [], {}) and written != to_toml(default):
            told[name] = written
    return told


def _title(shown: Section) -> str:
    first = next(iter(type(shown).model_fields))
    return str(getattr(shown, first))


def _by_key(form: Form, annotation: Any, shown: Mapping[Any, Any], path: Path) -> Changes:
    changes: Changes = {}
    key_type, value_type = get_args(annotation)
    names = list(key_type) if _is_enum(key_type) else list(shown)
    columns = st.columns(max(1, min(len(names), 4)), vertical_alignment="bottom")
    for place, name in enumerate(names):
        _changed(changes, form, (*path, str(name)), value_type, shown.get(name), columns[place % 4])
    return changes


def _changed(
    changes: Changes, form: Form, path: Path, annotation: Any, value: Any, where: Any
) -> None:
    written = control(form, path, annotation, value, where)
    if written != to_toml(value):
        changes[path] = written


def control(form: Form, path: Path, annotation: Any, value: Any, where: Any) -> Any:
    """One control; gives what it says as it is written in a document, None where it is empty."""
    label, key = _label(form.page, str(path[-1])), form.key(*path)
    kind, optional = _bare(annotation)
    if kind is bool:
        return where.checkbox(label, bool(value), key=key)
    if kind is int:
        return where.number_input(label, value=int(value or 0), step=1, key=key)
    if kind is float:
        return where.number_input(label, value=float(value or 0), step=0.05, key=key)
    if kind is timedelta:
        return where.text_input(label, duration(value) if value else "", key=key).strip() or None
    if kind is date:
        return where.date_input(label, value, key=key, format="YYYY-MM-DD")
    if _is_enum(kind):
        return _choice(form, label, key, kind, value, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple and _is_enum(arguments[0]):
        chosen = where.multiselect(
            label,
            list(arguments[0]),
            list(value or ()),
            key=key,
            format_func=lambda v: form.page.label("value", v),
            placeholder=form.page.gettext("none"),
        )
        return [str(v) for v in chosen]
    if kind == tuple[time, time] or (origin is tuple and arguments[0] == tuple[time, time]):
        return _spans(
            where.text_input(label, _said(value), key=key), single=kind == tuple[time, time]
        )
    if origin is tuple:
        said = where.text_area(label, "\n".join(value or ()), key=key, height=100)
        return [line.strip() for line in said.splitlines() if line.strip()]
    if origin is not None and issubclass(origin, Mapping):
        said = {
            lang: where.text_input(
                f"{label} ({lang})", (value or {}).get(lang, ""), key=f"{key}|{lang}"
            )
            for lang in ("en", "es")
        }
        kept = {k: v for k, v in (value or {}).items() if k not in said}
        return kept | {k: v.strip() for k, v in said.items() if v.strip()}
    return where.text_input(label, value or "", key=key).strip() or (None if optional else "")


def _choice(form: Form, label: str, key: str, kind: Any, value: Any, where: Any) -> Any:
    options = list(kind)
    return str(
        where.selectbox(
            label,
            options,
            index=options.index(value) if value in options else 0,
            key=key,
            format_func=lambda v: form.page.label("value", v),
        )
    )


def to_toml(value: Any) -> Any:
    """As a document says it."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, timedelta):
        return duration(value)
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, Section):
        return _values(value)
    if isinstance(value, Mapping):
        return {str(to_toml(k)): to_toml(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [to_toml(v) for v in value]
    return value


def _said(value: Any) -> str:
    if not value:
        return ""
    spans = [value] if isinstance(value[0], time) else value
    return ", ".join(f"{a:%H:%M}-{b:%H:%M}" for a, b in spans)


def _spans(written: str, *, single: bool) -> Any:
    """What cannot be read goes on as it is, and is refused with its place."""
    if not written.strip():
        return None if single else []
    found = [_SPAN.fullmatch(part) for part in written.split(",")]
    if not all(found) or (single and len(found) > 1):
        return written
    pairs = [[f"{m[1]:0>5}", f"{m[2]:0>5}"] for m in found if m]
    return pairs[0] if single else pairs


def _label(page: Page, name: str) -> str:
    return page.label("setting", name)


def _bare(annotation: Any) -> tuple[Any, bool]:
    """(the type without Optional and Annotated, whether it may be absent)."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        return inner[0], True
    return annotation, False


def _is_part(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return True
    arguments = get_args(annotation)
    return bool(
        get_origin(annotation) is not None
        and len(arguments) == 2
        and _is_enum(arguments[0])
        and get_origin(annotation) is not tuple
    )


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, StrEnum)
