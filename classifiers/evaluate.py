"""How well the weights read, per question and language, as tables.

`python -m classifiers.evaluate [--public FOLDER]` measures on the own posts' untouched test part
and, where FOLDER holds the public sets, on UMSAB's validation part and on the sets that trained
nothing ("another world"). Every figure is of the weights as served.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifiers import dataset, evaluate_call_facts, heads
from classifiers.calibrate import f1, macro_f1
from classifiers.card import BEGIN, END
from classifiers.dataset import Example
from classifiers.language import identify
from classifiers.reader import SHIPPED, Reader

Row = tuple[Example, heads.Answer]
# Sets that neither trained nor chose anything; telecom_tweets_fr and cfpb did train.
OTHER_WORLD = (
    "bank_tweets_es",
    "telecom_reddit_es",
    "telecom_complaints_es",
    "trustpilot_reviews_es",
    "airline_tweets_es",
    "insurance_reviews_fr",
    "reclame_aqui_pt",
    "complaints_twitter_en",
    "airline_tweets_en",
    "energy_reviews_de",
    "rail_mentions_de",
)
JUDGED = ("source", "read")
OWN = "own test posts"
# The figures on the first were known when more posts were written; those on the second were not.
EXAMS = {"apart": "posts by another hand", "apart2": "posts by a third hand"}


@dataclass(frozen=True, slots=True)
class Table:
    """A heading, column names and rows of cells, printed as Markdown."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        lines = [f"### {self.title}", "", "| " + " | ".join(self.columns) + " |"]
        lines.append("|" + "---|" * len(self.columns))
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join(lines) + "\n"


Tables = dict[str, list[Table]]


def answers(reader: Reader, rows: Sequence[Example]) -> list[Row]:
    """Every row with what the heads say of it; call facts are not extracted."""
    given = reader.answer([row.text for row in rows], [row.lang for row in rows])
    return list(zip(rows, given, strict=True))


def percent(value: float) -> str:
    """As a figure times 100 with one decimal; a dash for NaN."""
    return "-" if np.isnan(value) else f"{100 * value:.1f}"


def share(rows: Iterable[bool]) -> float:
    """Share of true ones; NaN when there are none at all."""
    values = list(rows)
    return sum(values) / len(values) if values else float("nan")


def macro_f1_of(rows: Sequence[Row], labels: Sequence[str]) -> float:
    """Mean over `labels` of the F1 of sentiment."""
    true = np.array([e.sentiment for e, _ in rows])
    said = np.array([a.sentiment for _, a in rows])
    return float(np.mean([f1(said == label, true == label) for label in labels]))


