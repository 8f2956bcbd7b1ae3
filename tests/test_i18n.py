"""Every sentence in every language: what the code, the templates and the stored words ask of the
catalogues is there, and what is there can be filled in."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Formatter
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from classifiers import card
from dashboard.marking import KINDS
from dashboard.shell import FRAMEWORK
from listener import domain, history, i18n, settings_errors, settings_files
from listener.calling_rules import CompanyPolicy, FrequencyRule, HoursRule
from listener.charts import Split
from listener.comparison import Change
from listener.contact_words import Purpose
from listener.coverage import GAPS, Brought
from listener.domain import Reason
from listener.errors import (
    BadSelection,
    ConfigError,
    CRMError,
    QueryError,
    Said,
    Sentence,
    SourceError,
    kept,
    sentence,
)
from listener.facts import FACTS
from listener.query import parse
from listener.query_tree import FIELDS
from listener.replies import Situation
from listener.sections import Section
from listener.settings import (
    AlertRules,
    PriorityRules,
    PrivateLinkTimes,
    QueueRule,
    Retention,
    RoutingRules,
)
from listener.simulation import Why
from listener.sources import SOURCES
from listener.storage.alerts import State
from listener.storage.audit import KINDS as AUDITED
from listener.storage.ledger import By
from listener.storage.readings import LABELS
from listener.trend_charts import MEASURES

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = i18n.languages()


def catalogue(language: str) -> dict[str, str]:
    path = ROOT / "listener" / "locale" / language / "LC_MESSAGES" / "listener.po"
    with path.open("rb") as source:
        found = read_po(source, locale=language, abort_invalid=True)
    return {m.id: m.string for m in found if m.id}  # type: ignore[misc]


# What says in a sentence what was wrong; of those with a key people read the catalogue's.
ERRORS = (
    *(
        "sentence",
        "Malformed",
        "QueryError",
        "ConfigError",
        "CRMError",
        "Refused",
        "_GivenUp",
        "SourceError",
    ),
    *("HttpError", "Unreachable", "HttpStatus", "TooLarge", "ForbiddenAddress"),
    *("ListenerError", "StorageError", "DatabaseDown", "NotFound", "StaleWrite"),
    *("AccountError", "CaseError", "ViewError", "SilenceRefused"),
)
# Where errors are met at the console alone, by whoever runs the service.
CONSOLE = (
    *("dashboard/cookies.py", "listener/cli/", "listener/storage/migrations/"),
    *("listener/doctor.py", "listener/erasing.py", "listener/imports.py", "listener/checks.py"),
    *("listener/in_force.py", "listener/inquiry.py", "listener/vault.py"),
)
# What makes a sentence of others; every other call gives a text that no catalogue holds.
OF_SENTENCES = ("sentence", "said_by", "in_a_row", "near_or_known", "explained")


def python_files() -> list[Path]:
    return sorted([*ROOT.glob("listener/**/*.py"), *ROOT.glob("dashboard/**/*.py")])


def strings(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from strings(node.body)
        yield from strings(node.orelse)


def called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr="text", value=ast.Name(id="i18n")):
            return "i18n.text"
        case ast.Attribute(attr=name):
            return name
    return ""


def sentences() -> set[str]:
    """First arguments of _(), gettext(), i18n.text() and templates' _()."""
    found: set[str] = set()
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and node.args
                and called(node)
                in (
                    "_",
                    "gettext",
                    "i18n.text",
                )
            ):
                found.update(strings(node.args[0]))
            if isinstance(node, ast.keyword) and node.arg in ("key", "error", "note", "message"):
                found.update(
                    s
                    for s in strings(node.value)
                    if re.fullmatch(
                        r"(password|setup|sign_in|account|silence|case|token)\.[a-z_]+", s
                    )
                )
            if isinstance(node, ast.Call) and node.args and _is_error(path, node):
                keyed = any(k.arg == "key" for k in node.keywords)
                found.update([] if keyed else strings(node.args[0]))
    for path in [*ROOT.glob("dashboard/templates/*.html"), *ROOT.glob("listener/**/templates/*")]:
        found.update(m[2] for m in re.finditer(r"""\b_\(\s*(["'])(.+?)\1""", path.read_text()))
    return found


