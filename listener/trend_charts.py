"""The charts of the trends page and of the weekly report, from counts: each with its title, how it was
counted, its figures as a table, and the mentions behind each mark. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from babel.dates import get_day_names

from listener import chart_files, charts, charts_trends, comparison, spikes
from listener.chart_files import Drawn
from listener.charts import Split
from listener.charts_trends import Bar, Dot, Legend
from listener.comparison import Line, Share
from listener.selection import NONE, Selection
from listener.speech import Speech
from listener.spikes import Spot
from listener.storage.mention_search import Figures
from listener.storage.trends import Tally

_TOP = 20  # lines of a comparison
_PLURAL = {
    "brand": "brands",
    "source": "sources",
    "lang": "langs",
    "country": "countries",
    "category": "categories",
    "sentiment": "sentiments",
}

MEASURES = ("negative", "complaints", "harassment")
"""The shares of Figures."""


def attribute(tally: Tally, kind: str) -> str:
    """A tally's value, NONE where it has none."""
    return str(getattr(tally, kind) or NONE)


def narrow(selection: Selection, kind: str, key: str) -> Selection:
    """Only what has this value of one attribute."""
    return replace(selection, **{_PLURAL[kind]: (key,)})  # type: ignore[arg-type]


def measured(selection: Selection, measure: str) -> Selection:
    """Only what a measure counts."""
    match measure:
        case "negative":
            return replace(selection, sentiments=("negative",))
        case "complaints":
            return replace(selection, complaint=True)
        case "harassment":
            return replace(selection, harassment=True)
    return selection


def words(speech: Speech) -> charts.Words:
    _ = speech.gettext
    return charts.Words(
        speech.language,
        _("Day"),
        _("Mentions"),
        _("nothing was collected"),
        speech.label,
        _("unusual volume"),
    )


def legend(speech: Speech, value: str) -> Legend:
    _ = speech.gettext
    return Legend(_("this period"), _("the period before"), _("few posts"), value)


def said(share: Share | None, speech: Speech) -> str:
    """ "12 % (10 % - 14 %; 30 of 250)"."""
    if share is None or not share.of:
        return "-"
    return speech.gettext(
        "{share} ({low} to {high}; {count} of {total})",
        share=speech.percent(share.value),
        low=speech.percent(share.low),
        high=speech.percent(share.high),
        count=speech.number(share.count),
        total=speech.number(share.of),
    )


def copies(speech: Speech) -> str:
    return speech.gettext(
        "Copies and reposts are not counted, a post about two brands counts for each; days are those of {zone}.",
        zone=speech.time_zone,
    )


# ---------------------------------------------------------------------------- over time


def daily(tallies: Iterable[Tally]) -> Counter[date]:
    found: Counter[date] = Counter()
    for tally in tallies:
        found[tally.day] += tally.count
    return found


def over_time(
    now: Sequence[Tally],
    gaps: frozenset[date],
    selection: Selection,
    speech: Speech,
    *,
    split: Split = "none",
    spots: Sequence[Spot] = (),
) -> tuple[Drawn, ...]:
    """Volume, sentiment, complaints and harassment by day."""
    _ = speech.gettext
    by_split = "" if split == "none" else split
    feelings = {speech.label("sentiment", s): c for s, c in charts.SENTIMENT.items()}
    unusual = _unusual(spots, speech)
    return (
        _by_day("volume", _("Volume"), _("Posts by the day they were published."), now, gaps,
                selection, speech, by_split, spots=spots, notes=unusual),
        _by_day("sentiment", _("Sentiment"),
                _("Posts by what the author feels, as read or corrected."), now, gaps, selection,
                speech, "sentiment", colours=feelings),
        _by_day("complaints", _("Complaints"), _("Posts that complain of the brand."), now, gaps,
                measured(selection, "complaints"), speech, by_split),
        _by_day("harassment", _("Harassment"),
                _("Posts that complain of repeated or intrusive contact."), now, gaps,
                measured(selection, "harassment"), speech, by_split),
    )  # fmt: skip


