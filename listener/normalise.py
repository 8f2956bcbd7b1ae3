"""Clean-up that knows no source: text, HTML, addresses, times, what a text names. Pure.

Decisions that other modules rely on:

- Text is NFC. Controls, lone surrogates and noncharacters go; blanks are tidied, paragraphs stay.
- Zero-width joiners, direction marks (LRM, RLM, ALM) and variation selectors stay: Persian, Hindi
  and emoji are spelled with them. Bidi embeddings, overrides and isolates go, because they make a
  page show another text than the one we judge; so do zero-width spaces, soft hyphens and
  invisible tag characters (except in flags), which hide words from a search.
- Addresses and times have files of their own: addresses.py, times.py.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Any

from lxml import etree

from listener.addresses import canonical_url, host_of
from listener.times import parse_time
from listener.tokens import MARKS, fold

__all__ = [
    "canonical_url",
    "clean_text",
    "find_urls",
    "hashtags",
    "host_of",
    "html_links",
    "html_to_text",
    "mentioned_handles",
    "parse_time",
    "urls",
    "without_urls",
]

# ------------------------------------------------------------------------------------- text

_CONTROLS = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufff9-\ufffb\ufffe\uffff]",
)
_HIDDEN = re.compile("[\u00ad\u180e\u200b\u202a-\u202e\u2060-\u206f\ufeff]")
_TAGS = re.compile(
    "(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]+\U000e007f)|[\U000e0000-\U000e007f]"
)
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_BLANKS = re.compile(r"[^\S\n]+")
_LINE_EDGES = re.compile(" ?\n ?")
_EMPTY_LINES = re.compile("\n{3,}")
_MANY_MARKS = re.compile(r"[^\w\s\x00-\u02ff]{9,}")
MOST_MARKS = 8  # on one letter; no language stacks more


def clean_text(text: str) -> str:
    """`text` as it is stored and judged; the same again when cleaned twice.

    Halves of surrogate pairs are joined, single ones become U+FFFD.
    """
    text = _CONTROLS.sub("", _LINE_ENDS.sub("\n", _joined_surrogates(text)))
    if not text.isascii():
        text = _TAGS.sub(lambda found: found[1] or "", _HIDDEN.sub("", text))
        # Putting thousands of marks in order takes quadratic time; composing may add a few.
        text = _fewer_marks(unicodedata.normalize("NFC", _fewer_marks(text)))
    text = _LINE_EDGES.sub("\n", _BLANKS.sub(" ", text))
    return _EMPTY_LINES.sub("\n\n", text).strip()


def _joined_surrogates(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _fewer_marks(text: str) -> str:
    return _MANY_MARKS.sub(lambda run: "".join(_first_marks(run[0])), text)


def _first_marks(run: str) -> Iterator[str]:
    count = 0
    for char in run:
        count = count + 1 if unicodedata.combining(char) else 0
        if count <= MOST_MARKS:
            yield char


# ------------------------------------------------------------------------------------- HTML

_UNSEEN = frozenset(
    ("script", "style", "template", "noscript", "iframe", "object", "svg", "canvas", "head")
)
_PARAGRAPHS = frozenset(
    [
        "p",
        "blockquote",
        "pre",
        "ul",
        "ol",
        "dl",
        "table",
        "figure",
        "hr",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
    ],
)
_LINES = frozenset(
    [
        "div",
        "li",
        "tr",
        "dt",
        "dd",
        "section",
        "article",
        "header",
        "footer",
        "main",
        "aside",
        "nav",
        "figcaption",
        "form",
        "fieldset",
        "address",
        "details",
        "summary",
        "option",
    ],
)
_HTML_BLANKS = re.compile(r"[ \t\r\n\f]+")
_SCHEME = re.compile(r"^(?:https?://)?(?:www\.)?", re.IGNORECASE)
_NO_PAGE_LINK = frozenset(("mention", "hashtag", "tag"))


class _Unparsable(Exception):
    """libxml2 gave up in the middle: over 2,048 levels, which only hostile pages have."""


def _tree(markup: str) -> etree._Element | None:
    plain = _joined_surrogates(markup).replace("\x00", "")
    if not plain.strip():
        return None
    # Bytes with a stated encoding: a declaration inside the markup may say something else.
    parser = etree.HTMLParser(
        encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(plain.encode(), parser)
    except etree.XMLSyntaxError:
        return None  # nothing but comments
    if any(entry.level_name == "FATAL" for entry in parser.error_log):
        raise _Unparsable
    return root


def html_to_text(markup: str) -> str:
    """The text that a reader of the HTML sees, cleaned.

    Paragraphs are parted by an empty line, lines by a newline. A link is its text; where that is
    a cut-off address, the whole address. Scripts, styles and the page's head are left out.
    """
    try:
        root = _tree(markup)
    except _Unparsable:
        return clean_text(unescape(re.sub("<[^<>]*>", " ", markup)))
    return "" if root is None else clean_text(_Text().of(root))


class _Text:
    """Collects text in the order of the page; `_due` newlines come before the next text."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._due = 0
        self._pre = 0
        self._links: list[int] = []

    def of(self, root: etree._Element) -> str:
        walk: Any = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            tag = element.tag if isinstance(element.tag, str) else None
            if event == "start":
                if tag is None or tag in _UNSEEN:
                    walk.skip_subtree()
                else:
                    self._begin(tag, element)
            else:
                if tag is not None and tag not in _UNSEEN:
                    self._end(tag, element)
                if element is not root:
                    self._add(element.tail)
        return "".join(self._parts)

    def _begin(self, tag: str, element: etree._Element) -> None:
        self._break(tag)
        if tag == "br":
            self._due += 1
        elif tag == "pre":
            self._pre += 1
        elif tag == "a":
            self._links.append(len(self._parts))
        elif tag == "img" and "emoji" in (element.get("class") or ""):
            self._add(element.get("alt"))
        elif tag in ("td", "th"):
            self._add(" ")
        self._add(element.text)

    def _end(self, tag: str, element: etree._Element) -> None:
        self._break(tag)
        if tag == "pre":
            self._pre -= 1
        elif tag == "a":
            start = self._links.pop()
            shown = "".join(self._parts[start:])
            self._parts[start:] = [_whole_address(shown, element.get("href") or "")]

    def _break(self, tag: str) -> None:
        wanted = 2 if tag in _PARAGRAPHS else 1 if tag in _LINES else 0
        self._due = max(self._due, wanted)

    def _add(self, text: str | None) -> None:
        if not text:
            return
        if not self._pre:
            text = _HTML_BLANKS.sub(" ", text)
        if text.isspace() and self._due:
            return
        if self._due:
            self._parts.append("\n" * self._due)
            self._due = 0
        self._parts.append(text)


