"""A customer's record: the person, and every contact with them."""

from __future__ import annotations

import streamlit as st

from dashboard import data
from dashboard.pages import Page, html, literal, query_number
from dashboard.views import contacts
from listener.errors import CRMError, NotAllowed, StorageError


def show(page: Page) -> None:
    _ = page.gettext
    ref = st.query_params.get("ref", "")[:200]
    crm = st.query_params.get("crm", "local")[:40]
    case_id = query_number("case")
    if case_id is not None:
        st.page_link(
            page.pages["case"],
            label=_("Case {id}", id=case_id),
            icon=":material/arrow_back:",
            query_params={"id": str(case_id)},
        )
    if not ref:
        st.title(_("Customer"))
        st.info(_("Open a customer from a case."))
        return
    try:
        record = data.desk().cases.customer(page.user, crm, ref, case_id)
    except (NotAllowed, StorageError):
        st.title(_("Customer"))
        st.error(_("You may not see this record."))
        return
    except CRMError as error:
        st.title(_("Customer"))
        st.error(literal(_("The CRM cannot tell: {why}", why=page.told(error))))
        return
    st.title(literal(record.customer.name))
    if record.customer.invented:
        html(f'<div class="ls-badges">{page.invented(True)}</div>')
    html(contacts.person(page, record))
    st.header(_("Contact history"))
    contacts.history(page, record)
