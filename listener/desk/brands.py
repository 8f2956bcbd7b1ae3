"""Brands: their queries, tried out before they are stored, and the numbers that call in their names."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from listener import config_documents, phones, query
from listener.config_documents import Document
from listener.desk.documents import DocumentDesk
from listener.desk.office import Office
from listener.desk.rights import administrator, editor, may_edit_brand
from listener.errors import ConfigError
from listener.query import Query
from listener.query_preview import Preview, preview
from listener.settings import Brand, BrandNumber
from listener.storage import config_edits, query_sample
from listener.storage.people import User
from listener.toml_edits import Path, with_values

NAME = "brands.toml"
_DAYS = 7


class BrandDesk:
    """Administrators edit all of every brand; brand managers the query and the numbers of theirs."""

    def __init__(self, office: Office, documents: DocumentDesk) -> None:
        self.office = office
        self.documents = documents

    def editable(self, user: User) -> list[Brand]:
        return [b for b in self.office.settings.brands if may_edit_brand(user, b.key)]

    def standing(self) -> tuple[int, str]:
        """(the version of brands.toml that edits are made on, who made it)."""
        document = self._document()
        return document.version, document.edit.by if document.edit else ""

    def read_query(self, text: str, countries: Sequence[str]) -> Query:
        """Raises QueryError with the position of what cannot be read."""
        return query.parse(text.strip(), countries=tuple(countries))

    def preview(self, user: User, key: str, text: str, *, days: int = _DAYS) -> Preview:
        """What the brand's mentions of the last days would have been with another query. Mentions
        of brands that the user does not see are left out.

        Raises QueryError with the position of what cannot be read."""
        editor(user, key)
        brand = self._brand(key)
        new = self.read_query(text, brand.countries)
        old = self.read_query(brand.query, brand.countries)
        now = self.office.now()
        with self.office.db.read() as session:
            sample = query_sample.draw(
                session, key, start=now - timedelta(days=days), end=now, seen=user.brands
            )
        return preview(new, old, sample)

    # ------------------------------------------------------------------ edits

    def set_query(self, user: User, key: str, text: str, *, version: int, note: str = "") -> None:
        editor(user, key)
        self._set(user, key, {"query": text.strip()}, version, note)

    def set_numbers(
        self,
        user: User,
        key: str,
        numbers: Sequence[BrandNumber],
        *,
        version: int,
        note: str = "",
    ) -> None:
        """All numbers of a brand. Raises ConfigError for one that is none, and for two entries of
        one number whose days overlap."""
        editor(user, key)
        check_numbers(numbers, self._brand(key))
        self._set(user, key, {"numbers": [_written(n) for n in numbers]}, version, note)

    def set_details(
        self, user: User, key: str, values: Mapping[str, Any], *, version: int, note: str = ""
    ) -> None:
        """Name, kind, countries, languages, zone, own accounts."""
        administrator(user)
        self._set(user, key, values, version, note)

    def add(self, user: User, values: Mapping[str, Any], *, version: int) -> None:
        administrator(user)

        def make(text: str) -> str:
            place = len(tomllib.loads(text).get("brands", ()))
            new = {k: v for k, v in values.items() if v not in ("", None, [])}
            return with_values(text, {("brands", place): new})

        self.documents.change(user, NAME, make, version=version, note=str(values.get("key", "")))

    def remove(self, user: User, key: str, *, version: int, note: str = "") -> None:
        """No longer watched; its mentions and cases stay."""
        administrator(user)

        def make(text: str) -> str:
            return with_values(text, {("brands", _place(text, key)): None})

        self.documents.change(user, NAME, make, version=version, note=note)

    def _set(
        self, user: User, key: str, values: Mapping[str, Any], version: int, note: str
    ) -> None:
        def make(text: str) -> str:
            place = _place(text, key)
            changes: dict[Path, Any] = {
                ("brands", place, name): value for name, value in values.items()
            }
            return with_values(text, changes)

        self.documents.change(user, NAME, make, version=version, note=note)

    def _brand(self, key: str) -> Brand:
        brand = self.office.settings.brand(key)
        if brand is None:
            raise ConfigError("there is no brand {brand!r} in {file}", brand=key, file=NAME)
        return brand

    def _document(self) -> Document:
        with self.office.db.read() as session:
            edits = config_edits.in_force(session)
        return config_documents.read(self.office.settings.folder, NAME, edits)


def check_numbers(numbers: Sequence[BrandNumber], brand: Brand) -> None:
    """Raises ConfigError that names the number and the remedy."""
    country = brand.countries[0] if brand.countries else ""
    known: dict[str, list[BrandNumber]] = {}
    for number in numbers:
        plain = phones.normalise_caller(number.number, country)
        if not plain.removeprefix("+").isdigit() or len(plain) < 3:
            raise ConfigError(
                "{number!r} is no number that calls: write it as it is dialled, or with its "
                "country's prefix, as +34 911 222 333",
                number=number.number,
            )
        if number.valid_from and number.valid_to and number.valid_to < number.valid_from:
            raise ConfigError("{number}: its last day is before its first", number=number.number)
        if any(_overlap(number, other) for other in known.get(plain, ())):
            raise ConfigError(
                "{number} stands twice for the same days; give the first a last day, or take one "
                "out",
                number=number.number,
            )
        known.setdefault(plain, []).append(number)


def _overlap(one: BrandNumber, other: BrandNumber) -> bool:
    starts_after = one.valid_from and other.valid_to and one.valid_from > other.valid_to
    ends_before = one.valid_to and other.valid_from and one.valid_to < other.valid_from
    return not (starts_after or ends_before)


def _place(text: str, key: str) -> int:
    for place, brand in enumerate(tomllib.loads(text).get("brands", ())):
        if brand.get("key") == key:
            return place
    raise ConfigError("there is no brand {brand!r} in {file}", brand=key, file=NAME)


def _written(number: BrandNumber) -> dict[str, Any]:
    """As it stands in a file: what says nothing is left out."""
    values = number.model_dump(mode="python")
    values["kind"] = number.kind.value
    return {k: v for k, v in values.items() if v not in ("", None)}
