"""Speeds and sizes, measured, never asserted: `make bench PUBLIC=folder`.

`PUBLIC` is a folder of labelled sets (`<set>/train.jsonl`, one JSON object with `text` a line).
Without it only the invented posts of this repository are used. Prints one JSON object a part.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from tests.bench_pages import pages

ROOT = Path(__file__).resolve().parent.parent
LISTENER = [sys.executable, "-m", "listener", "--log-level", "WARNING"]


def texts(public: Path | None, wanted: int) -> list[dict[str, Any]]:
    """A mix of `wanted` distinct rows, the same ones at every run."""
    files = sorted(public.glob("*/train.jsonl")) if public else []
    files += sorted((ROOT / "classifiers" / "data").glob("posts*.jsonl"))
    rows = []
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines()):
            row = json.loads(line)
            rows.append(
                {
                    "id": f"{file.parent.name}-{file.stem}-{number}",
                    "text": row["text"],
                    "lang": row.get("lang"),
                    "source": "public" if public and public in file.parents else "invented",
                    "author": f"author{number % 5000}",
                    "published_at": f"2026-10-{1 + number % 28:02d}T{number % 24:02d}:00:00Z",
                }
            )
    random.Random(7).shuffle(rows)
    return rows[:wanted]


def bad_rows() -> list[bytes]:
    """What a file from outside brings along; each must be told with its line and reason."""
    return [
        b'{"id": "broken", "text": "no end',
        b"not json at all",
        b'{"id": "latin", "text": "caf\xe9 ma\xf1ana"}',
        b'{"id": "empty", "text": ""}',
        b'{"id": "blank", "text": "   \\n "}',
        b'{"id": "date", "text": "the date is impossible", "published_at": "31/31/2026"}',
        b'{"id": "old", "text": "from the future", "published_at": "2226-01-01T00:00:00Z"}',
        b'{"id": "number", "text": 42}',
        b"[1, 2, 3]",
        b"{}",
        json.dumps({"id": "huge", "text": "x" * 2_500_000}).encode(),
    ]


def write_mix(rows: list[dict[str, Any]], file: Path) -> dict[str, int]:
    """Rows with bad ones and repeated ones strewn in; what must come out of it."""
    megabyte = {"id": "megabyte", "text": "una queja muy larga. " * 50_000, "source": "invented"}
    lines = [json.dumps(row, ensure_ascii=False).encode() for row in [*rows, megabyte]]
    repeated = random.Random(8).sample(lines, min(200, len(lines)))
    everything = lines + repeated + bad_rows()
    random.Random(9).shuffle(everything)
    file.write_bytes(b"\n".join(everything) + b"\n")
    return {"rows": len(lines), "repeated": len(repeated), "bad": len(bad_rows())}


def measured(command: list[str], env: dict[str, str]) -> tuple[float, float, str, str]:
    """(wall seconds, peak megabytes of the process, standard output, standard error)."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=err, env=env)
        watched = psutil.Process(process.pid)
        peak = 0
        while process.poll() is None:
            try:
                peak = max(peak, watched.memory_info().rss)
            except psutil.Error:
                break
            time.sleep(0.05)
        process.wait()
        wall = time.monotonic() - start
        out.seek(0)
        err.seek(0)
        return wall, peak / 1e6, out.read().decode(), err.read().decode()


def road(public: Path | None, count: int) -> dict[str, Any]:
    """Import and process `count` texts on a new database; counts are read from outside."""
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder)
        env = {**os.environ, "LISTENER_VAR": str(var), "LISTENER_CONFIG": str(ROOT / "config")}
        env.pop("LISTENER_DATABASE_URL", None)
        rows = texts(public, count)
        expected = write_mix(rows, var / "mix.jsonl")
        load = [*LISTENER, "import", str(var / "mix.jsonl"), "--rejects", str(var / "rejects.csv")]
        wall_in, peak_in, told, listed = measured(load, env)
        wall, peak, counts, _ = measured([*LISTENER, "process", "--once"], env)
        again = subprocess.run(load, env=env, capture_output=True, text=True, check=True)
        with sqlite3.connect(var / "listener.db") as db:
            stored = db.execute("SELECT count(*) FROM mentions").fetchone()[0]
            read = db.execute("SELECT count(*) FROM readings").fetchone()[0]
            states = dict(db.execute("SELECT state, count(*) FROM mentions GROUP BY state"))
            rejects = db.execute("SELECT line, reason FROM rejects ORDER BY line").fetchall()
        return {
            "expected": expected,
            "import": json.loads(told),
            "import_again": json.loads(again.stdout),
            "import_seconds": round(wall_in, 1),
            "import_peak_mb": round(peak_in),
            "process": json.loads(counts),
            "process_seconds": round(wall, 1),
            "texts_per_second": round(stored / wall, 1),
            "process_peak_mb": round(peak),
            "stored": stored,
            "read": read,
            "states": states,
            "rejects": [f"line {line}: {reason}" for line, reason in rejects],
            "listed": listed.splitlines()[:15],
        }


