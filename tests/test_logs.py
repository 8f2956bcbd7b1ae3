"""Logs: one event a line, personal data masked."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from listener import logs


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("llamó el 1004", "llamó el 1004"),
        ("mi número es 612 904 417, gracias", "mi número es •••417, gracias"),
        ("+34612904417", "•••417"),
        ("escribe a ana.perez+x@correo.example hoy", "escribe a •••@correo.example hoy"),
        ("2026-11-20T10:30:00", "2026-11-20T10:30:00"),
        ("127.0.0.1:8501", "127.0.0.1:8501"),
    ],
)
def test_numbers_and_addresses_are_masked(text: str, shown: str) -> None:
    assert logs.masked(text) == shown


@given(st.integers(10**8, 10**12), st.sampled_from(["", " ", "-", "."]))
def test_no_phone_number_stays_readable(number: int, gap: str) -> None:
    digits = str(number)
    written = gap.join(digits[i : i + 3] for i in range(0, len(digits), 3))
    shown = logs.masked(f"marcó {written} y colgó")
    assert written not in shown
    assert digits[:-3] not in shown


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


Capture = pytest.CaptureFixture[str]


def test_an_event_is_one_line_of_json_without_persons(capsys: Capture) -> None:
    logs.configure("json")
    structlog.get_logger().warning(
        "x", author="marta", text="algo", error="a\nlevel=info forged=1", phone="612904417"
    )
    [line] = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert event["author"] == event["text"] == event["phone"] == "•••"
    assert "\n" not in event["error"]
    assert event["level"] == "warning"


def test_nested_values_are_masked_too(capsys: Capture) -> None:
    logs.configure("json")
    structlog.get_logger().info(
        "x", seen={"author": "marta", "n": ["612 904 417", 3]}, pair=("a@b.example", None)
    )
    event = json.loads(capsys.readouterr().err)
    assert event["seen"] == {"author": "•••", "n": ["•••417", 3]}
    assert event["pair"] == ["•••@b.example", None]


def test_a_trace_is_masked(capsys: Capture) -> None:
    logs.configure("json")
    try:
        raise ValueError("no such line: 612 904 417")
    except ValueError:
        structlog.get_logger().error("broke", exc_info=True)
    said = capsys.readouterr().err
    assert "612 904 417" not in said
    assert "ValueError" in said


def test_below_the_level_nothing_is_said(capsys: Capture) -> None:
    logs.configure(level="ERROR")
    structlog.get_logger().warning("x")
    assert capsys.readouterr().err == ""