def _unusual(spots: Sequence[Spot], speech: Speech) -> tuple[str, ...]:
    _ = speech.gettext
    if not spots:
        return ()
    lines = [
        (
            _("{day}: {count} posts, where about {expected} were expected: unusually many.",
              day=speech.day(s.day), count=speech.number(s.count), expected=speech.number(round(s.expected)))
            if s.more
            else _("{day}: {count} posts, where about {expected} were expected: unusually few.",
                   day=speech.day(s.day), count=speech.number(s.count), expected=speech.number(round(s.expected)))
        )
        for s in sorted(spots, key=lambda s: -s.score)[:5]
    ]  # fmt: skip
    how = _(
        "Triangles mark days whose volume the eight weeks before would let expect less than once in a thousand days, by the weekday."
    )
    return (*lines, how)


def _by_day(
    key: str,
    title: str,
    how: str,
    now: Sequence[Tally],
    gaps: frozenset[date],
    selection: Selection,
    speech: Speech,
    kind: str,
    *,
    colours: Mapping[str, str] | None = None,
    spots: Sequence[Spot] = (),
    notes: tuple[str, ...] = (),
) -> Drawn:
    """`kind` is the attribute that gives the series; none where it is empty."""
    _ = speech.gettext
    first, last = selection.first, selection.last
    every = _("all")
    keys = {speech.named(kind, k): k for k in {attribute(t, kind) for t in now}} if kind else {}

    def series(tally: Tally) -> str:
        return speech.named(kind, attribute(tally, kind)) if kind else every

    def link(day: date, name: str) -> str:
        found = replace(selection, first=day, last=day)
        return (narrow(found, kind, keys[name]) if kind else found).to_query()

    rows = charts.by_day(now, first, last, gaps, series=series, keep=selection.fits)
    if not any(count for *_rest, count in rows):
        rows = []
    chart = charts.stacked(
        rows, first, last, gaps, words(speech), colours=colours, spots=spots, link=link
    )
    return Drawn(
        key,
        title,
        f"{how} {copies(speech)}",
        chart_files.spec(chart, title),
        (_("Day"), _("Series"), _("Mentions")),
        tuple((day.isoformat(), name, count) for day, name, count in rows if count),
        tuple(link(day, name) for day, name, count in rows if count),
        notes,
    )


def rate(
    now: Sequence[Tally],
    measure: str,
    gaps: frozenset[date],
    selection: Selection,
    speech: Speech,
) -> Drawn:
    """The share of one measure by day."""
    _ = speech.gettext
    sums = comparison.summed((t for t in now if selection.fits(t)), lambda t: t.day.isoformat())
    shares = {
        date.fromisoformat(d): comparison.share(getattr(f, measure), f.mentions)
        for d, f in sorted(sums.items())
        if f.mentions
    }
    counted = measured(selection, measure)
    links = {d: replace(counted, first=d, last=d).to_query() for d in shares}
    name = speech.label("measure", measure)
    chart = charts_trends.line(
        list(shares.items()),
        selection.first,
        selection.last,
        gaps,
        words(speech),
        legend(speech, name),
        {d: said(s, speech) for d, s in shares.items()},
        links,
    )
    how = _(
        "The share of all posts of the day, with its 95 % interval (Wilson); pale: of fewer than {count} posts.",
        count=comparison.FEW,
    )
    return Drawn(
        f"rate-{measure}",
        _("{measure}, as a share", measure=name),
        f"{how} {copies(speech)}",
        chart_files.spec(chart, name),
        (_("Day"), name, _("Share"), _("at least (95 %)"), _("at most (95 %)"), _("Mentions")),
        tuple(_share_cells(d.isoformat(), s) for d, s in shares.items()),
        tuple(links.values()),
    )


def _share_cells(name: str, share: Share) -> tuple[object, ...]:
    return (
        name,
        share.count,
        round(share.value, 4),
        round(share.low, 4),
        round(share.high, 4),
        share.of,
    )


# ---------------------------------------------------------------------------- compared


