"""`listener classify` and `listener match`: JSON Lines in, JSON Lines out, no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, BinaryIO, TextIO

from classifiers.reading import Reading
from listener import jsonl, query, reader
from listener.jsonl import Line
from listener.query import Searchable
from listener.settings import var_folder

_BATCH = 256


def classify(
    stream: BinaryIO, out: BinaryIO, err: TextIO, *, countries: Sequence[str] = ("ES",)
) -> int:
    """As many lines out as in, in order. Returns 2 when a line could not be read, else 0."""
    reads = reader.load(var_folder())
    bad = False
    for batch in jsonl.batches(jsonl.read(stream), _BATCH):
        good = [line for line in batch if line.error is None]
        answers = _read(reads, good, countries)
        for line in batch:
            answer = line.error or answers[line.number]
            if isinstance(answer, str):
                bad = True
                failed = replace(line, error=answer)
                _complain(err, failed)
                out.write(jsonl.dumps(_error(failed)))
            else:
                out.write(jsonl.dumps(_answer(line, answer)))
        out.flush()
    return 2 if bad else 0


def match(text: str, countries: Sequence[str], stream: BinaryIO, out: BinaryIO, err: TextIO) -> int:
    """A line for each that is found: its number, id, whether a NOT mutes it, and the places that
    matched. Raises QueryError."""
    wanted = query.parse(text, countries=countries)
    bad = False
    for line in jsonl.read(stream):
        if line.error is not None:
            bad = True
            _complain(err, line)
            continue
        doc = _searchable(line.data)
        verdict = wanted.match(doc)
        if not verdict.found:
            continue
        hits = [
            {
                "field": hit.field,
                "span": [hit.start, hit.end],
                "text": _part(doc, hit.field, hit.start, hit.end),
                "term": hit.term,
            }
            for hit in verdict.hits
        ]
        out.write(
            jsonl.dumps(
                {
                    "line": line.number,
                    "id": line.data.get("id"),
                    "muted": verdict.muted,
                    "hits": hits,
                }
            )
        )
    out.flush()
    return 2 if bad else 0


def _read(
    reads: reader.Reads, lines: Sequence[Line], countries: Sequence[str]
) -> dict[int, Reading | str]:
    """By line number: the reading, or why there is none. One text that cannot be read does not
    take its neighbours' answers away."""
    try:
        readings = reads.read(
            [line.data["text"] for line in lines],
            langs=[_lang(line.data.get("lang")) for line in lines],
            countries=countries,
        )
    except Exception as error:
        if len(lines) > 1:
            return {k: v for line in lines for k, v in _read(reads, [line], countries).items()}
        return {line.number: f"cannot be read: {type(error).__name__}: {error}" for line in lines}
    return {line.number: answer for line, answer in zip(lines, readings, strict=True)}


def _answer(line: Line, reading: Reading) -> dict[str, Any]:
    return {
        "id": line.data.get("id"),
        "lang": reading.lang,
        "sentiment": reading.sentiment,
        "complaint": reading.complaint,
        "category": reading.category,
        "harassment": reading.harassment,
        "scores": {name: round(float(score), 4) for name, score in reading.scores.items()},
        "uncertain": list(reading.uncertain),
        "evidence": [list(span) for span in reading.evidence],
        "facts": reading.facts.to_json(),
        "model": reading.model,
    }


def _error(line: Line) -> dict[str, Any]:
    return {"id": line.data.get("id"), "error": line.error, "line": line.number}


def _complain(err: TextIO, line: Line) -> None:
    print(f"line {line.number}: {line.error}", file=err)


def _lang(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _searchable(data: dict[str, Any]) -> Searchable:
    def word(name: str) -> str:
        value = data.get(name)
        return value if isinstance(value, str) else ""

    def words(name: str) -> tuple[str, ...]:
        value = data.get(name)
        return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()

    return Searchable(
        text=word("text"),
        title=word("title"),
        author=word("author"),
        author_name=word("author_name"),
        site=word("site"),
        lang=word("lang"),
        source=word("source"),
        tags=words("tags"),
        urls=(word("url"), *words("urls")) if word("url") else words("urls"),
    )


def _part(doc: Searchable, field: str, start: int, end: int) -> str:
    value = getattr(doc, field, "")
    return value[start:end] if isinstance(value, str) else ""