def _is_error(path: Path, node: ast.Call) -> bool:
    if str(path.relative_to(ROOT)).startswith(CONSOLE):
        return False
    # An error may have its sentence in itself.
    own = path.name in ("errors.py", "training.py", "reader_versions.py")
    return called(node) in ERRORS or (own and called(node) == "__init__")


def is_sentence(message: ast.expr) -> bool:
    """Whether it can be looked up: words as they are, or a sentence that was made elsewhere."""
    match message:
        case ast.IfExp(body=one, orelse=other):
            return is_sentence(one) and is_sentence(other)
        case ast.Constant() | ast.Name() | ast.Attribute():
            return True
        case ast.Call():
            return called(message) in OF_SENTENCES
    return False


def reasons() -> set[str]:
    """Keys of every Reason(...) that the code makes. A key that is no literal is one of a loop's
    over literals in the same function."""
    found: set[str] = set()
    for path in python_files():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef):
                continue
            for node in ast.walk(function):
                if not (isinstance(node, ast.Call) and called(node) == "Reason" and node.args):
                    continue
                found.update(strings(node.args[0]))
                if isinstance(node.args[0], ast.Name):
                    found.update(looped(function, node.args[0].id))
    return found


def looped(function: ast.FunctionDef, name: str) -> Iterator[str]:
    for loop in ast.walk(function):
        if not isinstance(loop, ast.For | ast.comprehension):
            continue
        targets = loop.target.elts if isinstance(loop.target, ast.Tuple) else [loop.target]
        place = [n.id for n in targets if isinstance(n, ast.Name)]
        if name not in place or not isinstance(loop.iter, ast.Tuple):
            continue
        for item in loop.iter.elts:
            value = item.elts[place.index(name)] if isinstance(item, ast.Tuple) else item
            yield from strings(value)


def match_keys() -> set[str]:
    """`key:value` reasons of matching.py and of what adds to them."""
    found = {
        f"{kind.value}_{how}" for kind in domain.IdentifierKind for how in ("given", "declared")
    }
    for name, before in (
        ("matching.py", ""),
        ("authors.py", r"(?:silent = tuple\(|CustomerMatch\(False, None, 0\.0, \()"),
    ):
        source = (ROOT / "listener" / name).read_text(encoding="utf-8")
        found.update(re.findall(before + r'f?"([a-z][a-z_]+):(?:\{|")', source))
    return found


def limits() -> set[str]:
    return {words for words, _ in settings_errors.LIMITS.values()}


def setting_names() -> set[str]:
    """The keys of what the settings page has controls for."""
    found: set[str] = set()
    models: list[type[Section]] = [
        *(RoutingRules, PriorityRules, AlertRules, CompanyPolicy, Retention, PrivateLinkTimes),
        *(QueueRule, FrequencyRule, HoursRule),
    ]
    for model in models:
        for name, field in model.model_fields.items():
            found.add(name)
            kind = field.annotation
            if isinstance(kind, type) and issubclass(kind, Section):
                models.append(kind)
    return found


