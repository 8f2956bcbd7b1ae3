"""Files: every encoding and mistake that people's exports have, and a drop folder that is safe."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import tempfile
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fakes import FakeHttp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from listener.domain import Mention, Problem, RawPage
from listener.errors import ImportError_, SourceError
from listener.sources import files
from listener.sources.files import FileRows, Options, read_file
from listener.sources.rows import MAX_RECORD_LINES, Encoding, Form, Line, detect, records

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
QUEJAS = [
    "Otra vez el 1004 a la hora de la siesta, y ya van cuatro",
    "Mañana será otro día, pero la llamada será la misma",
    "¿Cuántas veces hay que decir que no? Señores, ya está bien",
    "Me llamó una tal Begoña con una «oferta» que no pedí",
]


def read(path: Path, **more: Any) -> tuple[list[Mention], list[Problem], FileRows]:
    rows = read_file(path, now=NOW, **more)
    found = list(rows)
    return (
        [item for item in found if isinstance(item, Mention)],
        [item for item in found if isinstance(item, Problem)],
        rows,
    )


def jsonl(*rows: Any) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def write(content: str | bytes, name: str = "quejas.jsonl", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


# ---------------------------------------------------------------------------- encodings


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16-LE"),
        ("utf-16-be", "UTF-16-BE"),
        ("cp1252", "cp1252"),
        ("latin-1", "cp1252"),
    ],
)
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_encodings_are_found_and_told(file: Any, encoding: str, told: str, kind: str) -> None:
    rows = [{"text": text, "author": f"autor{n}"} for n, text in enumerate(QUEJAS)]
    if kind == "jsonl":
        content = jsonl(*rows)
    else:
        out = io.StringIO()
        writer = csv.DictWriter(out, ["text", "author"])
        writer.writeheader()
        writer.writerows(rows)
        content = out.getvalue()
    mentions, problems, found = read(file(content, f"q.{kind}", encoding))
    assert [m.text for m in mentions] == QUEJAS
    assert problems == []
    dated = "4 row(s) have no date and are dated by this import"
    assert found.notes[-1] == dated
    assert len(found.notes) == (2 if told else 1)
    assert told in found.notes[0]


def test_cyrillic_from_an_old_windows(file: Any) -> None:
    text = "Опять звонят с рекламой, хотя я уже пять раз сказал, что мне ничего не нужно"
    [mention], problems, found = read(file(jsonl({"text": text}), encoding="cp1251"))
    assert mention.text == text
    assert "cp1251" in found.notes[0]
    assert problems == []


def test_a_source_and_a_brand_are_made_fit_for_storage(file: Any) -> None:
    row = r'{"text": "a", "source": "for\u0000um \ud800", "brand": "' + "x" * 90 + '"}'
    [found], problems, _ = read(file(row.encode()))
    assert problems == []
    assert found.source.encode("utf-8")
    assert "\0" not in found.source
    assert found.brand == "x" * 60


def test_one_broken_line_is_its_own_problem(file: Any) -> None:
    good = jsonl(*({"text": text} for text in QUEJAS)).encode()
    bad = '{"text": "Mañana"}\n'.encode("latin-1")
    mentions, [problem], found = read(file(good + bad + good.replace(b"1004", b"1002")))
    assert len(mentions) == 8
    assert problem.line == 5
    assert problem.reason == "byte 0xF1 is not UTF-8, as the rest of the file is"
    assert "1 line(s) are not UTF-8" in found.notes[0]


# ---------------------------------------------------------------------------- rows


def test_each_bad_row_is_told_with_line_and_reason(file: Any) -> None:
    content = (
        jsonl({"text": QUEJAS[0], "id": 1})
        + '{"text": "roto\n'
        + "\n"
        + jsonl(
            {"text": "   "},
            {"text": None},
            {"text": "x" * 2_000_001},
            {"text": "x" * 1_000_000},
            {"text": "con fecha", "published_at": "mañana"},
            {"text": "del futuro", "published_at": "2031-01-01"},
            [1],
            {"text": QUEJAS[1], "published_at": 1795212605, "sentimiento": "malo", "estrellas": 1},
        )
    )
    mentions, problems, rows = read(file(content))
    assert [len(m.text) for m in mentions] == [len(QUEJAS[0]), 1_000_000, len(QUEJAS[1])]
    assert {p.line: p.reason[:44] for p in problems} == {
        2: "broken JSON: unexpected end of data: line 1 ",
        4: "the text is empty or no text",
        5: "the text is missing",
        6: "the text has 2,000,001 characters; at most 2",
        8: "published_at: 'mañana' is no time that can b",
        9: "published_at: the time '2031-01-01' reads as",
        10: "the line is JSON, but not an object in brace",
    }
    assert all(len(p.excerpt) <= 300 for p in problems)
    assert rows.rows == 10
    assert rows.dated_on_import == 2
    assert rows.notes == (
        "columns that are not used: estrellas, sentimiento",
        "2 row(s) have no date and are dated by this import",
    )
    assert mentions[2].published_at == datetime(2026, 11, 20, 22, 10, 5, tzinfo=UTC)


def test_rows_of_the_public_sets_get_stable_ids(file: Any) -> None:
    row = {"text": QUEJAS[0], "lang": "es", "source": "someone/some-data", "sentiment": "negative"}
    mentions, problems, _ = read(file(jsonl(row, row, row | {"text": QUEJAS[1]})))
    ids = [m.external_id for m in mentions]
    assert ids[0] == ids[1] != ids[2]
    assert problems == []
    again, _, _ = read(file(jsonl(row), "other-name.jsonl"))
    assert again[0].external_id == ids[0]
    assert (again[0].source, again[0].lang) == ("someone/some-data", "es")
    assert again[0].published_at == NOW


def test_two_people_who_write_the_same_are_two(file: Any) -> None:
    ana = {"text": "otra vez el 1004", "author": "ana", "published_at": "2026-11-20 10:00"}
    luis = ana | {"author": "luis"}
    later = ana | {"published_at": "2026-11-21 18:30"}
    elsewhere = ana | {"url": "https://foro.example/2"}
    mentions, problems, _ = read(file(jsonl(ana, luis, later, elsewhere, ana)))
    assert problems == []
    ids = [m.external_id for m in mentions]
    assert len(set(ids[:4])) == 4
    assert ids[4] == ids[0]
    table = "created_at,author,text\n2026-11-20 10:00,ana,otra vez el 1004\n"
    assert [m.external_id for m in read(file(table, "export.csv"))[0]] == ids[:1]


def test_names_too_long_for_storage_stay_apart(file: Any) -> None:
    rows = [{"text": "x", "source": "s" * 60 + end, "id": "i" * 700 + end} for end in "ab"]
    mentions, _, _ = read(file(jsonl(*rows)))
    assert len({m.source for m in mentions}) == len({m.external_id for m in mentions}) == 2
    assert all(len(m.source) <= 40 and len(m.external_id) <= 600 for m in mentions)


def test_times_without_a_zone_are_local(file: Any) -> None:
    path = file("text,published_at\nhola,2026-11-20 22:15\nhola2,2026-11-20T22:15:00Z\n", "a.csv")
    mentions, _, _ = read(path, default_tz=ZoneInfo("Europe/Madrid"))
    assert [m.published_at.hour for m in mentions] == [21, 22]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_of_every_kind(file: Any, delimiter: str) -> None:
    texts = ['Dijo "sí" y colgó', "una,dos;tres\tcuatro|cinco", "dos\nlíneas", "  con bordes "]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(["ID", "Text", "Author"])
    writer.writerows([[n, text, "rosa"] for n, text in enumerate(texts)])
    mentions, problems, _ = read(file(out.getvalue(), "a.csv"))
    assert [m.text for m in mentions] == [text.strip().replace("\t", " ") for text in texts]
    assert [m.external_id for m in mentions] == ["0", "1", "2", "3"]
    assert problems == []


def test_a_quote_that_is_never_closed_costs_its_own_line(file: Any) -> None:
    rows = [f"llamada {n},rosa\n" for n in range(3000)]
    rows[10] = '"sin cerrar,rosa\n'
    rows[2995] = '"sin cerrar tampoco,rosa\n'
    rows[5] = 'uno "dos" tres,rosa\n'
    rows[7] = '"uno" dos,rosa\n'
    mentions, problems, _ = read(file("text,author\n" + "".join(rows), "a.csv"))
    assert [p.line for p in problems] == [9, 12, 2997]
    assert problems[1].reason == "a quote is opened and never closed"
    assert len(mentions) == 2997
    assert mentions[5].text == 'uno "dos" tres'


def test_a_row_with_other_fields_than_the_header_is_told(file: Any) -> None:
    path = file("text,author\nuno,rosa,más\ndos\ntres,rosa\n", "a.csv")
    mentions, problems, _ = read(path)
    assert [m.text for m in mentions] == ["tres"]
    assert problems[0].reason == "the line has 3 fields, but the header names 2 columns"
    assert [p.line for p in problems] == [2, 3]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "", "the file is empty"),
        ("a.jsonl", "\n\n", "the file is empty"),
        ("a.csv", "texto,autor\nx,y\n", "no column is called text"),
        ("a.csv", "text,id,id\nx,y,z\n", "two columns are called id"),
        ("a.json", '[{"text": "x"}]', "Write JSON Lines"),
    ],
)
def test_what_is_no_such_file_is_refused_as_a_whole(
    file: Any, name: str, content: str, told: str
) -> None:
    with pytest.raises(ImportError_, match=told) as caught:
        read(file(content, name))
    assert name in str(caught.value)


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(ImportError_, match="cannot be read"):
        read(tmp_path / "nada.csv")
    with pytest.raises(ImportError_, match="is a folder"):
        read(tmp_path)


def test_large_files_take_little_memory(file: Any) -> None:
    line = json.dumps({"text": "Otra vez el 1004. " * 500}) + "\n"
    path = file(line.encode() * 300)
    assert path.stat().st_size > 2_500_000
    tracemalloc.start()
    count = sum(1 for _ in read_file(path, now=NOW))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 300
    assert peak < 1_000_000


def test_an_endless_line_is_one_problem(file: Any) -> None:
    path = file(b'{"text": "' + b"x" * 13_000_000 + b'"}\n' + jsonl({"text": "sigue"}).encode())
    [mention], [problem], _ = read(path)
    assert (problem.line, mention.text) == (1, "sigue")
    assert problem.reason.startswith("the line has more than 12,100,000 characters")


@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.jsonl", "a"]))
@example(b"text\n\x00\n", "a.csv")
@example(b"\xff\xfe", "a.csv")
@settings(deadline=None)
def test_any_bytes_are_rows_problems_or_refused(content: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        with contextlib.suppress(ImportError_):
            for item in read_file(path, now=NOW):
                assert isinstance(item, Mention | Problem)


_CELL = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\x00"), max_size=8
)


@settings(deadline=None)
@given(st.lists(st.tuples(_CELL, _CELL), min_size=1, max_size=6))
def test_what_a_csv_writer_wrote_is_read_back(rows: list[tuple[str, str]]) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    lines = [Line(n, part + "\n") for n, part in enumerate(out.getvalue().split("\n")[:-1], 1)]
    found = list(records(lines, Form("csv", ",", ("text", "b"))))
    assert [(r.row["text"], r.row["b"]) if r.row else r.reason for r in found] == rows


def test_the_guess_of_an_encoding_is_made_on_all_lines(file: Any) -> None:
    """ASCII for a megabyte, then one word as old Windows wrote it."""
    path = file(
        jsonl({"text": "plain"}).encode() * 60_000 + '{"text": "España"}\n'.encode("cp1252")
    )
    assert detect(path) == Encoding("cp1252", "read as cp1252 (it is not UTF-8)")


# ---------------------------------------------------------------------------- the drop folder


class Inbox:
    """A drop folder, read as the pipeline does it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.options = Options(folder=str(folder))
        self.cursor: str | None = None
        self.texts: list[str] = []
        self.problems: list[Problem] = []
        self.pages: list[RawPage] = []

    def drop(self, name: str, content: str, *, age_s: float = 60) -> Path:
        self.folder.mkdir(exist_ok=True)
        path = self.folder / name
        path.write_text(content, encoding="utf-8")
        moment = (NOW - timedelta(seconds=age_s)).timestamp()
        os.utime(path, (moment, moment))
        return path

    def read(self, *, stop_after: int | None = None) -> int:
        count = 0
        http = FakeHttp(lambda *_: None).client()
        for page in files.fetch(self.options, None, self.cursor, http, NOW):
            parsed = files.parse(page)
            self.texts += [m.text for m in parsed.mentions]
            self.problems += parsed.problems
            self.pages.append(page)
            self.cursor = page.cursor or self.cursor
            count += 1
            if stop_after == count:
                break
        return count

    def left(self) -> list[str]:
        return sorted(p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*.*"))


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path / "inbox")


