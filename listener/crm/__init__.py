"""CRMs and diallers, by the `type` that `config/crms.toml` gives. A new one is one file and one line
here: docs/crm.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from listener.crm import (
    asterisk,
    calllog,
    espocrm,
    hubspot,
    local,
    odoo,
    salesforce,
    suitecrm,
    vicidial,
    zendesk,
)
from listener.crm.seam import (
    Cannot,
    Capability,
    Connection,
    Crm,
    Module,
    Order,
    Receipt,
    Ticket,
)
from listener.crm.systems import Answer, Systems
from listener.settings import Settings
from listener.storage import Database

__all__ = [
    "CRMS",
    "Answer",
    "Cannot",
    "Capability",
    "Connection",
    "Crm",
    "Module",
    "Order",
    "Receipt",
    "Systems",
    "Ticket",
    "systems",
]

CRMS: Mapping[str, Module] = {
    local.NAME: local,
    odoo.NAME: odoo,
    espocrm.NAME: espocrm,
    suitecrm.NAME: suitecrm,
    hubspot.NAME: hubspot,
    salesforce.NAME: salesforce,
    zendesk.NAME: zendesk,
    vicidial.NAME: vicidial,
    asterisk.NAME: asterisk,
    calllog.NAME: calllog,
}


def systems(settings: Settings, db: Database, now: Callable[[], datetime] | None = None) -> Systems:
    """The configured systems of record."""
    return Systems(settings, db, CRMS, now) if now else Systems(settings, db, CRMS)