def stored_words() -> set[str]:
    """What `label(kind, value)` is asked for, by the kinds that the domain fixes."""
    found: set[str] = set()
    for kind, values in {
        "status": domain.CaseStatus,
        "resolution": domain.Resolution,
        "level": domain.PriorityLevel,
        "channel": domain.Channel,
        "direction": domain.Direction,
        "disposition": domain.Disposition,
        "role": domain.Role,
        "scope": domain.TokenScope,
        "alert_kind": domain.AlertKind,
        "alert": domain.AlertKind,
        "delivery": domain.NotificationStatus,
        "identifier": domain.IdentifierKind,
        "mark": KINDS,
        "question": (*LABELS, *card.QUESTIONS),
        "figure": {s.figure for q in card.QUESTIONS for s in card.scores(card.read(q))},
        "quality_part": ("overview", "corrections", "training", "cards"),
        "training": ("running", "done", "failed", "died"),
        "training_step": ("reading", "fitting", "comparing"),
        "texts": ("own", "corrected"),
        "brought": Brought,
        "gap": GAPS,
        "cannot_see": SOURCES,
        "fact": FACTS,
        "cause": domain.CauseKind,
        "breach": domain.BreachKind,
        "action": domain.Action,
        "suppression": domain.SuppressionStatus,
        "happened": history.Happened,
        "write": domain.WriteStatus,
        "value": domain.NumberKind,
        "purpose": Purpose,
        "basis": domain.MatchBasis,
        "situation": Situation,
        "loop": ("collect", "process", "deliver"),
        "claim": ("yes", "no"),
        "ledger": By,
        "order": ("complaints", "rate", "balance", "sales", "dials"),
        "policy": Why,
        "framework": FRAMEWORK,
        "alert_state": State,
        "alerts_part": ("alerts", "silences"),
        "mute": ("h4", "d1", "d7", "d30", "moment"),
        "query": ("word", "phrase", "wildcard", "tag", "handle", *FIELDS),
        "brand_kind": ("own", "competitor"),
        "audit": AUDITED,
        "setting": setting_names(),
        "outcome": domain.Outcome,
        "measure": ("mentions", *MEASURES),
        "change": Change,
        "trends": ("time", "compared", "hours", "numbers", "service"),
        "split": (*get_args(Split), "number", "campaign"),
        "chart": ("expected", "hour"),
    }.items():
        found.update(f"{kind}.{v}" for v in values)
    return found


# ---------------------------------------------------------------------------- complete


def test_the_search_finds_what_it_should() -> None:
    assert {"Sign in", "The case is closed.", "Why this message:", "password.short"} <= sentences()
    assert {"harassment", "legal_threat", "refused", "rule", "alert_failing"} <= reasons()
    assert {"nothing_given", "below_threshold", "crm_unavailable"} <= match_keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_message_is_missing(language: str) -> None:
    there = catalogue(language)
    wanted = (
        sentences()
        | {f"reason.{key}" for key in reasons()}
        | {f"match.{key}" for key in match_keys()}
        | stored_words()
        | limits()
    )
    missing = sorted(key for key in wanted if not there.get(key))
    assert not missing, f"{language} lacks {missing}"


def test_no_error_that_people_read_mixes_its_words_with_its_values() -> None:
    mixed = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in python_files()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and node.args
        and called(node) in ERRORS
        and _is_error(path, node)
        and not any(k.arg == "key" for k in node.keywords)
        and not is_sentence(node.args[0])
    ]
    assert not mixed


@pytest.mark.parametrize(
    ("message", "fits"),
    [
        ('"there is no case {id}"', True),
        ('"one" if many else "several"', True),
        ("error.said", True),
        ("said_by(error)", True),
        ('f"there is no case {case}"', False),
        ('"there is no case " + case', False),
        ('"there is no case %s" % case', False),
        ('"there is no case {}".format(case)', False),
        ("str(error)", False),
        ('"one" if many else f"{count}"', False),
    ],
)
def test_a_mixed_message_is_found(message: str, fits: bool) -> None:
    assert is_sentence(ast.parse(message, mode="eval").body) is fits