def volumes(lines: Sequence[Line], kind: str, selection: Selection, speech: Speech) -> Drawn:
    """How much is said by one attribute, now and before."""
    _ = speech.gettext
    shown = lines[:_TOP]
    rows = [
        Bar(
            speech.named(kind, x.key),
            x.now.mentions,
            x.before.mentions,
            narrow(selection, kind, x.key).to_query(),
        )
        for x in shown
    ]
    what = speech.label("split", kind)
    return _counted(
        f"volume-{kind}",
        _("Volume by {what}", what=what),
        f"{_rings(speech)} {_where(kind, speech)} {copies(speech)}",
        rows,
        speech,
        what,
    )


def rates(
    lines: Sequence[Line], kind: str, measure: str, selection: Selection, speech: Speech
) -> Drawn:
    """The share of one measure by one attribute, now and before."""
    _ = speech.gettext
    counted = measured(selection, measure)
    name, what = speech.label("measure", measure), speech.label("split", kind)
    found = [
        (
            speech.named(kind, x.key),
            comparison.share(getattr(x.now, measure), x.now.mentions),
            comparison.share(getattr(x.before, measure), x.before.mentions),
            narrow(counted, kind, x.key).to_query(),
        )
        for x in lines[:_TOP]
    ]
    how = _(
        "The share of the posts of each line, with its 95 % interval (Wilson); pale: of fewer than {count} posts. The ring is the period before.",
        count=comparison.FEW,
    )
    title = _("{measure} by {what}", measure=name, what=what)
    return _shares(
        f"{measure}-{kind}",
        title,
        f"{how} {_where(kind, speech)} {copies(speech)}",
        found,
        name,
        speech,
        what,
    )


def voice(lines: Sequence[Line], selection: Selection, speech: Speech) -> Drawn:
    """Each brand's part of all that is said of the brands watched."""
    _ = speech.gettext
    now, before = sum(x.now.mentions for x in lines), sum(x.before.mentions for x in lines)
    found = [
        (
            speech.named("brand", x.key),
            comparison.share(x.now.mentions, now),
            comparison.share(x.before.mentions, before),
            narrow(selection, "brand", x.key).to_query(),
        )
        for x in lines[:_TOP]
    ]
    how = _(
        "Each brand's share of all posts about the brands watched, with its 95 % interval (Wilson). The ring is the period before. It compares what was collected: a source that is asked for one brand only counts for that one alone."
    )
    title = _("Share of voice")
    return _shares(
        "voice",
        title,
        f"{how} {copies(speech)}",
        found,
        title,
        speech,
        speech.label("split", "brand"),
    )


def _shares(
    key: str,
    title: str,
    how: str,
    found: Sequence[tuple[str, Share, Share, str]],
    value: str,
    speech: Speech,
    what: str,
) -> Drawn:
    _ = speech.gettext
    rows = [
        Dot(
            name,
            now if now.of else None,
            before if before.of else None,
            said(now, speech),
            said(before, speech),
            link,
        )
        for name, now, before, link in found
    ]
    chart = charts_trends.dots(rows, legend(speech, value))
    return Drawn(
        key,
        title,
        how,
        chart_files.spec(chart, title),
        (
            what,
            _("Posts"),
            _("Share"),
            _("at least (95 %)"),
            _("at most (95 %)"),
            _("Of"),
            _("Before"),
            _("Change"),
        ),
        tuple(
            (
                *_share_cells(name, now),
                round(before.value, 4) if before.of else "",
                speech.label("change", comparison.shares_changed(now, before).value),
            )
            for name, now, before, _link in found
        ),
        tuple(link for *_rest, link in found),
    )


def numbers(
    now: Mapping[tuple[str, str], int],
    before: Mapping[tuple[str, str], int],
    selection: Selection,
    speech: Speech,
) -> Drawn:
    """Complaints of harassment by the number that they name."""
    _ = speech.gettext
    several = len({brand for _number, brand in [*now, *before]}) > 1
    counted = measured(selection, "harassment")
    rows = [
        Bar(
            f"{number} ({speech.named('brand', brand)})" if several else number,
            now.get((number, brand), 0),
            before.get((number, brand), 0),
            replace(counted, number=number, brands=(brand,)).to_query(),
        )
        for number, brand in _most(now, before)
    ]
    how = _(
        "Posts that complain of harassment and name the number as the caller's; one that names two counts for each."
    )
    what = speech.label("split", "number")
    return _counted(
        "numbers",
        _("Harassment by number reported"),
        f"{how} {_rings(speech)} {copies(speech)}",
        rows,
        speech,
        what,
    )