def test_files_are_read_in_order_of_age_and_put_aside(inbox: Inbox) -> None:
    assert inbox.read() == 0
    inbox.drop("b.jsonl", jsonl({"text": "vieja"}), age_s=600)
    inbox.drop("a.csv", "text,author\nnueva,rosa\n", age_s=60)
    assert inbox.read() == 2
    assert inbox.texts == ["vieja", "nueva"]
    assert inbox.left() == ["done/a.csv", "done/b.jsonl"]
    inbox.drop("a.csv", "text,author\nnueva,rosa\n")
    inbox.read()
    assert inbox.left() == ["done/a-2.csv", "done/a.csv", "done/b.jsonl"]


def test_what_is_being_written_waits(inbox: Inbox) -> None:
    inbox.drop("a.jsonl", jsonl({"text": "a"}), age_s=1)
    inbox.drop("b.jsonl.part", jsonl({"text": "b"}))
    inbox.drop(".c.jsonl", jsonl({"text": "c"}))
    assert inbox.read() == 0
    inbox.drop("a.jsonl", jsonl({"text": "a"}, {"text": "entera"}), age_s=3)
    assert inbox.read() == 1
    assert inbox.texts == ["a", "entera"]
    assert ".c.jsonl" in inbox.left()


def test_what_is_no_such_file_is_put_aside_with_its_reason(inbox: Inbox) -> None:
    inbox.drop("foto.csv", "nombre,edad\nx,3\n")
    inbox.read()
    [problem] = inbox.problems
    assert "no column is called text" in problem.reason
    assert inbox.left() == ["refused/foto.csv"]


