"""Web addresses in one form, so that two shares of a page are seen as one. Pure.

Dropped are only parameters that name a campaign or a click, fragments, default ports and
credentials. The scheme, the order of the other parameters and a trailing slash stay: sites give
them a meaning. Mobile and AMP forms are undone only where the site is known for them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

import idna

_CAMPAIGN = re.compile(
    r"utm_.*|pk_.*|mtm_.*|matomo_.*|hsa_.*|oly_.*|mc_[ce]id|_hs(enc|mi)|__hs.*|at_(medium|campaign).*"
    r"|fbclid|gclid|gclsrc|dclid|gbraid|wbraid|gad_source|gad_campaignid|msclkid|yclid|ysclid|twclid"
    r"|ttclid|li_fat_id|igshid?|epik|rdt_cid|mkt_tok|vero_(id|conv)|wickedid|ref_(src|url)|s_kwcid"
    r"|_openstat|ml_subscriber(_hash)?|spm|guccounter|guce_referrer.*|xtor|__twitter_impression"
)
_AMP_PARAMETER = re.compile(r"amp(=(1|true)?)?|outputtype=amp", re.IGNORECASE)
_AMP_CACHE = re.compile(
    r"^(?:www\.)?google\.[a-z.]+/amp/(s/)?(.+)|^[^/]+\.cdn\.ampproject\.org/[cv]/(s/)?(.+)"
)
_SAME_HOST = {
    "m.facebook.com": "www.facebook.com",
    "mobile.facebook.com": "www.facebook.com",
    "m.youtube.com": "www.youtube.com",
    "mobile.twitter.com": "x.com",
    "m.twitter.com": "x.com",
    "www.twitter.com": "x.com",
    "twitter.com": "x.com",
    "www.x.com": "x.com",
    "mobile.x.com": "x.com",
    "old.reddit.com": "www.reddit.com",
    "new.reddit.com": "www.reddit.com",
    "np.reddit.com": "www.reddit.com",
    "m.reddit.com": "www.reddit.com",
    "amp.reddit.com": "www.reddit.com",
    "amp.theguardian.com": "www.theguardian.com",
}
_WIKI = re.compile(r"^([a-z-]+)\.m\.(wik[a-z]+\.org)$")
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\]")
_DEFAULT_PORT = {"http": 80, "https": 443}
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})|([^A-Za-z0-9\-._~!$&'()*+,;=:@/?%])|%")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def canonical_url(url: str) -> str | None:
    """The one form of a web address; None when it is none (another scheme, no valid host).

    The result is ASCII, and is its own canonical form.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme
    host = host_of(parts.netloc)
    if scheme not in _DEFAULT_PORT or not _HOST.fullmatch(host):
        return None
    path = _without_dots(_escaped(parts.path)) or "/"
    query = "&".join(part for part in _escaped(parts.query).split("&") if _is_kept(part))
    cached = _AMP_CACHE.match(f"{host}{path}")
    if cached:
        secure, rest = (cached[1], cached[2]) if cached[2] else (cached[3], cached[4])
        inner = f"{'https' if secure else 'http'}://{rest}"
        return canonical_url(f"{inner}?{query}" if query else inner)
    host = _WIKI.sub(r"\1.\2", _SAME_HOST.get(host, host))
    if port is not None and port != _DEFAULT_PORT[scheme]:
        host = f"{host}:{port}"
    return f"{scheme}://{host}{_without_amp(path)}" + (f"?{query}" if query else "")


@lru_cache(maxsize=4096)
def host_of(address: str) -> str:
    """The host of an address or host name: lower case, ASCII (punycode), without port and user;
    "" where there is none. A name that IDNA refuses stays as it is."""
    rest = address.strip()
    if "//" in rest:
        rest = rest.partition("//")[2]
    rest = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    if rest.startswith("["):
        return rest.partition("]")[0].lower() + "]"
    host = rest.partition(":")[0].rstrip(".").lower()
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except UnicodeError:
        return host


def _is_kept(parameter: str) -> bool:
    name = unquote(parameter.partition("=")[0]).lower()
    known = _CAMPAIGN.fullmatch(name) or _AMP_PARAMETER.fullmatch(parameter)
    return bool(parameter) and not known


def _escaped(part: str) -> str:
    def one(found: re.Match[str]) -> str:
        if found[1]:
            char = chr(int(found[1], 16))
            return char if char in _UNRESERVED else f"%{found[1].upper()}"
        return quote(found[0], safe="", errors="replace")

    return _ESCAPE.sub(one, part)


def _without_dots(path: str) -> str:
    """RFC 3986, 5.2.4."""
    if "." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            del kept[max(len(kept) - 1, 1) :]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/".join(kept)


def _without_amp(path: str) -> str:
    while True:
        shorter = re.sub(r"(?<=[^/])/amp/?$", "", path)
        shorter = re.sub(r"(?<=[^/.])\.amp(\.html)?$", r"\1", shorter)
        if shorter == path:
            return path
        path = shorter
