"""What administrators set up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from listener.desk.office import Office
from listener.desk.rights import administrator
from listener.storage.people import User


class SetupDesk:
    """For administrators only."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def load_sample(self, user: User) -> Mapping[str, Any]:
        administrator(user)
        from listener import sample

        return sample.load(self.office.db, self.office.settings, self.office.now())

    def remove_sample(self, user: User) -> Mapping[str, Any]:
        administrator(user)
        from listener import sample

        return sample.remove(self.office.db)