def campaigns(
    now: Mapping[str, Sequence[int]],
    before: Mapping[str, Sequence[int]],
    selection: Selection,
    speech: Speech,
    *,
    linked: bool,
    notes: tuple[str, ...] = (),
) -> Drawn:
    """Cases of harassment by the campaigns that contacted their authors before."""
    _ = speech.gettext
    counted = {k: len(v) for k, v in now.items()}
    earlier = {k: len(v) for k, v in before.items()}
    rows = [
        Bar(
            name or _("(no campaign)"),
            counted.get(name, 0),
            earlier.get(name, 0),
            replace(selection, campaign=name).to_query() if linked else "",
        )
        for name in _most(counted, earlier)
    ]
    how = _(
        "Cases of harassment of customers who are known, by the campaigns that contacted them in the 30 days before; one that followed two campaigns counts for each. The other filters do not apply."
    )
    what = speech.label("split", "campaign")
    return _counted(
        "campaigns",
        _("Harassment by campaign"),
        f"{how} {_rings(speech)}",
        rows,
        speech,
        what,
        notes,
    )


def _most(now: Mapping[Any, int], before: Mapping[Any, int]) -> list[Any]:
    found = sorted(now.keys() | before.keys(), key=lambda k: (-now.get(k, 0), -before.get(k, 0), k))
    return found[:_TOP]


def _counted(
    key: str,
    title: str,
    how: str,
    rows: Sequence[Bar],
    speech: Speech,
    what: str,
    notes: tuple[str, ...] = (),
) -> Drawn:
    _ = speech.gettext
    chart = charts_trends.bars(rows, legend(speech, _("Posts")))
    return Drawn(
        key,
        title,
        how,
        chart_files.spec(chart, title),
        (what, _("Posts"), _("Before")),
        tuple((r.name, r.now, r.before) for r in rows),
        tuple(r.link for r in rows),
        notes,
    )


def _rings(speech: Speech) -> str:
    return speech.gettext("The bar is this period, the ring the equally long period before.")


def _where(kind: str, speech: Speech) -> str:
    if kind != "country":
        return ""
    return speech.gettext(
        "The country is that of the author's customer record, for those who may see it, where one is confirmed; else the brand's, where it has only one. Of the others nobody knows it."
    )


# ---------------------------------------------------------------------------- the week


def hours(
    found: Mapping[tuple[int, int], Figures],
    measure: str,
    selection: Selection,
    speech: Speech,
) -> Drawn:
    """The hours of the week in the reader's zone, darker is more."""
    _ = speech.gettext
    counted = measured(selection, measure)
    names = get_day_names("abbreviated", locale=speech.language)
    weekdays = [str(names[n]) for n in range(7)]
    counts = {slot: getattr(figures, measure) for slot, figures in found.items()}
    links = {
        (weekday, hour): replace(counted, weekday=weekday, hour=hour).to_query()
        for weekday in range(7)
        for hour in range(24)
    }
    chart = charts_trends.heat(counts, weekdays, links, words(speech))
    slots = [slot for slot in links if counts.get(slot)]
    title = _("{measure} by hour of the week", measure=speech.label("measure", measure))
    how = _(
        "When people wrote, which is not when the phone rang; hours are those of {zone}. Days on which nothing was collected leave their hours lighter than they were.",
        zone=speech.time_zone,
    )
    return Drawn(
        f"hours-{measure}",
        title,
        f"{how} {copies(speech)}",
        chart_files.spec(chart, title),
        (_("Weekday"), _("Hour"), _("Posts")),
        tuple((weekdays[d], h, counts[d, h]) for d, h in slots),
        tuple(links[slot] for slot in slots),
    )


def unusual_days(
    tallies: Iterable[Tally],
    selection: Selection,
    gaps: frozenset[date],
    fits: Callable[[Tally], bool],
) -> list[Spot]:
    """`tallies` are those of the weeks before, too; `fits` says which count, whatever their day."""
    counts = daily(t for t in tallies if fits(t))
    return spikes.unusual(counts, selection.first, selection.last, gaps)