def classify(public: Path | None, count: int) -> dict[str, Any]:
    """`listener classify` on `count` texts: whole process, reader's start included."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.jsonl"
        rows = texts(public, count)
        file.write_text(
            "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8"
        )
        wall, peak, out, err = measured([*LISTENER, "classify", str(file)], dict(os.environ))
        return {
            "lines_in": len(rows),
            "lines_out": out.count("\n"),
            "errors": err.count("\n"),
            "seconds": round(wall, 1),
            "texts_per_second": round(len(rows) / wall, 1),
            "peak_mb": round(peak),
        }


def random_strings(count: int, seed: int = 11) -> list[str]:
    """Any code points, surrogates and controls among them; some long, some empty."""
    rng = random.Random(seed)
    blocks = [(0, 0x7F), (0, 0x2FF), (0x370, 0x6FF), (0x900, 0xDFF), (0x2000, 0x2BFF)]
    blocks += [(0x3000, 0x9FFF), (0xD800, 0xDFFF), (0xE000, 0xFFFF), (0x1F000, 0x1FAFF)]
    blocks += [(0, 0x10FFFF)]
    result = []
    for _ in range(count):
        low, high = rng.choice(blocks)
        length = rng.choice([0, 1, 3, 10, 40, 40, 140, 300])
        result.append("".join(chr(rng.randint(low, high)) for _ in range(length)))
    return result


def mutated(count: int, seed: int = 12) -> list[str]:
    """Invented posts as no one would write them: cut, doubled, reversed, mixed with other scripts,
    emoji, marks of direction, nulls; only emoji; nothing; and two of a megabyte."""
    rng = random.Random(seed)
    posts = [row["text"] for row in texts(None, 10**6)]
    strange = [
        "\u202e",
        "\u2066",
        "\u200b",
        "\x00",
        "\ud83d",
        "😡",
        "ﷺ",
        "е",
        "中",
        "\u0301",
        "\r\n",
    ]
    changes = [
        lambda t: t[rng.randrange(len(t) + 1) :],
        lambda t: t[::-1],
        lambda t: t * rng.randint(2, 5),
        lambda t: "".join(rng.sample(list(t), len(t))),
        lambda t: t.upper(),
        lambda t: "".join(c + rng.choice(["", "", "", *strange]) for c in t),
        lambda t: t.replace(" ", ""),
        lambda t: t + " " + rng.choice(posts),
        lambda t: "".join(rng.choice(strange) for _ in t),
        lambda _: "😡" * rng.randint(1, 200),
        lambda _: "",
    ]
    result = []
    for _ in range(count - 2):
        text = rng.choice(posts)
        for change in rng.sample(changes[:8], 2) if rng.random() < 0.9 else [rng.choice(changes)]:
            text = change(text)[:4000]
        result.append(text)
    return [*result, "no me llaméis más " * 55_000, "\u0627" * 1_000_000]


def robust(public: Path | None, count: int) -> dict[str, Any]:
    """100,000 random and mutated texts: one line each, in order, no error; and a thousand of them
    read the same alone, together and in another order."""
    from classifiers import load

    given = random_strings(50_000) + mutated(50_000)
    random.Random(13).shuffle(given)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "in.jsonl"
        file.write_text(
            "".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in enumerate(given))
        )
        wall, peak, out, err = measured([*LISTENER, "classify", str(file)], dict(os.environ))
    ids = [json.loads(line)["id"] for line in out.splitlines()]
    reader, some = load(threads=2), given[:1000]

    def said(texts: list[str]) -> list[Any]:
        return [
            (r.sentiment, r.complaint, r.category, r.harassment, r.scores, r.facts, r.evidence)
            for r in reader.read(texts)
        ]

    together = said(some)
    order = random.Random(14).sample(range(len(some)), len(some))
    shuffled = said([some[i] for i in order])
    return {
        "lines_in": len(given),
        "lines_out": len(ids),
        "in_order": ids == list(range(len(given))),
        "errors": err.count("\n"),
        "seconds": round(wall),
        "peak_mb": round(peak),
        "same_in_any_order": [together[i] for i in order] == shuffled,
        "same_alone": [said([text])[0] for text in some] == together,
    }


def contract(public: Path | None, count: int) -> dict[str, Any]:
    """`classify` and `match` on every text of PUBLIC, on nothing, and on 10,000 random strings:
    as many lines out as in, each with its own id, and only the exit codes that are promised."""
    result: dict[str, Any] = {}
    everything = [r["text"] for r in texts(public, 10**9)][: None if count == 20_000 else count]
    for name, given in (
        ("every text", everything),
        ("random strings", random_strings(10_000)),
        ("no input", []),
    ):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "in.jsonl"
            file.write_text(
                "".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in enumerate(given))
            )
            start = time.monotonic()
            read = subprocess.run(
                [*LISTENER, "classify", str(file)], capture_output=True, check=False
            )
            wall = time.monotonic() - start
            found = subprocess.run(
                [*LISTENER, "match", "movistar OR number:1004 OR call*", str(file)],
                capture_output=True,
                check=False,
            )
        answers = [json.loads(line) for line in read.stdout.splitlines()]
        keys = {"id", "lang", "sentiment", "complaint", "category", "harassment", "scores", "facts"}
        result[name] = {
            "lines_in": len(given),
            "lines_out": len(answers),
            "in_order": [a["id"] for a in answers] == list(range(len(given))),
            "whole": all(keys <= a.keys() for a in answers),
            "consistent": all(
                (a["category"] is not None) == a["complaint"]
                and a["harassment"] == (a["category"] == "harassment")
                for a in answers
            ),
            "spans_right": all(
                given[a["id"]][n["span"][0] : n["span"][1]] == n["text"]
                for a in answers
                for n in a["facts"]["numbers"]
            ),
            "exit": read.returncode,
            "seconds": round(wall, 1),
            "match_found": found.stdout.count(b"\n"),
            "match_exit": found.returncode,
            "errors": (read.stderr + found.stderr).decode()[:500],
        }
    return result


def reader(public: Path | None, count: int) -> dict[str, Any]:
    """The reader beside the stock pipeline with a model of XLM-R-base's size."""
    from tests.bench_reader import measure

    return measure(public)


