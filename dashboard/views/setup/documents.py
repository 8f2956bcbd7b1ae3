"""Every document of the configuration: what overrides a file, its text, its history."""

from __future__ import annotations

import streamlit as st

from dashboard import data
from dashboard.marking import isolated, safe, table
from dashboard.pages import Page, html
from dashboard.views.setup.rules import document
from dashboard.views.setup.seen import Form
from listener.desk.documents import Version
from listener.storage.people import User


def show(page: Page) -> None:
    _ = page.gettext
    desk = data.desk().documents
    every = desk.every(page.user)
    rows = []
    for d in every:
        edit = d.edit if d.overrides else None
        rows.append(
            (
                isolated(d.name),
                safe(_("edited here") if edit else _("the file") if d.file else _("defaults")),
                isolated(edit.by) if edit else "",
                safe(page.when(edit.at)) if edit else "",
                safe(d.version or ""),
            )
        )
    header = (_("Document"), _("In force"), _("By"), _("Since"), _("Version"))
    html(table(header, rows, first=True))
    st.caption(
        _(
            "`listener export` writes these as files, `listener import-config` takes the files of a folder. Where the service connects (sources.toml, crms.toml and the rest of listener.toml) stays in files."
        )
    )
    st.download_button(
        _("Download all as files"),
        data=lambda: desk.archive(page.user),
        file_name="config.zip",
        mime="application/zip",
        on_click="ignore",
        icon=":material/download:",
    )
    name = st.selectbox(_("Document"), [d.name for d in every], key="document_name")
    if name:
        form = document(page, name)
        _text(page, form)
        _history(page, form)


def _text(page: Page, form: Form) -> None:
    _ = page.gettext
    found = data.desk().documents.read(page.user, form.name)
    with st.expander(_("The whole text"), expanded=False):
        text = st.text_area(_("Text"), found.text, key=form.key("text"), height=400)
        note = st.text_input(
            _("Why (others read it in the history)"), key=form.key("text", "note"), max_chars=500
        )
        pressed = st.button(_("Save the text"), key=form.key("text", "save"), type="primary")

    def work(user: User) -> None:
        data.desk().documents.write(user, form.name, text, version=form.version, note=note)

    if pressed:
        form.save(_("Stored; in force from now on."), work)


def _history(page: Page, form: Form) -> None:
    _ = page.gettext
    st.subheader(_("History"))
    versions = data.desk().documents.history(page.user, form.name)
    if not versions:
        st.caption(_("Nobody edited it: its file is in force."))
        return
    for version in versions[:50]:
        _version(page, form, version, newest=version is versions[0])
    overrides = versions[0].edit.text is not None
    if overrides and st.button(_("Put the file in force again"), key=form.key("file")):
        _back(form, 0, _("The file is in force again."))


def _version(page: Page, form: Form, version: Version, *, newest: bool) -> None:
    _ = page.gettext
    edit = version.edit
    said = _(
        "Version {version}, {who}, {when}",
        version=edit.version,
        who=edit.by,
        when=page.when(edit.at),
    )
    with st.container(border=True):
        lines = "".join(
            f'<div class="{"ls-plus" if line[0] == "+" else "ls-minus"}">{isolated(line)}</div>'
            for line in version.changed[:200]
        )
        note = f"<p>{isolated(edit.note)}</p>" if edit.note else ""
        file = f"<p>{safe(_('The file was put in force again.'))}</p>" if edit.text is None else ""
        html(
            f'<p class="ls-meta"><b>{safe(said)}</b></p>{note}{file}'
            f'<div class="ls-diff">{lines}</div>'
        )
        if not newest and edit.text is not None:
            words = _("Go back to version {version}", version=edit.version)
            if st.button(words, key=form.key("back", edit.version)):
                _back(form, edit.version, _("Stored; in force from now on."))


def _back(form: Form, to: int, done: str) -> None:
    def work(user: User) -> None:
        data.desk().documents.go_back(user, form.name, to, version=form.version)

    form.save(done, work)