def test_the_catalogues_speak_of_the_same() -> None:
    first, *others = (set(catalogue(language)) for language in LANGUAGES)
    for other in others:
        assert first == other


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_fills_the_same_places(language: str) -> None:
    english = catalogue("en")
    for key, said in catalogue(language).items():
        places = {name for _, name, _, _ in Formatter().parse(said) if name}
        expected = {name for _, name, _, _ in Formatter().parse(english[key]) if name}
        assert places == expected, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_that_people_correct_have_words(language: str) -> None:
    for question, answers in LABELS.items():
        for answer in answers:
            said = i18n.label(question, answer, language)
            assert "_" not in said
            assert said not in ("True", "False", "None")


# ---------------------------------------------------------------------------- said


def test_a_reason_is_a_sentence_in_each_language() -> None:
    reason = Reason("complaint", {"category": "billing"}, 15)
    assert i18n.explain(reason, "es") == "queja: facturación"
    assert i18n.explain(reason, "en") == "complaint: billing"


def test_a_rule_tells_its_conditions() -> None:
    reason = Reason(
        "rule", {"rule": 2, "queue": "harassment", "category": "harassment", "lang": "pt"}
    )
    assert (
        i18n.explain(reason, "en")
        == "Rule 2: category harassment, language Portuguese → queue harassment"
    )
    assert "cualquier caso" in i18n.explain(Reason("rule", {"rule": 1, "queue": "vip"}), "es")


def test_a_stored_moment_is_shown_in_the_readers_zone() -> None:
    reason = Reason("alert_silent", {"since": "2026-11-22T03:00+00:00", "expected": "2 d"})
    assert "22 nov 2026, 4:00" in i18n.explain(reason, "es", ZoneInfo("Europe/Madrid"))
    assert "3:00 UTC" in i18n.explain(reason, "en")


def test_a_missing_value_shows_its_name_and_breaks_nothing() -> None:
    assert i18n.text("alert.source_failing", "en", {"other": 1}) == "Source {source} is failing"


def test_a_match_reason_keeps_colons_of_its_value() -> None:
    said = i18n.match_reason("crm_unavailable:CRM x: timed out", "en")
    assert said == "a CRM did not answer: CRM x: timed out"


def test_what_no_catalogue_knows_is_shown_as_it_is() -> None:
    assert i18n.label("queue", "vip-norte", "es") == "vip-norte"


@pytest.mark.parametrize(
    ("length", "spanish"),
    [
        (timedelta(seconds=20), "0 min"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=3, minutes=20), "3 h 20 min"),
        (timedelta(hours=26), "26 h"),
        (timedelta(days=3, hours=20), "3 días"),
        (timedelta(minutes=-90), "1 h 30 min"),
    ],
)
def test_lengths_of_time(length: timedelta, spanish: str) -> None:
    assert i18n.span(length, "es") == spanish


def test_times_are_in_the_persons_zone_and_language() -> None:
    moment = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # the night on which Madrid's clocks change
    assert i18n.when(moment, "es", ZoneInfo("Europe/Madrid")) == "29 mar 2026, 1:30"
    assert (
        i18n.when(moment + timedelta(hours=1), "es", ZoneInfo("Europe/Madrid"))
        == "29 mar 2026, 3:30"
    )
    assert i18n.day(moment, "en", ZoneInfo("America/New_York")) == "28 Mar"


def test_an_unknown_language_reads_english() -> None:
    assert i18n.text("Sign in", "xx") == "Sign in"
    assert i18n.language_name("und", "es") == "idioma desconocido"
    assert i18n.language_name("pt", "es") == "portugués"