@settings(deadline=None, max_examples=30)
@given(stops=st.lists(st.integers(1, 2), max_size=6), kind=st.sampled_from(["jsonl", "csv"]))
def test_a_reader_that_is_stopped_goes_on_where_it_was(stops: list[int], kind: str) -> None:
    """Killed after any page, before the file was put aside: every row comes once."""
    with tempfile.TemporaryDirectory() as folder:
        inbox = Inbox(Path(folder) / "inbox")
        rows = [f"fila {n}" + ("\ncon salto" if n % 7 == 0 else "") for n in range(1800)]
        out = io.StringIO()
        csv.writer(out).writerows([["text"], *([row] for row in rows)])
        content = jsonl(*({"text": row} for row in rows)) if kind == "jsonl" else out.getvalue()
        inbox.drop(f"grande.{kind}", content)
        for stop in stops:
            inbox.read(stop_after=stop)
        inbox.read()
        assert inbox.texts == rows
        assert inbox.read() == 0
        assert inbox.left() == [f"done/grande.{kind}"]
        assert inbox.problems == []


def test_problems_name_the_line_of_the_file(inbox: Inbox) -> None:
    rows = [{"text": f"fila {n}"} for n in range(1200)]
    lines = jsonl(*rows).splitlines()
    lines[700] = "roto"
    lines.insert(300, "")
    lines.insert(600, "")
    inbox.drop("a.jsonl", "\n".join(lines) + "\n")
    assert inbox.read() == 3
    assert [(p.line, p.reason[:11]) for p in inbox.problems] == [(703, "broken JSON")]
    quoted = "text\n" + '"dos\nlíneas"\n' * 600 + '"roto\n'
    inbox.problems.clear()
    inbox.drop("b.csv", quoted)
    inbox.read()
    assert [p.line for p in inbox.problems] == [1202]
    assert inbox.texts[-1] == "dos\nlíneas"


