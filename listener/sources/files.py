"""Files: a drop folder of JSON Lines and CSV, and the same reader for `listener import`.

Form: docs/sources.md. Columns `text` (required), `author`, `url`, `published_at`, `source`, `id`,
`brand`, `lang`, `title`; optional `author_name`, `author_url`, `followers`, `site`, `tags`,
`reply_to`, `repost_of`, `reach`, `invented`.
Sign-in and limits: none; who may write into the folder decides what comes in.
Cannot see: files that were changed less than two seconds ago (they may still be being written),
hidden files, names that end in .part or .tmp, folders in the folder.
A row without an id gets one from its source, text, author, url and date as they are written, so that
the same line is never stored twice, and two people who say the same are two; a row without a date
is dated by its import. What was read is moved to `done`, what is no
such file at all to `refused`; nothing is deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field

from listener.domain import Author, Mention, Parsed, Problem, RawPage
from listener.errors import ImportError_, SourceError
from listener.httpclient import HttpClient
from listener.query import Query
from listener.sections import Section, ZoneName
from listener.sources.items import BadItem, problem, stable_hash, text_of, tidy
from listener.sources.rows import Encoding, Form, Line, Record, detect, form_of, lines_of, records
from listener.sources.walking import dump_cursor, load_cursor
from listener.times import parse_time

NAME = "files"
KEEP_UNMATCHED = True
MAY_MATCH = True
ROWS_PER_PAGE = 500
PAGE_CHARACTERS = 4_000_000
QUIET_S = 2.0

_REQUIRED = ("text",)
_USUAL = ("author", "url", "published_at", "source", "id", "brand", "lang", "title")
_MORE = ("author_name", "author_url", "followers", "site", "tags", "reply_to", "repost_of", "reach")
_DATES = ("published_at", "date", "created_at")  # the last two as others call it
COLUMNS = frozenset((*_REQUIRED, *_USUAL, *_MORE, *_DATES, "invented"))
_UNFINISHED = (".part", ".tmp", ".crdownload", ".swp", "~")


class Options(Section):
    """`time_zone` is that of times which do not name one."""

    folder: str = Field("var/inbox", min_length=1)
    time_zone: ZoneName = "UTC"


def needs_query(options: Options) -> bool:  # noqa: ARG001 - one form for all sources
    return False


# ---------------------------------------------------------------------------- one row


def mention_of(
    row: Mapping[str, Any], *, now: datetime, default_tz: tzinfo = UTC
) -> tuple[Mention, bool]:
    """(mention, whether it was dated by its import). Raises BadItem with the reason."""
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise BadItem("the text is missing" if text is None else "the text is empty or no text")
    source = _short(text_of(row.get("source")).strip() or NAME, 40)
    published, dated = _published(row, now, default_tz)
    mention = Mention(
        source=source,
        external_id=text_of(row.get("id")).strip() or _made_id(row, source, text),
        text=text,
        published_at=published,
        author=_author(row),
        title=text_of(row.get("title")),
        url=text_of(row.get("url")),
        lang=text_of(row.get("lang")),
        site=text_of(row.get("site")),
        reply_to=text_of(row.get("reply_to")) or None,
        repost_of=text_of(row.get("repost_of")) or None,
        tags=_tags(row.get("tags")),
        reach=_count(row.get("reach")),
        brand=text_of(row.get("brand")).strip().lower() or None,
        invented=str(row.get("invented", "")).strip().lower() in ("true", "1", "yes"),
    )
    return tidy(mention), dated


def _made_id(row: Mapping[str, Any], source: str, text: str) -> str:
    """As written, and not as understood: the time of a row without a date is that of its import."""
    dates = (text_of(row.get(name)).strip() for name in _DATES)
    said = {
        "author": text_of(row.get("author")).strip(),
        "url": text_of(row.get("url")).strip(),
        "date": next(filter(None, dates), ""),
    }
    return stable_hash(source, text, *(f"{name}={value}" for name, value in said.items() if value))


def _published(row: Mapping[str, Any], now: datetime, default_tz: tzinfo) -> tuple[datetime, bool]:
    for name in _DATES:
        value = row.get(name)
        if value is None or value == "":
            continue
        try:
            return parse_time(value, default_tz, now=now), False
        except (ValueError, TypeError, OverflowError) as error:
            raise BadItem(f"{name}: {error}") from error
    return now, True


def _short(value: str, length: int) -> str:
    return value if len(value) <= length else f"{value[: length - 9]}#{stable_hash(value)[:8]}"


def _author(row: Mapping[str, Any]) -> Author | None:
    handle = text_of(row.get("author")).strip()
    if not handle:
        return None
    return Author(
        handle,
        text_of(row.get("author_name")),
        text_of(row.get("author_url")),
        _count(row.get("followers")),
    )


def _count(value: Any) -> int | None:
    try:
        return int(text_of(value).strip()) if text_of(value).strip() else None
    except ValueError:
        return None


def _tags(value: Any) -> tuple[str, ...]:
    found = value if isinstance(value, list) else text_of(value).replace(",", " ").split()
    return tuple(text_of(tag).lstrip("#") for tag in found)


# ---------------------------------------------------------------------------- listener import


@dataclass
class FileRows:
    """The rows of a file, read while it is iterated; the counts are complete after the last."""

    path: Path
    now: datetime
    default_tz: tzinfo = UTC
    rows: int = 0
    dated_on_import: int = 0
    encoding: str = ""
    unknown_columns: set[str] = field(default_factory=set)
    _encoding_note: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the person who imports should know besides the problems."""
        found = [self._encoding_note] if self._encoding_note else []
        if self.unknown_columns:
            found.append(f"columns that are not used: {', '.join(sorted(self.unknown_columns))}")
        if self.dated_on_import:
            found.append(f"{self.dated_on_import} row(s) have no date and are dated by this import")
        return tuple(found)

    def __iter__(self) -> Iterator[Mention | Problem]:
        self.rows = self.dated_on_import = 0
        for record in _open(self.path, self._remember):
            self.rows += 1
            if record.row is None:
                yield problem(record.reason, record.raw, record.number)
                continue
            self.unknown_columns.update(record.row.keys() - COLUMNS)
            try:
                mention, dated = mention_of(record.row, now=self.now, default_tz=self.default_tz)
            except BadItem as error:
                yield problem(error, record.raw, record.number)
                continue
            self.dated_on_import += dated
            yield mention

    def _remember(self, encoding: Encoding) -> None:
        self.encoding, self._encoding_note = encoding.name, encoding.note


