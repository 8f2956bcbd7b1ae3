"""CRMs and diallers, by the name that `[matching] crms` in listener.toml gives. A new one is one
file and one line here: docs/crm.md."""

from __future__ import annotations

from collections.abc import Mapping

from listener.crm import local
from listener.crm.seam import Capability, Crm, Open

__all__ = ["CRMS", "Capability", "Crm", "Open"]

CRMS: Mapping[str, Open] = {
    local.NAME: local.LocalCrm.open,
}
