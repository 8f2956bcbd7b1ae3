"""How good the reader is: what it read and left open, what people corrected, its versions and their
training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from listener import agreement
from listener.agreement import Agreement
from listener.desk.office import Office
from listener.desk.rights import administrator, worker
from listener.errors import ListenerError, Said
from listener.reader_versions import Verdict
from listener.storage import corrections, review
from listener.storage.corrections import Read, StoredCorrection
from listener.storage.people import User
from listener.training import Progress


@dataclass(frozen=True, slots=True)
class Quality:
    """Of the posts of a period, and of the answers that people gave in it; `waiting`: how many
    doubts wait for a person, of whatever time."""

    waiting: int
    read: tuple[Read, ...]
    total: Agreement
    weeks: tuple[tuple[date, Agreement], ...]
    questions: tuple[tuple[str, str, Agreement], ...]


@dataclass(frozen=True, slots=True)
class Made:
    """A version of the reader; `verdict` is the table of before and after, where there is one."""

    name: str
    revision: str
    parent: str | None
    made_at: str
    active: bool
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Training:
    """`trouble`: why nothing can be trained or chosen here. `taught`, `measured`: how many of the
    texts that people corrected would teach and how many would measure."""

    versions: tuple[Made, ...]
    progress: Progress | None
    running: bool
    taught: int
    measured: int
    trouble: str = ""


class QualityDesk:
    """Everybody sees how good the reader is on our brands that they see; who works on cases takes corrections
    back; administrators train and choose."""

    def __init__(self, office: Office) -> None:
        self.office = office

    # ------------------------------------------------------------------ counted

    def figures(self, user: User, *, days: int, zone: ZoneInfo) -> Quality:
        """Of the last so many days, today included."""
        now = self.office.now()
        last = now.astimezone(zone).date()
        first = last - timedelta(days=days - 1)
        start = datetime(first.year, first.month, first.day, tzinfo=zone)
        brands = self.office.own_brands(user)
        with self.office.db.read() as session:
            _page, waiting = review.waiting(session, brands, limit=0)
            read = corrections.read(session, brands, start=start, end=now)
            said = corrections.listed(session, brands, since=start)
        answers = agreement.first_answers(said)
        return Quality(
            waiting,
            tuple(read),
            agreement.agreement(answers),
            tuple(agreement.by_week(answers, zone, first, last)),
            tuple(agreement.by_question(answers)),
        )

    # ------------------------------------------------------------------ corrections

    def corrections(
        self, user: User, *, limit: int = 25, offset: int = 0
    ) -> tuple[list[StoredCorrection], int]:
        """(a page of what people said, the newest first; how many there are)."""
        brands = self.office.own_brands(user)
        with self.office.db.read() as session:
            found = corrections.listed(session, brands, limit=limit, offset=offset)
            return found, corrections.count(session, brands)

    def undo(self, user: User, correction_id: int) -> None:
        """Take a correction back; the reader reads the text again at its next turn."""
        worker(user)
        with self.office.db.write() as session:
            corrections.undo(
                session,
                correction_id,
                self.office.own_brands(user),
                by=user.username,
                now=self.office.now(),
            )

    # ------------------------------------------------------------------ training

    def training(self, user: User) -> Training:
        from listener import reader_versions, training  # with the classifiers: a second

        settings = self.office.settings
        taught, measured = reader_versions.weigh(reader_versions.corrections(self.office.db))
        try:
            home = reader_versions.home_of(settings)
        except ListenerError as error:
            return Training((), None, False, taught, measured, Said.of(error))
        return Training(
            tuple(_versions(home)),
            training.progress(home),
            training.is_running(home),
            taught,
            measured,
        )

    def training_log(self, user: User) -> str:
        """What the last training printed, for administrators: it may name files and folders."""
        administrator(user)
        from listener import reader_versions, training

        return training.log(reader_versions.home_of(self.office.settings))

    def train(self, user: User) -> None:
        """Begin a training in a process of its own. Raises AlreadyTraining, NothingToLearn."""
        administrator(user)
        from listener import reader_versions, training

        home = reader_versions.home_of(self.office.settings)
        if not reader_versions.weigh(reader_versions.corrections(self.office.db))[0]:
            raise reader_versions.NothingToLearn
        training.start(self.office.settings, home, by=user.username, now=self.office.now())

    def use(self, user: User, name: str) -> None:
        """Put a version to use; the service reads with it from its next turn on."""
        administrator(user)
        from listener import reader_versions

        reader_versions.use(self.office.settings, name)

    def roll_back(self, user: User) -> str:
        """Use what the version in use was made from; gives its name."""
        administrator(user)
        from listener import reader_versions

        return reader_versions.roll_back(self.office.settings)


def _versions(home: Path) -> Sequence[Made]:
    """The newest first; the ones that ship last."""
    from classifiers import versions
    from listener import reader_versions

    return [
        Made(v.name, v.revision, v.parent, v.made_at, v.active, reader_versions.verdict(v.folder))
        for v in reversed(versions.versions(home))
    ]
