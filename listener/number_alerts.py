"""The numbers that a batch's complaints report: stored with each mention, and worth an alert when
several people complain of one, or when one calls in the brand's name and is in no registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from classifiers.reading import Reading
from listener import (
    alerting,
    brand_numbers,
    matching,
    number_registry,
    phones,
    raising,
    reported_numbers,
)
from listener.alerting import NumberReport
from listener.domain import Alert, CallerNumber
from listener.settings import Brand, Settings
from listener.storage import number_log, registered_numbers
from listener.storage.database import insert_new
from listener.storage.pending import Pending
from listener.storage.tables import AlertRow, MentionRow, ReadingRow, ReportedNumber


@dataclass
class NumberAlerts:
    """Those of one batch, inside its transaction."""

    session: Session
    settings: Settings
    now: datetime
    _reported: set[tuple[str, str]] = field(default_factory=set)  # (brand, number), none invented

    def add(self, mention: Pending, reading: Reading, brand: Brand) -> None:
        """Keep what a mention reports of who called."""
        if not reading.facts.numbers:
            return
        # Nobody is looked for by these: they are kept out of the list of callers.
        given = matching.identifiers(
            mention.text, countries=brand.countries, registry=brand_numbers.listed(brand)
        )
        digits = reported_numbers.callers(
            mention.text, reading.facts.numbers, given, brand.countries
        )
        insert_new(
            self.session,
            ReportedNumber,
            [
                {
                    "mention_id": mention.id,
                    "digits": number,
                    "brand": brand.key,
                    "published_at": mention.published_at,
                }
                for number in sorted(digits)
            ],
        )
        if not mention.invented:
            self._reported |= {(brand.key, number) for number in digits}

    def raise_alerts(self) -> int:
        """How many: after the whole batch, because five complaints in it are one alert."""
        raised = 0
        registry = self._registered() if self._reported else []
        for key, number in sorted(self._reported):
            brand = self.settings.brand(key)
            if brand is None or brand.kind != "own":
                continue
            alert = self._unknown_number(brand, number, registry) or self._complaints(brand, number)
            if alert is not None:
                raised += raising.raise_alert(
                    self.session, alert, self.settings, owner=None, now=self.now
                )
        return raised

    def _registered(self) -> list[CallerNumber]:
        return [
            *number_registry.configured(self.settings.brands),
            *registered_numbers.imported(self.session),
        ]

    def _unknown_number(
        self, brand: Brand, number: str, registry: Sequence[CallerNumber]
    ) -> Alert | None:
        if all(phones.is_prefix(number, country) for country in brand.countries or ("",)):
            return None  # "the 900" is how many lines begin
        rules = self.settings.alerts
        reports = self._reports(brand.key, number, rules.unknown_number.window)
        newest = max((r.published_at for r in reports), default=self.now)
        said = number_registry.standing(number, newest, registry, brands=(brand.key,))
        return alerting.unknown_number(
            brand=brand.key,
            brand_name=brand.name,
            number=number,
            kind=said.kind,
            in_log=said.unknown and number in number_log.used(self.session, [number]),
            reports=reports,
            last_raised_at=self._raised(f"unknown:{brand.key}:{number}:"),
            rules=rules,
            now=self.now,
        )

    def _complaints(self, brand: Brand, number: str) -> Alert | None:
        rules = self.settings.alerts
        return alerting.number_complaints(
            brand=brand.key,
            brand_name=brand.name,
            number=number,
            reports=self._reports(brand.key, number, rules.number_complaints.window),
            last_raised_at=self._raised(f"number:{brand.key}:{number}:"),
            rules=rules,
            now=self.now,
        )

    def _raised(self, key: str) -> datetime | None:
        """When an alert whose key begins so was raised last."""
        return self.session.scalar(
            sa.select(sa.func.max(AlertRow.raised_at)).where(
                AlertRow.key.startswith(key, autoescape=True)
            )
        )

    def _reports(self, brand: str, number: str, window: timedelta) -> list[NumberReport]:
        rows = self.session.execute(
            sa.select(ReportedNumber.mention_id, MentionRow.author_id, MentionRow.published_at)
            .join(MentionRow, MentionRow.id == ReportedNumber.mention_id)
            .join(ReadingRow, ReadingRow.mention_id == ReportedNumber.mention_id)
            .where(
                ReadingRow.harassment.is_(True),  # as people see it, with their corrections
                ReportedNumber.brand == brand,
                ReportedNumber.digits == number,
                ReportedNumber.published_at > self.now - window,
                MentionRow.duplicate_kind.is_(None),  # nor a repost of what we do not have
                MentionRow.invented.is_(False),
            )
        )
        return [
            NumberReport(mention_id, str(author or f"mention {mention_id}"), published)
            for mention_id, author, published in rows
        ]