def crm(public: Path | None, count: int) -> dict[str, Any]:
    """Import of `count` contact events (a fifth as many people), then look-ups by phone and whole
    histories; one row in ten thousand is bad."""
    from listener.crm.local import LocalCrm
    from listener.domain import Identifier, IdentifierKind
    from listener.storage import Database
    from listener.vault import open_vault

    rng = random.Random(21)
    persons = max(10, count // 5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        people, events = folder / "people.csv", folder / "events.csv"
        with people.open("w") as out:
            out.write("customer_id,name,phone,email,country,status\n")
            for i in range(persons):
                out.write(f"C{i},Name {i},6{i:08d},c{i}@mail.example,ES,customer\n")
        bad = 0
        with events.open("w") as out:
            out.write(
                "event_id,at,direction,channel,customer_id,customer_number,caller_number,campaign,"
                "list,agent,disposition,duration_s,note\n"
            )
            for i in range(count):
                who = rng.randrange(persons)
                day = f"2026-{1 + i % 10:02d}-{1 + i % 28:02d}T{9 + i % 11:02d}:{i % 60:02d}:00Z"
                if i % 10_000 == 5_000:
                    day, bad = "31/31/2026", bad + 1
                out.write(
                    f"E{i},{day},out,call,{f'C{who}' if i % 7 else ''},6{who:08d},1004,Fibra,"
                    f"L{i % 50},A{i % 200},no_answer,{i % 90},nota {i % 1000}\n"
                )
        env = {**os.environ, "LISTENER_VAR": name, "LISTENER_CONFIG": str(ROOT / "config")}
        env.pop("LISTENER_DATABASE_URL", None)
        seconds, peak = {}, 0.0
        for option, file in (("--people", people), ("--events", events)):
            wall, used, _, err = measured([*LISTENER, "crm", "import", option, str(file)], env)
            seconds[option], peak = round(wall, 1), max(peak, used)
            last = err.strip().splitlines()[-3:]
        db = Database(f"sqlite:///{folder / 'listener.db'}")
        local = LocalCrm(db, open_vault(folder))
        found, times = 0, {"find": [], "history": []}
        for _ in range(500):
            who = rng.randrange(persons)
            start = time.perf_counter()
            candidates = local.find([Identifier(IdentifierKind.PHONE, f"+346{who:08d}")])
            times["find"].append(time.perf_counter() - start)
            start = time.perf_counter()
            found += len(local.history(candidates[0].customer.ref))
            times["history"].append(time.perf_counter() - start)
        db.close()
        size = (folder / "listener.db").stat().st_size
    return {
        "people": persons,
        "events": count,
        "bad_rows": bad,
        "said": last,
        "seconds": seconds,
        "events_per_second": round(count / seconds["--events"]),
        "peak_mb": round(peak),
        "database_mb": round(size / 1e6),
        "contacts_read": found,
        "median_ms": {k: round(1000 * sorted(v)[len(v) // 2], 2) for k, v in times.items()},
        "p95_ms": {k: round(1000 * sorted(v)[int(len(v) * 0.95)], 2) for k, v in times.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--public", type=Path)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, help="pages: keep the world here, and use it again")
    parser.add_argument("--seconds", type=float, default=120, help="pages: how long people work")
    parser.add_argument("parts", nargs="*", default=["reader", "classify", "road"])
    given = parser.parse_args()
    for part in given.parts:
        result = {
            "reader": reader,
            "classify": classify,
            "road": road,
            "contract": contract,
            "crm": crm,
            "robust": robust,
            "pages": lambda _, count: pages(count, given.folder, given.seconds),
        }[part](given.public, given.count)
        print(json.dumps({part: result}, ensure_ascii=False, indent=1), flush=True)


if __name__ == "__main__":
    main()