def read_file(path: Path, *, now: datetime, default_tz: tzinfo = UTC) -> FileRows:
    """Mentions and problems of a file, streamed in bounded memory.

    Iterating raises ImportError_ when the file cannot be read as a whole: missing, unreadable,
    empty, a CSV without a column `text`.
    """
    return FileRows(path, now, default_tz)


def _open(path: Path, tell: Any) -> Iterator[Record]:
    try:
        if path.is_dir():
            raise ImportError_(f"{path} is a folder. Name a JSON Lines or CSV file.")
        encoding = detect(path)
        tell(encoding)
        form = form_of(path, islice(lines_of(path, encoding), 100))
        yield from records(_after_header(lines_of(path, encoding), form), form)
    except OSError as error:
        raise ImportError_(
            f"{path}: cannot be read ({error.strerror or error}). Check the name and its rights."
        ) from error


def _after_header(lines: Iterator[Line], form: Form) -> Iterator[Line]:
    if form.kind == "csv":
        for line in lines:
            if line.text.strip():
                break
    yield from lines


# ---------------------------------------------------------------------------- the drop folder


def fetch(
    options: Options,
    query: Query | None,  # noqa: ARG001 - one form for all sources
    cursor: str | None,
    http: HttpClient,  # noqa: ARG001
    now: datetime,
) -> Iterator[RawPage]:
    folder = Path(options.folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        waiting = sorted(
            (p for p in folder.iterdir() if _is_ready(p, now)),
            key=lambda p: (p.stat().st_mtime_ns, p.name),
        )
    except OSError as error:
        raise SourceError(
            "the folder {folder} cannot be read ({why}). Check its rights.",
            source=NAME,
            folder=folder,
            why=error.strerror or str(error),
        ) from error
    saved = load_cursor(cursor)
    failed: list[str] = []
    for path in waiting:
        try:
            yield from _pages(path, saved, options, now)
        except OSError as error:
            failed.append(f"{path.name} ({error.strerror or error})")
    if failed:
        raise SourceError(
            "files in {folder} cannot be read or moved: {files}. Check their rights; they are tried "
            "again.",
            source=NAME,
            retry=True,
            folder=folder,
            files=", ".join(failed),
        )


def _is_ready(path: Path, now: datetime) -> bool:
    if path.name.startswith(".") or path.name.endswith(_UNFINISHED) or not path.is_file():
        return False
    # A time in the future (another machine's clock) must not keep a file out for ever.
    return abs(now.timestamp() - path.stat().st_mtime) >= QUIET_S


def _pages(
    path: Path, saved: Mapping[str, Any], options: Options, now: datetime
) -> Iterator[RawPage]:
    """The pages of one file, and then its move: the last page is stored by the time that the
    next one is asked for."""
    facts = path.stat()
    mark = {"file": path.name, "size": facts.st_size, "mtime": facts.st_mtime_ns}
    begin = saved.get("line") if mark.items() <= saved.items() else None
    skip = begin if isinstance(begin, int) else 0
    try:
        encoding = detect(path)
        form = form_of(path, islice(lines_of(path, encoding), 100))
    except ImportError_ as error:
        yield _refusal(path, str(error), now)
        _move(path, "refused")
        return
    meta = {
        "file": path.name,
        "kind": form.kind,
        "delimiter": form.delimiter,
        "columns": json.dumps(form.columns),
        "note": encoding.note,
        "time_zone": options.time_zone,
    }
    content = "text/csv" if form.kind == "csv" else "application/jsonl"
    lines = _after_header(lines_of(path, encoding), form)
    for first, end, text in _chunks(records(lines, form), skip):
        yield RawPage(
            url=path.absolute().as_uri(),
            body=text.encode("utf-8", "surrogateescape"),
            content_type=content,
            fetched_at=now,
            cursor=dump_cursor({**mark, "line": end}),
            meta={**meta, "first_line": str(first)},
        )
    _move(path, "done")


def _chunks(found: Iterator[Record], skip: int) -> Iterator[tuple[int, int, str]]:
    """(number of the first line, number of the last record's first line, text) of each page.

    Records keep the distance of their lines, so that a problem names the line of the file.
    """
    parts: list[str] = []
    first = next_line = last = size = count = 0
    for record in found:
        if record.number <= skip:
            continue
        if parts and (count >= ROWS_PER_PAGE or size + len(record.raw) > PAGE_CHARACTERS):
            yield first, last, "".join(parts)
            parts, size, count = [], 0, 0
        if not parts:
            first = next_line = record.number
        raw = record.raw if record.raw.endswith("\n") else record.raw + "\n"
        parts.append("\n" * (record.number - next_line) + raw)
        next_line = record.number + raw.count("\n")
        last = record.number
        size += len(raw)
        count += 1
    if parts:
        yield first, last, "".join(parts)


def _refusal(path: Path, reason: str, now: datetime) -> RawPage:
    with path.open("rb") as file:
        head = file.read(2000)
    return RawPage(
        url=path.absolute().as_uri(),
        body=head,
        content_type="application/octet-stream",
        fetched_at=now,
        meta={"file": path.name, "refused": reason},
    )


def _move(path: Path, where: str) -> None:
    folder = path.parent / where
    folder.mkdir(exist_ok=True)
    target = folder / path.name
    number = 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem}-{number}{path.suffix}"
    path.rename(target)


