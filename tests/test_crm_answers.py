"""What is told of an answer that cannot be used: what is wrong with it, whether to ask again, and
nobody's name."""

from __future__ import annotations

import pytest
import stamina
from servers import Answer, WebServer, free_port

from listener import i18n
from listener.crm.answers import Answers, Refused, refused, without_people
from listener.crm.countries import country_of, country_of_phones, home_of, state_of
from listener.errors import CRMError, HttpError, HttpStatus, TooLarge, Unreachable, sentence
from listener.httpclient import HttpClient, Response
from listener.settings import Brand, Http, Settings

URL = "https://192.168.10.15/api"
ANSWERS = Answers("sales", no_json="See `url`.", other_form="See its version.")


def answer(body: bytes, content_type: str = "text/html") -> Response:
    return Response(200, {"content-type": content_type}, body, URL)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "asked to wait until 2026-11-26 12:00:00 UTC",
            "asked to wait until 2026-11-26 12:00:00 UTC",
        ),
        ("call (755) 10.20.30 or 0034755102030", "call (•••.30 or •••030"),
        ("on 2026-11-26 755102030", "on 2026-11-26 •••030"),
        ("no value %7%5%5%1%0%2%0%3%0%", "no value %•••3%0%"),
        ("no user +34 755 10 20 30.", "no user ••• 30."),
        ("of <ana.ruiz@correo.example>, (ana@x)", "of <•••@•••>, (•••@•••)"),
        ("93.123.45.67 has none", "•••.67 has none"),
        ("127.0.0.1 answered 404", "127.0.0.1 answered 404"),
        ("id 9d9162e7-6cf3-4944-bf63-4dff82258764", "id 9d9162e7-6cf3-4944-bf63-4dff82258764"),
    ],
)
def test_numbers_and_addresses_go_and_times_stay(text: str, told: str) -> None:
    assert without_people(text) == told


def test_the_machine_that_was_asked_is_named_and_no_other() -> None:
    text = "192.168.10.15 answered 400, see 192.168.10.16"
    assert without_people(text, host="192.168.10.15") == "192.168.10.15 answered 400, see •••.16"


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (HttpStatus("192.168.10.15 answered 400", url=URL, status=400), 400, False),
        (HttpStatus("192.168.10.15 answered 429", url=URL, status=429), 429, True),
        (HttpStatus("192.168.10.15 answered 503", url=URL, status=503), 503, True),
        (Unreachable("192.168.10.15 did not answer in time", url=URL), 0, True),
        (TooLarge("192.168.10.15 answered too much", url=URL), 0, False),
    ],
)
def test_a_refusal_says_for_what_by_whom_and_what_to_do(
    error: HttpStatus, status: int, retry: bool
) -> None:
    told = refused(error, "sales", doing="reading users", advice="See the key.")
    assert (told.status, told.retry) == (status, retry)
    assert str(told) == f"CRM sales: reading users: {error} See the key."
    assert refused(error, "sales", passing=True).retry


def test_a_refusal_holds_no_secret() -> None:
    error = HttpStatus("x answered 400 (no client k1 with s3)", url="https://x", status=400)
    assert str(refused(error, "sales", hidden=("k1", "s3"))) == (
        "CRM sales: x answered 400 (no client *** with ***)"
    )


@pytest.mark.parametrize("body", [b"", b"<html>Sign in</html>", b'{"users": [', b"[" * 100_000])
def test_what_is_no_json_is_told_with_its_kind(body: bytes) -> None:
    said = rf"CRM sales: its list, {len(body)} bytes, is no JSON \(text/html\)\. See `url`\."
    for asked_again in (False, True):
        answers = Answers("sales", "See `url`.", "See its version.", no_json_passes=asked_again)
        with pytest.raises(CRMError, match=said) as caught:
            answers.object_of(answer(body), "its list")
        assert caught.value.retry is asked_again
        assert caught.value.__suppress_context__


@pytest.mark.parametrize("body", [b"[]", b"null", b"7", b'"x"'])
def test_an_answer_of_another_form_is_told(body: bytes) -> None:
    with pytest.raises(CRMError, match=r"its list cannot be read \(no object\)\. See its version"):
        ANSWERS.object_of(answer(body), "its list")
    assert ANSWERS.object_of(answer(b'{"a": 1}'), "its list") == {"a": 1}


@pytest.mark.parametrize("error", [ValueError, KeyError, TypeError, AttributeError])
def test_what_cannot_be_read_names_nobody(error: type[Exception]) -> None:
    with pytest.raises(CRMError, match="its answer cannot be read") as caught, ANSWERS.reading():
        raise error("no time for ana@correo.example, 755102030")
    assert not caught.value.retry
    assert not isinstance(caught.value, Refused)
    assert "ana" not in str(caught.value)
    assert "7551" not in str(caught.value)
    assert caught.value.__suppress_context__