def test_a_file_that_changed_is_read_again_from_its_beginning(inbox: Inbox) -> None:
    inbox.drop("a.jsonl", jsonl(*({"text": f"{n}"} for n in range(600))), age_s=60)
    inbox.read(stop_after=1)
    inbox.drop("a.jsonl", jsonl({"text": "otra cosa"}), age_s=30)
    inbox.read()
    assert inbox.texts[-1] == "otra cosa"
    assert inbox.left() == ["done/a.jsonl"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "inbox").write_text("a file")
    inbox = Inbox(tmp_path / "inbox")
    with pytest.raises(SourceError, match="cannot be read"):
        inbox.read()


def test_notes_are_told_once_for_a_file(inbox: Inbox) -> None:
    inbox.drop("a.jsonl", jsonl(*({"text": f"{n}", "puntos": 3} for n in range(1100))))
    assert inbox.read() == 3
    assert set(inbox.problems) == {Problem("columns that are not used: puntos", "a.jsonl")}


def test_the_length_of_a_record_is_bounded() -> None:
    lines = [Line(1, '"abierta\n')] + [Line(n, "x\n") for n in range(2, MAX_RECORD_LINES + 50)]
    found = list(records(lines, Form("csv", ",", ("text",))))
    assert found[0].reason == "a quote is opened and never closed"
    assert [r.number for r in found] == list(range(1, MAX_RECORD_LINES + 50))