@pytest.mark.parametrize(
    ("name", "written", "spanish"),
    [
        ("rules/routing.toml", '[due]\nurgent = "soon"', "due.urgent: escribe una duración, por"),
        ("rules/priority.toml", "harasment = 3", "clave desconocida; ¿querías decir harassment?"),
        ("rules/alerts.toml", 'recipients = ["a b"]', "'a b' no es una dirección de correo"),
        ("listener.toml", "[matching]\nthreshold = 2", "threshold: debe ser 1.0 como máximo"),
        ("rules/alerts.toml", "[severe_harassment]\nlevel = 3", "escribe uno de"),
        ("brands.toml", "[[brands]]\nkey = 'a'", "brands[0].name: esta clave es obligatoria"),
        ("brands.toml", "[[brands]", "no es TOML válido"),
    ],
)
def test_what_is_wrong_with_settings_is_said_in_spanish(
    tmp_path: Path, name: str, written: str, spanish: str
) -> None:
    (tmp_path / "config" / "rules").mkdir(parents=True)
    (tmp_path / "config" / name).write_text(written, encoding="utf-8")
    with pytest.raises(ConfigError) as found:
        settings_files.load(tmp_path / "config", {"LISTENER_VAR": str(tmp_path)})
    assert spanish in i18n.told(found.value.said, "es")
    assert i18n.told(found.value.said, "en") == str(found.value)


def test_what_is_wrong_with_a_query_is_said_in_spanish() -> None:
    with pytest.raises(QueryError) as found:
        parse("movistar AND (fibra")
    first, _, where = i18n.told(found.value.said, "es").partition("\n")
    assert first == "consulta, posición 14: este paréntesis no se cierra. Añade un ')'"
    assert where.endswith("^")
    assert i18n.told(found.value.said, "en") == str(found.value)


def test_a_sentence_inside_a_sentence_is_translated_too() -> None:
    error = BadSelection("from", "ayer", sentence("a day, as 2026-03-05"))
    assert i18n.told(error.said, "es") == (
        "la dirección dice from=ayer: escribe un día, como 2026-03-05"
    )


def test_what_an_error_said_is_stored_and_told_later() -> None:
    error = BadSelection("from", "ayer", sentence("a day, as 2026-03-05"))
    said = Said.of(error)
    again = Said.from_text(kept(said))
    assert (again, again.sentence) == (str(error), error.said)
    assert i18n.retold(again, "es") == i18n.told(error.said, "es")
    # ... and inside another's, as it is or stored.
    alone = CRMError("left alone after {count} failures ({why})", crm="x", count=3, why=said)
    for told in (
        i18n.told(alone.said, "es"),
        i18n.retold(Said.from_text(kept(Said.of(alone))), "es"),
    ):
        assert told.endswith("(la dirección dice from=ayer: escribe un día, como 2026-03-05)")
    # What others say, and what was stored before, is as it is.
    assert Said.from_text("timed out {x}") == "timed out {x}"
    assert i18n.retold("timed out", "es") == "timed out"
    assert kept(Said.of(ValueError("{broken"))) == "ValueError: {broken"


@given(st.text(), st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_any_text_is_kept_as_it_is(text: str, values: dict[str, object]) -> None:
    for said in (Said(text), Said(text, Sentence("x {a}", {"a": values and text}))):
        assert Said.from_text(kept(said)).sentence.text == said.sentence.text
    for foreign in (json.dumps({"said": text, "values": values, "key": ""}), f'{{"said": {text}'):
        assert isinstance(Said.from_text(foreign), str)
        assert Said.from_text(kept(Said(foreign))) == foreign


@pytest.mark.parametrize(
    "stored", ['{"said": ', '{"said": "{a.b.c}", "values": {"a": "x"}, "key": ""}', '{"said": "{"}']
)
def test_what_only_looks_like_a_stored_sentence_breaks_nothing(stored: str) -> None:
    assert Said.from_text(stored) == stored
    assert i18n.retold(Said.from_text(stored), "es") == stored


def test_an_alert_tells_what_the_source_said_in_spanish() -> None:
    error = SourceError(sentence("a day, as 2026-03-05"), source="red")
    reason = Reason("alert_failing", {"failures": 3, "since": "x", "error": kept(Said.of(error))})
    assert "fuente red: un día, como 2026-03-05" in i18n.explain(reason, "es")
    assert "source red: a day, as 2026-03-05" in i18n.explain(reason, "en")