def parse(page: RawPage) -> Parsed:
    meta = page.meta
    if "refused" in meta:
        return Parsed(problems=(problem(meta["refused"], page.body),))
    try:
        first = int(meta.get("first_line", "1"))
        columns = tuple(str(name) for name in json.loads(meta.get("columns", "[]")))
        zone = ZoneInfo(meta.get("time_zone", "UTC"))
    except (ValueError, TypeError, OSError, KeyError) as error:
        return Parsed(problems=(problem(f"the page's facts are damaged: {error}"),))
    kind = "csv" if meta.get("kind") == "csv" else "jsonl"
    form = Form("csv" if kind == "csv" else "jsonl", meta.get("delimiter", ","), columns)
    text = page.body.decode("utf-8", "surrogateescape")
    lines = (Line(n, one + "\n") for n, one in enumerate(text.split("\n"), first))
    mentions: list[Mention] = []
    problems: list[Problem] = []
    unknown: set[str] = set()
    for record in records(lines, form):
        if record.row is None:
            problems.append(problem(record.reason, record.raw, record.number))
            continue
        unknown.update(record.row.keys() - COLUMNS)
        try:
            mentions.append(mention_of(record.row, now=page.fetched_at, default_tz=zone)[0])
        except BadItem as error:
            problems.append(problem(error, record.raw, record.number))
    # Without a line, so that the same note on many pages is one row of the rejects.
    notes = [meta["note"]] if meta.get("note") else []
    if unknown:
        notes.append(f"columns that are not used: {', '.join(sorted(unknown))}")
    problems += [problem(note, meta.get("file", "")) for note in notes]
    return Parsed(tuple(mentions), tuple(problems))
