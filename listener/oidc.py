"""OpenID Connect, as one relying party needs it: discovery, the authorization code with PKCE, and
the ID token (https://openid.net/specs/openid-connect-core-1_0.html, section 3.1).

Every request goes through `HttpClient`; signatures are checked by joserfc. Nothing here knows who
may come in: that is `company_accounts.py`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError
from joserfc.jwk import KeySet

from listener.errors import HttpError, HttpStatus, ProviderError
from listener.httpclient import HttpClient
from listener.oidc_settings import Oidc, is_loopback
from listener.settings import Settings, secret

Claims = Mapping[str, Any]

_SIGNED = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
)
_KEPT = timedelta(hours=1)  # what the provider says of itself
_RENEWED = timedelta(minutes=1)  # its keys, at most so often, when a token names an unknown one
_LEEWAY_S = 120  # between the clocks of two machines
_MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Begun:
    """What is remembered of a sign-in that was begun, until the browser comes back."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class _Metadata:
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    end_session_endpoint: str
    algorithms: tuple[str, ...]
    secret_in_form: bool
    until: datetime


def begun() -> Begun:
    return Begun(*(secrets.token_urlsafe(32) for _ in range(3)))


class Provider:
    """One company's provider. Thread safe; `now` is passed in by tests.

    Every method may raise ProviderError, whose `key` is the sentence for people and whose text is
    for the log."""

    def __init__(
        self, config: Oidc, http: HttpClient, *, redirect_uri: str, now: Callable[[], datetime]
    ) -> None:
        self.config = config
        self.redirect_uri = redirect_uri
        self._http = http
        self._now = now
        self._lock = threading.Lock()
        self._metadata: _Metadata | None = None
        self._keys: tuple[KeySet, datetime] | None = None

    def address(self, attempt: Begun) -> str:
        """Where the browser is sent to sign in."""
        challenge = hashlib.sha256(attempt.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.config.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(self.config.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        return _with_query(self._known().authorization_endpoint, query)

    def leaving(self, back: str) -> str | None:
        """Where the browser may end its session with the provider, too; None where it cannot."""
        end = self._known().end_session_endpoint
        if not end:
            return None
        return _with_query(
            end, {"client_id": self.config.client_id, "post_logout_redirect_uri": back}
        )

    def claims(self, answer: Mapping[str, str], attempt: Begun) -> Claims:
        """Who signed in, by what the browser brought back (the parameters of its address)."""
        if not hmac.compare_digest(answer.get("state", ""), attempt.state):
            raise ProviderError("the state is another sign-in's", key="sign_in.stale")
        if answer.get("iss", self.config.issuer) != self.config.issuer:
            raise ProviderError(f"answered by {answer['iss'][:200]!r}", key="sign_in.foreign")
        if said := answer.get("error", ""):
            key = "sign_in.denied" if said == "access_denied" else "sign_in.broken"
            more = answer.get("error_description", "")
            raise ProviderError(f"the provider said {said[:100]!r}: {more[:300]!r}", key=key)
        if not answer.get("code"):
            raise ProviderError("the answer has neither code nor error", key="sign_in.broken")
        tokens = self._exchange(answer["code"], attempt)
        found = self._verified(str(tokens.get("id_token", "")), attempt.nonce)
        return self._completed(found, str(tokens.get("access_token", "")))

    # ------------------------------------------------------------------ what it says of itself

    def _known(self) -> _Metadata:
        with self._lock:
            if self._metadata is None or self._now() >= self._metadata.until:
                self._metadata = self._discovered()
            return self._metadata

    def _discovered(self) -> _Metadata:
        issuer = self.config.issuer
        said = self._json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if said.get("issuer") != issuer:
            raise ProviderError(
                f"{issuer} calls itself {str(said.get('issuer'))[:200]!r}: write [oidc] issuer so",
                key="sign_in.config",
            )
        needed = {
            name: _sound(str(said.get(name, "")), name)
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
        }
        optional = {
            name: _sound(str(said[name]), name) if said.get(name) else ""
            for name in ("userinfo_endpoint", "end_session_endpoint")
        }
        methods = said.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        offered = said.get("id_token_signing_alg_values_supported") or ["RS256"]
        return _Metadata(
            **needed,
            **optional,
            algorithms=tuple(a for a in offered if a in _SIGNED),
            secret_in_form="client_secret_basic" not in methods,
            until=self._now() + _KEPT,
        )

    def _keys_of(self, uri: str, *, anew: bool) -> KeySet:
        with self._lock:
            now = self._now()
            if self._keys is not None:
                keys, since = self._keys
                if now - since < (_RENEWED if anew else _KEPT):
                    return keys
            listed = self._json(uri).get("keys")
            usable = [k for k in listed or () if isinstance(k, dict) and k.get("use") != "enc"]
            known = [k for k in usable if k.get("kty") in ("RSA", "EC", "OKP")]
            try:
                keys = KeySet.import_key_set({"keys": known})
            except (JoseError, ValueError, TypeError, KeyError) as error:
                raise ProviderError(f"unusable keys at {uri}", key="sign_in.broken") from error
            self._keys = (keys, now)
            return keys

    # ------------------------------------------------------------------ tokens

    def _exchange(self, code: str, attempt: Begun) -> dict[str, Any]:
        known = self._known()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": attempt.verifier,
        }
        headers = {"Accept": "application/json"}
        if not self.config.client_secret_env:
            form["client_id"] = self.config.client_id
        elif known.secret_in_form:
            form |= {"client_id": self.config.client_id, "client_secret": self._secret()}
        else:
            pair = f"{quote(self.config.client_id, safe='')}:{quote(self._secret(), safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        try:
            answer = self._http.change(
                "POST", known.token_endpoint, form=form, headers=headers, max_bytes=_MOST_BYTES
            )
        except HttpStatus as error:
            if error.retry:
                raise ProviderError(str(error), key="sign_in.down", retry=True) from error
            # A code is good once and briefly; whatever else it refuses is about who we are.
            key = "sign_in.stale" if "invalid_grant" in str(error) else "sign_in.config"
            raise ProviderError(str(error), key=key) from error
        except HttpError as error:
            raise _down(error) from error
        return _object(answer.body, known.token_endpoint)

    def _secret(self) -> str:
        return secret(self.config.client_secret_env, "[oidc]")

    def _verified(self, token: str, nonce: str) -> dict[str, Any]:
        """The claims of an ID token that this provider signed, for us, for this sign-in, now."""
        known = self._known()
        for anew in (False, True):
            keys = self._keys_of(known.jwks_uri, anew=anew)
            try:
                found = jwt.decode(token, keys, algorithms=list(known.algorithms))
                break
            except (JoseError, ValueError) as error:
                if anew:
                    raise ProviderError(
                        f"the ID token is not signed by {self.config.issuer}: "
                        f"{type(error).__name__}",
                        key="sign_in.foreign",
                    ) from error
        rules = jwt.JWTClaimsRegistry(
            now=int(self._now().timestamp()),
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self.config.issuer},
            aud={"essential": True, "value": self.config.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        claims = dict(found.claims)
        try:
            rules.validate(claims)
        except ExpiredTokenError as error:
            raise ProviderError(
                "the ID token is older than it may be: compare the clocks of both machines",
                key="sign_in.stale",
            ) from error
        except ClaimError as error:
            raise ProviderError(f"the ID token: {error}", key="sign_in.foreign") from error
        audience = claims["aud"]
        party = claims.get("azp")
        several = isinstance(audience, list) and len(audience) > 1
        if (several or party is not None) and party != self.config.client_id:
            raise ProviderError("the ID token is for another party", key="sign_in.foreign")
        subject = claims["sub"]
        sound = isinstance(subject, str) and subject.isascii() and subject.isprintable()
        if not sound or not 0 < len(subject) <= 255:
            raise ProviderError("the ID token names nobody", key="sign_in.broken")
        return claims

    def _completed(self, claims: dict[str, Any], access: str) -> Claims:
        """With what the provider tells at its userinfo endpoint alone."""
        wanted = {"name", "email", _first(self.config.role_claim), _first(self.config.brand_claim)}
        endpoint = self._known().userinfo_endpoint
        if not endpoint or not access or wanted <= claims.keys():
            return claims
        more = self._json(endpoint, access)
        if more.get("sub") != claims["sub"]:
            raise ProviderError("userinfo tells of somebody else", key="sign_in.foreign")
        return {**more, **claims}

    def _json(self, url: str, access: str | None = None) -> dict[str, Any]:
        try:
            answer = self._http.get(
                url,
                headers={"Accept": "application/json"},
                auth_bearer=access,
                max_bytes=_MOST_BYTES,
            )
        except HttpError as error:
            raise _down(error) from error
        return _object(answer.body, url)


def provider(settings: Settings, now: Callable[[], datetime]) -> Provider | None:
    """The provider of [oidc]; None where it is switched off. It may stand in the company's own
    network, and nobody waits a second between its pages."""
    config = settings.listener.oidc
    if not config.enabled:
        return None
    http = settings.listener.http.model_copy(
        update={
            "allow_private_addresses": True,
            "timeout": config.timeout,
            "per_host_interval": timedelta(0),
        }
    )
    base = settings.listener.service.public_url.rstrip("/")
    return Provider(config, HttpClient(http), redirect_uri=f"{base}{CALLBACK}", now=now)


CALLBACK = "/auth/oidc/callback"


def _first(claim: str) -> str:
    return claim.partition(".")[0]


def _down(error: HttpError) -> ProviderError:
    if isinstance(error, HttpStatus) and not error.retry:
        return ProviderError(str(error), key="sign_in.config")
    return ProviderError(str(error), key="sign_in.down", retry=True)


def _object(body: bytes, url: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProviderError(f"{url} answered no JSON", key="sign_in.broken") from error
    if not isinstance(found, dict):
        raise ProviderError(f"{url} answered no JSON object", key="sign_in.broken")
    return found


def _sound(url: str, name: str) -> str:
    """An address in clear would show the code and the tokens to the network."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    clear = parts.scheme == "http" and is_loopback(parts.hostname)
    if not parts.hostname or not (parts.scheme == "https" or clear):
        raise ProviderError(f"its {name} is no https address: {url[:200]!r}", key="sign_in.config")
    return url


def _with_query(url: str, query: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"