def yes_no(rows: Sequence[Row], question: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(said, true) of complaint or harassment over the rows that have that label."""
    known = [(a, e) for e, a in rows if getattr(e, question) is not None]
    said = np.array([getattr(a, question) for a, _ in known], bool)
    return said, np.array([getattr(e, question) for _, e in known], bool)


def calibration_error(chance: Sequence[float], right: Sequence[bool], bins: int = 10) -> float:
    """Expected calibration error: the mean gap between confidence and accuracy, bins of one width."""
    confidence, hit = np.asarray(chance), np.asarray(right, float)
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        (place == b).mean() * abs(confidence[place == b].mean() - hit[place == b].mean())
        for b in range(bins)
        if (place == b).any()
    ]
    return float(sum(gaps))


def by_language(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """The rows of each language, in order of its code, and of all together."""
    langs = sorted({e.lang for e, _ in rows})
    parts = [(lang, [row for row in rows if row[0].lang == lang]) for lang in langs]
    return [*parts, ("all", list(rows))]


def _precision_recall(rows: Sequence[Row], question: str) -> tuple[float, float, float]:
    said, true = yes_no(rows, question)
    hits = float((said & true).sum())
    return hits / max(1, said.sum()), hits / max(1, true.sum()), f1(said, true)


def pairs_right(rows: Sequence[Row]) -> float:
    """Share of the minimal pairs all of whose posts have harassment told rightly."""
    pairs: dict[str, list[bool]] = {}
    for example, said in rows:
        if example.pair:
            pairs.setdefault(example.pair, []).append(said.harassment == example.harassment)
    return share(all(right) for right in pairs.values() if len(right) > 1)


def harassment_table(rows: Sequence[Row], which: str = OWN) -> Table:
    """F1, and what the subtle posts, the hard negatives and the minimal pairs make of it."""
    lines = []
    for lang, part in by_language(rows):
        precision, recall, score = _precision_recall(part, "harassment")
        subtle = share(a.harassment for e, a in part if e.kind == "subtle")
        alarms = share(a.harassment for e, a in part if e.kind == "hard_negative")
        doubt = share("harassment" in a.uncertain for _, a in part)
        figures = (precision, recall, score, subtle, alarms, pairs_right(part), doubt)
        lines.append((lang, str(len(part)), *map(percent, figures)))
    columns = ("language", "posts", "precision", "recall", "F1", "subtle recall")
    more = ("hard-negative alarms", "pairs right", "uncertain")
    return Table(f"Harassment, {which}", (*columns, *more), tuple(lines))


def complaint_table(rows: Sequence[Row], which: str = OWN) -> Table:
    """Complaint and category: the category of a complaint counts as wrong when it is missed."""
    lines = []
    for lang, part in by_language(rows):
        precision, recall, score = _precision_recall(part, "complaint")
        kind = share(a.category == e.category for e, a in part if e.complaint)
        rest = share(a.category == e.category for e, a in part if e.complaint and not e.harassment)
        figures = (precision, recall, score, macro_f1(*yes_no(part, "complaint")), kind, rest)
        lines.append((lang, str(len(part)), *map(percent, figures)))
    columns = ("language", "posts", "precision", "recall", "F1", "macro-F1")
    return Table(
        f"Complaint and category, {which}",
        (*columns, "category right", "category right, not harassment"),
        tuple(lines),
    )


def category_table(rows: Sequence[Row]) -> Table:
    """Precision, recall and F1 of every category over complaints and non-complaints alike."""
    said = np.array([a.category or "" for _, a in rows])
    true = np.array([e.category or "" for e, _ in rows])
    lines = []
    for name in heads.CATEGORIES:
        hits = float(((said == name) & (true == name)).sum())
        precision = hits / max(1, int((said == name).sum()))
        recall = hits / max(1, int((true == name).sum()))
        figures = (precision, recall, f1(said == name, true == name))
        lines.append((name, str(int((true == name).sum())), *map(percent, figures)))
    columns = ("category", "posts", "precision", "recall", "F1")
    return Table("Each category, own test posts", columns, tuple(lines))


def sentiment_table(rows: Sequence[Row], title: str) -> Table:
    """Macro-F1 over the three classes; "mean" is the mean of the languages' figures."""
    parts = by_language(rows)
    scores = [macro_f1_of(part, heads.SENTIMENTS) for _, part in parts]
    lines = [
        (lang, str(len(part)), percent(score))
        for (lang, part), score in zip(parts, scores, strict=True)
    ]
    lines.append(("mean", str(len(rows)), percent(float(np.mean(scores[:-1])))))
    return Table(title, ("language", "texts", "macro-F1"), tuple(lines))


def calibration_table(posts: Sequence[Row], tweets: Sequence[Row]) -> Table:
    """Expected calibration error of each question's probability."""
    lines = []
    for question in ("harassment", "complaint"):
        chance = [a.scores[question] for _, a in posts]
        right = [bool(getattr(e, question)) for e, _ in posts]
        lines.append((question, str(len(posts)), percent(calibration_error(chance, right))))
    complaints = [(e, a) for e, a in posts if e.complaint and not e.harassment]
    best = [max((a.scores[f"category.{n}"], n) for n in heads.CATEGORIES) for _, a in complaints]
    right = [name == e.category for (e, _), (_, name) in zip(complaints, best, strict=True)]
    error = calibration_error([p for p, _ in best], right)
    lines.append(("category", str(len(complaints)), percent(error)))
    if tweets:
        chance = [max(a.scores[name] for name in heads.SENTIMENTS) for _, a in tweets]
        right = [a.sentiment == e.sentiment for e, a in tweets]
        lines.append(("sentiment", str(len(tweets)), percent(calibration_error(chance, right))))
    return Table("Expected calibration error", ("question", "texts", "error x 100"), tuple(lines))


def language_table(rows: Sequence[Example], title: str) -> Table:
    """Share of texts whose language is told as their source labels it."""
    lines = []
    langs = sorted({row.lang for row in rows})
    said = [identify(row.text).lang == row.lang for row in rows]
    for lang in (*langs, "all"):
        mine = [ok for ok, row in zip(said, rows, strict=True) if lang in (row.lang, "all")]
        lines.append((lang, str(len(mine)), percent(share(mine))))
    return Table(title, ("language", "texts", "right"), tuple(lines))


def call_facts_table(reader: Reader, files: Sequence[Path], part: str, which: str) -> Table:
    """F1 or share exact of every call fact, on posts that are known to complain of harassment."""
    tallies = evaluate_call_facts.measure(files, part, reader)
    langs, lines = evaluate_call_facts.figures(tallies)
    rows = tuple((fact, *map(percent, values), spans) for fact, values, spans in lines)
    counts = ("posts", *(str(tallies[lang, "numbers"].total) for lang in langs), "")
    return Table(f"Call facts, {which}", ("fact", *langs, "wrong spans"), (*rows, counts))


def other_world_row(name: str, rows: Sequence[Row]) -> tuple[str, ...]:
    """One public set: harassment on judged rows, complaint, sentiment, each where it has labels."""
    judged = [row for row in rows if row[0].harassment is not None and row[0].kind in JUDGED]
    cells = [name, str(len(rows))]
    positives = sum(bool(e.harassment) for e, _ in judged)
    cells.append(f"{positives} / {len(judged)}")
    figures = _precision_recall(judged, "harassment") if positives else (float("nan"),) * 3
    cells += map(percent, figures)
    said, true = yes_no(rows, "complaint")
    cells.append(percent(f1(said, true) if true.any() else float("nan")))
    both = true.any() and not true.all()
    cells.append(percent(macro_f1(said, true) if both else float("nan")))
    felt = [row for row in rows if row[0].sentiment is not None]
    labels = sorted({str(e.sentiment) for e, _ in felt})
    cells.append(percent(macro_f1_of(felt, labels) if felt else float("nan")))
    return tuple(cells)


def other_world_table(reader: Reader, public: Path, limit: int) -> Table:
    """Every public set that trained nothing; the first `limit` unjudged rows of each are read."""
    columns = ("set", "texts", "judged yes / all", "precision", "recall", "harassment F1")
    lines: list[tuple[str, ...]] = []
    judged: list[Row] = []
    for name in OTHER_WORLD:
        rows = dataset.public_set(public, name)
        important = [e for e in rows if e.kind in JUDGED]
        others = [e for e in rows if e.kind not in JUDGED][:limit]
        read = answers(reader, [*important, *others])
        judged += [row for row in read if row[0].kind in JUDGED]
        lines.append(other_world_row(name, read))
    lines.append(other_world_row("all judged", judged))
    return Table(
        "Another world: public sets that trained and chose nothing",
        (*columns, "complaint F1", "complaint macro-F1", "sentiment macro-F1"),
        tuple(lines),
    )


def write_cards(folder: Path, model: str, tables: dict[str, list[Table]]) -> None:
    """Put each question's tables between the marks of its card."""
    for question, mine in tables.items():
        path = folder / f"{question}.md"
        text = path.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        after = rest.split(END)[1]
        figures = "\n".join(str(table) for table in mine)
        said = f"Figures of weights `{model}`, as served (int8), F1 and shares times 100.\n"
        whole = f"{before}{BEGIN}\n{said}\n{figures}\n{END}{after}"
        path.write_text(whole, encoding="utf-8")


def measure(reader: Reader, own: Sequence[Example], public: Path | None, limit: int) -> Tables:
    """Every question's tables; those of public sets only where `public` holds them."""
    posts = answers(reader, own)
    tweets = answers(reader, dataset.public_set(public, "umsab", "val")) if public else []
    tables: Tables = {
        "harassment": [harassment_table(posts)],
        "complaint": [complaint_table(posts)],
        "category": [complaint_table(posts), category_table(posts)],
        "sentiment": [sentiment_table(posts, "Sentiment, own posts")],
    }
    felt = [row for row in tweets if row[0].sentiment is not None]
    if felt:
        tables["sentiment"].insert(
            0, sentiment_table(felt, "Sentiment, UMSAB validation (Hindi labelled by us)")
        )
    tables["language"] = [language_table(own, "Language, own posts")]
    if tweets:
        rows = [example for example, _ in tweets]
        tables["language"].append(language_table(rows, "Language, UMSAB validation"))
    errors = calibration_table(posts, felt)
    world = other_world_table(reader, public, limit) if public and limit else None
    for question in heads.QUESTIONS:
        mine = tables[question]
        mine.append(errors)
        if world and question != "category":
            mine.append(world)
    return tables


def from_another_hand(reader: Reader, folder: Path, tables: Tables) -> None:
    """Add the tables of the exams, by people who knew the rules and no other post."""
    for exam, which in EXAMS.items():
        rows = answers(reader, dataset.posts_apart(exam, folder))
        if not rows:
            continue
        tables["harassment"].append(harassment_table(rows, which))
        for question in ("complaint", "category"):
            tables[question].append(complaint_table(rows, which))
        files = sorted(folder.glob(f"{exam}_*.jsonl"))
        tables["call_facts"].append(call_facts_table(reader, files, "all", which))


def main(argv: Sequence[str] | None = None) -> None:
    """The command line; prints Markdown, every table once."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.evaluate", description=__doc__)
    parser.add_argument("--weights", type=Path, default=SHIPPED)
    parser.add_argument("--own", type=Path, default=dataset.OWN_DATA)
    parser.add_argument("--public", type=Path, help="folder of the public sets")
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    parser.add_argument(
        "--limit", type=int, default=1000, help="unjudged texts of each public set; 0: no such set"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--engine", choices=("onnx", "torch"), default="onnx")
    parser.add_argument("--cards", type=Path, help="folder of cards to write the tables into")
    given = parser.parse_args(argv)
    reader = Reader(given.weights, threads=given.threads, engine=given.engine)
    print(f"Weights {reader.model}, {given.engine}, own {given.part} part\n")
    tables = measure(reader, dataset.own_posts(given.own)[given.part], given.public, given.limit)
    files = sorted(given.own.glob("posts*.jsonl"))
    tables["call_facts"] = [call_facts_table(reader, files, given.part, OWN)]
    if given.part == "test":
        from_another_hand(reader, given.own, tables)
    for text in dict.fromkeys(str(table) for mine in tables.values() for table in mine):
        print(text)
    if given.cards:
        write_cards(given.cards, reader.model, tables)


if __name__ == "__main__":
    main()
