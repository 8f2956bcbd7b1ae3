"""Digits of a text that stand so close that they may be one number, and how they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .number_context import SEP, counts_something
from .reading import Span

# A full stop and a blank end a sentence: "600 417 209. 3 llamadas".
_RUN = re.compile(rf"\+?\(?\+?[0-9](?:(?:{SEP}{{0,3}}|\.)[0-9])*")
_GROUP = re.compile(r"[0-9]+")
_MAX_GROUPS = 24  # more than that is a table of figures
_WORD = re.compile(r"\S+")
_SCHEME = re.compile(r"https?://|www\.")
_MAIL = re.compile(r"(?<=\w)@(?=[^\s.@]{1,255}\.\w)")
_SITE = re.compile(r"(?<=\w)\.(?:com|es|org|net|br|fr|it|de)/")


@dataclass(frozen=True, slots=True)
class Run:
    """Groups of digits of a folded text that stand so close that they may be one number."""

    groups: tuple[Span, ...]

    def digits(self, folded: str, i: int, j: int) -> str:
        return "".join(folded[a:b] for a, b in self.groups[i:j])

    def gap(self, folded: str, i: int) -> str:
        """What stands between group i-1 and group i."""
        return folded[self.groups[i - 1][1] : self.groups[i][0]]


def runs_of_digits(folded: str) -> Iterator[Run]:
    """Runs of digit groups outside links, e-mail addresses, words, decimals and clock times."""
    if not _GROUP.search(folded):
        return
    links = list(_links(folded)) if "/" in folded or "@" in folded else []
    for match in _RUN.finditer(folded):
        start, end = match.span()
        while links and links[0][1] <= start:
            links.pop(0)
        if links and links[0][0] <= start:
            continue
        groups = [m.span() for m in _GROUP.finditer(folded, start, end)]
        if groups and _sticks_before(folded, groups[0][0]):
            groups = groups[1:] if len(groups) < 5 else []  # "ES91 2100 0418 ...": an IBAN
        if groups and _sticks_after(folded, groups[-1][1]):
            groups = groups[:-1]
        if len(groups) > 2 and folded[groups[-2][0] : groups[-1][1]] == "24/7":
            groups = groups[:-2]
        if len(groups) > 1 and _is_count(folded, groups):
            groups = groups[:-1]
        if groups and len(groups) <= _MAX_GROUPS:
            yield Run(tuple(groups))


def _links(folded: str) -> Iterator[Span]:
    """Web and e-mail addresses from left to right, but for those that are a telephone number.

    Word by word: a pattern that may begin anywhere takes the square of a long word's length.
    """
    for match in _WORD.finditer(folded):
        word = match.group()
        found = _SCHEME.search(word) or _MAIL.search(word) or _SITE.search(word)
        if found is None or "wa.me/" in word:
            continue
        start = found.start() if _SCHEME.search(word) else 0
        yield match.start() + start, match.end()


def _is_count(folded: str, groups: list[Span]) -> bool:
    """The last of several groups counts something of its own: "el 1004 3 veces"."""
    (_, before), (start, end) = groups[-2:]
    blank = folded[before:start] == " "
    return (
        blank and end - start <= 3 and folded[start] != "0" and counts_something(folded, start, end)
    )


def _sticks_before(folded: str, start: int) -> bool:
    before = folded[max(0, start - 2) : start]
    if not before:
        return False
    last = before[-1]
    if last.isalnum() or last in "_@=&":
        return True
    return last in ":,'" and before[:-1].isdigit()


def _sticks_after(folded: str, end: int) -> bool:
    after = folded[end : end + 2]
    if not after:
        return False
    if after[0].isalpha() or after[0] in "_@=":
        return True
    return after[0] in ":,'" and after[1:].isdigit()


def start_of(folded: str, start: int) -> int:
    """Takes in an opening bracket and a plus sign before the first digit."""
    while start > 0 and folded[start - 1] in "+(":
        start -= 1
    return start


def number_span(folded: str, start: int, end: int) -> Span:
    """From the plus sign or bracket to the last digit; a bracket without its other half is out."""
    begin = start_of(folded, start)
    while begin < start and folded[begin:end].count("(") > folded[begin:end].count(")"):
        begin += 1
    while folded[begin] not in "+(" and not folded[begin].isdigit():
        begin += 1
    while end < len(folded) and folded[end] in "\ufe0f\u20e3":
        end += 1
    return begin, end


def short_shape(folded: str, run: Run, i: int, j: int) -> str:
    """How a short code is written: "plain", "spaced", "dashed", "dotted", or "" for no way."""
    if j - i == 1:
        return "plain"
    gaps = {run.gap(folded, k).strip("\ufe0f\u20e3") or "" for k in range(i + 1, j)}
    if len(gaps) != 1:
        return ""
    gap = gaps.pop()
    single = all(b - a == 1 for a, b in run.groups[i:j])
    if gap in ("", " "):
        return "spaced"
    if gap in ("-", " - "):
        return "dashed"
    if gap == ".":
        return "dotted" if single or j - i > 2 else "dot"
    return ""


def _listed(folded: str, run: Run, k: int) -> bool:
    """Groups k-1 and k are two numbers side by side: "1004/1002", "1004 911234567"."""
    left, right = (b - a for a, b in run.groups[k - 1 : k + 1])
    gap = run.gap(folded, k).strip()
    return (gap == "/" and left == right >= 3) or (gap == "" and max(left, right) >= 7)


def alone(folded: str, run: Run, i: int, j: int) -> bool:
    """False when neighbouring digits belong to the same number ("1004-22", "10 04 22")."""
    contiguous = j - i == 1
    for k, inner in ((i, False), (j, True)):
        if k == 0 or k == len(run.groups):
            continue
        if contiguous and _listed(folded, run, k):
            continue
        if run.gap(folded, k) != " " or not contiguous:
            return False
        # "el 1004 2 o 3 veces": a small figure that a word follows is a sentence going on
        start, end = run.groups[k]
        small = inner and end - start <= 2 and folded[start] != "0" and k + 1 == len(run.groups)
        if not (small and re.match(r" [^\W\d_]", folded[end : end + 2])):
            return False
    return True


def complete(folded: str, run: Run, i: int, j: int) -> bool:
    """False when more digits of the same number stand before or after."""
    for k, after in ((i, False), (j, True)):
        if k == 0 or k == len(run.groups):
            continue
        gap = run.gap(folded, k).strip()
        if gap == "/":
            continue
        if gap:
            return False
        outside = run.groups[k:] if after else run.groups[:k]
        size = sum(b - a for a, b in outside)
        if size < 7 and not (after and len(outside) == 1 and counts_something(folded, *outside[0])):
            return False
    return True