def _whole_address(shown: str, href: str) -> str:
    stem = re.sub(r"(?:…|\.\.\.)$", "", shown.strip())
    start = _SCHEME.sub("", stem)
    if "." not in start or not re.match("https?://", href, re.IGNORECASE):
        return shown
    if not _SCHEME.sub("", href).startswith(start):
        return shown
    return shown.replace(shown.strip(), href)


def html_links(markup: str) -> tuple[str, ...]:
    """The web pages that the HTML links to, in order, once each; no mentions and hashtags."""
    try:
        root = _tree(markup)
    except _Unparsable:
        return ()
    if root is None:
        return ()
    found = []
    for link in root.iter("a"):
        words = f"{link.get('class') or ''} {link.get('rel') or ''}".lower().split()
        href = (link.get("href") or "").strip()
        if re.match("https?://", href, re.IGNORECASE) and not _NO_PAGE_LINK.intersection(words):
            found.append(clean_text(href))
    return tuple(dict.fromkeys(found))


# ------------------------------------------------------------------------------------- names

_URL = re.compile(r"(?:https?://|\bwww\.)[^\s<>\"“”«»。，、！？）】]+", re.IGNORECASE)
_AFTER_URL = frozenset(".,;:!?…'’\"*_~")
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_NAME = rf"[\w\u200c{MARKS}]"
# A digit is enough: the number that calls is often given as #1004.
_HASHTAG = re.compile(rf"(?<![\w&/#＃])[#＃]({_NAME}+)")
_HANDLE = re.compile(r"(?<![\w@＠/.])[@＠](\w(?:[\w.-]*\w)?(?:@\w(?:[\w.-]*\w)?)?)")


def find_urls(text: str) -> tuple[tuple[int, int], ...]:
    """Spans (code points) of the web addresses in a text, without the punctuation after them."""
    if "://" not in text and "www." not in text.lower():
        return ()
    spans = []
    for found in _URL.finditer(text):
        end = _end_of_url(found[0])
        if end > len("www."):
            spans.append((found.start(), found.start() + end))
    return tuple(spans)


def _end_of_url(url: str) -> int:
    extra = {close: url.count(close) - url.count(opened) for close, opened in _BRACKETS.items()}
    end = len(url)
    while end:
        last = url[end - 1]
        if extra.get(last, 0) > 0:
            extra[last] -= 1
        elif last not in _AFTER_URL:
            break
        end -= 1
    return end if not re.fullmatch("(?:https?://|www\\.?)", url[:end], re.IGNORECASE) else 0


def urls(text: str) -> tuple[str, ...]:
    """The web addresses in a text as written, once each."""
    return tuple(dict.fromkeys(text[start:end] for start, end in find_urls(text)))


def hashtags(text: str) -> tuple[str, ...]:
    """The hashtags in a text as first written, without `#`, once each whatever their case."""
    return _once(found[1] for found in _HASHTAG.finditer(without_urls(text)))


def mentioned_handles(text: str) -> tuple[str, ...]:
    """`user`, `user@server` or `user.domain` of every handle in a text, without the first `@`."""
    return _once(found[1] for found in _HANDLE.finditer(without_urls(text)))


def without_urls(text: str) -> str:
    """`text` with a blank in the place of each web address."""
    kept, done = [], 0
    for start, end in find_urls(text):
        kept.append(text[done:start])
        done = end
    return " ".join((*kept, text[done:]))


def _once(names: Iterable[str]) -> tuple[str, ...]:
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(fold(name), name)
    return tuple(first.values())