# ---------------------------------------------------------------------------- countries


@pytest.mark.parametrize(
    ("written", "code"),
    [
        *(("España", "ES"), ("spain", "ES"), (" es ", "ES"), ("Spanien", "ES")),
        *(("UK", "GB"), ("Royaume-Uni", "GB"), ("México", "MX"), ("", ""), ("Atlantis", "")),
    ],
)
def test_a_country_is_known_by_its_letters_and_by_its_name(written: str, code: str) -> None:
    assert country_of(written) == code


def test_a_state_is_known_by_its_letters_alone() -> None:
    assert [state_of(s) for s in ("ca", " NSW ", "Kalifornien", "M", "")] == [
        "CA",
        "NSW",
        "",
        "",
        "",
    ]


def test_a_phone_tells_a_country() -> None:
    assert country_of_phones(["centralita", "+34755102030", "+442079460102"]) == "ES"
    assert country_of_phones([]) == country_of_phones(["1004"]) == ""


def test_home_is_where_our_first_brand_is() -> None:
    def home(*brands: tuple[str, tuple[str, ...]]) -> str:
        made = tuple(
            Brand(key=f"b{n}", name="B", query="b", kind=kind, countries=countries)
            for n, (kind, countries) in enumerate(brands)
        )
        return home_of(Settings(folder="", var="", database_url="", brands=made))

    assert home() == "ES"
    assert home(("competitor", ("FR",)), ("own", ("MX", "CO"))) == "MX"
    assert home(("own", ()), ("own", ("AR",))) == "AR"


# ---------------------------------------------------------------------------- in the reader's language


def what_became_of(url: str) -> CRMError:
    """Of a question to a CRM, as an adapter tells it."""
    asked = Http(allow_private_addresses=True, per_host_interval="0s", timeout="5s")
    with (
        stamina.set_testing(True, attempts=1),
        HttpClient(asked) as http,
        pytest.raises(HttpError) as caught,
    ):
        http.get(url)
    doing = sentence("reading {path}", path="Contact")
    advice = sentence("Give the API user's role the rights that docs/crm.md lists.")
    return refused(caught.value, "sales", doing=doing, advice=advice)


def test_a_crm_that_refuses_is_told_of_in_the_readers_language() -> None:
    people = Answer(
        b'{"message": "not for +34755102030"}', 403, {"Content-Type": "application/json"}
    )
    with WebServer(lambda _: people) as server:
        error = what_became_of(server.base_url)
    assert i18n.told(error.said, "es") == (
        "CRM sales: lectura de Contact: 127.0.0.1 respondió 403 Forbidden "
        '({"message": "not for •••030"}). Nos rechaza: comprueba las credenciales, sus condiciones y '
        "si [http] user_agent dice quiénes somos. Da al rol del usuario de la API los permisos que "
        "enumera docs/crm.md."
    )
    assert i18n.told(error.said, "en") == str(error)


def test_a_crm_that_does_not_answer_is_told_of_in_the_readers_language() -> None:
    error = what_became_of(f"http://127.0.0.1:{free_port()}/")
    assert i18n.told(error.said, "en") == str(error)
    assert i18n.told(error.said, "es") == (
        "CRM sales: lectura de Contact: no se puede conectar con 127.0.0.1 ([Errno 111] Connection "
        "refused). Comprueba que el servidor está en marcha y que esta máquina puede llegar a él. Da "
        "al rol del usuario de la API los permisos que enumera docs/crm.md."
    )


def test_an_answer_of_another_form_is_told_of_in_the_readers_language() -> None:
    answers = Answers(
        "sales",
        no_json=sentence("Check `url` and `api_path`."),
        other_form=sentence("Check `url` and `api_version`."),
    )
    with pytest.raises(CRMError) as caught, answers.reading():
        raise ValueError(sentence("the call {id} has no time", id="+34755102030"))
    assert i18n.told(caught.value.said, "es") == (
        "CRM sales: su respuesta no se puede leer (la llamada •••030 no tiene hora). Comprueba `url` "
        "y `api_version`."
    )
    with pytest.raises(CRMError) as caught:
        answers.object_of(answer(b"<html>", ""), sentence("the answer to signing in"))
    assert i18n.told(caught.value.said, "es") == (
        "CRM sales: la respuesta al inicio de sesión, de 6 bytes, no es JSON (sin tipo). Comprueba "
        "`url` y `api_path`."
    )
