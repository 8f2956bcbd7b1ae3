"""The section [oidc] of listener.toml: signing in with the company's own accounts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from listener.domain import Role
from listener.errors import sentence
from listener.sections import Duration, Section


class Oidc(Section):
    """`roles` and `brands` say what the values of the two claims mean; a dot in a claim's name
    leads inside (`realm_access.roles`). Nobody comes in without a role. Without `brands` everybody
    sees every brand; with it, people see those of their values alone (`"*"` is all)."""

    enabled: bool = False
    issuer: str = ""
    client_id: str = ""
    client_secret_env: str = ""  # empty: a public client, held by PKCE alone
    name: str = ""  # of the company, on the button
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    role_claim: str = "groups"
    roles: Mapping[str, Role] = Field(default_factory=dict)
    brand_claim: str = "groups"
    brands: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    timeout: Duration = timedelta(seconds=10)

    @model_validator(mode="after")
    def _whole(self) -> Oidc:
        if not self.enabled:
            return self
        if not self.client_id:
            raise ValueError(sentence("client_id is missing: register Listener with the provider"))
        if "openid" not in self.scopes:
            raise ValueError(sentence('scopes lacks "openid", without which there is no sign-in'))
        if not self.roles:
            raise ValueError(
                sentence(
                    "roles is empty, so nobody could come in: write "
                    '[oidc.roles] "a group" = "administrator"'
                )
            )
        parts = urlsplit(self.issuer)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
            raise ValueError(
                sentence("issuer must begin with https:// (http:// on this machine alone)")
            )
        return self


def is_loopback(host: str | None) -> bool:
    """Whether a host's name leads to this machine alone."""
    name = (host or "").strip("[]").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
