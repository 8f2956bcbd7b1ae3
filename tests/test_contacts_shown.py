"""A customer's contacts as the page shows them."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def drawn() -> None:
    """Run by Streamlit, alone: what it needs it imports."""
    from builders import NOW, user

    from dashboard.pages import Page
    from dashboard.views.contacts import history
    from listener.desk.cases import Record
    from listener.domain import Customer
    from listener.errors import CRMError, Said

    silent = Said.of(CRMError("the environment {broke}", crm="pbx", broke="[down](x)"))
    customer = Customer(crm="local", ref="7", name="Marta", phones=(), country="ES")
    record = Record("local", customer, None, (), (silent, "an old text"))
    history(Page(user("lucia", language="es"), NOW, {}), record)


def test_a_dialler_that_did_not_answer_is_said_beside_the_contacts() -> None:
    page = AppTest.from_function(drawn, default_timeout=30).run()
    assert not page.exception
    first, second = (str(warning.value).replace("\\", "") for warning in page.warning)
    assert first == "Pueden faltar llamadas: CRM pbx: the environment [down](x)"
    assert "[down](x)" not in str(page.warning[0].value)
    assert second == "Pueden faltar llamadas: an old text"
    assert "ningún contacto" in str(page.caption[0].value)
