"""Others who say this: from a case, or from a sentence that somebody types."""

from __future__ import annotations

from dataclasses import dataclass

from listener import likeness, reader
from listener.desk.office import Office
from listener.errors import StorageError
from listener.likeness import Likeness, Vector
from listener.storage import vectors
from listener.storage.people import User
from listener.storage.vectors import Saying

_LEAST = 0.5  # below this cosine two posts have little in common but their language


@dataclass(frozen=True, slots=True)
class Alike:
    """(post, cosine), the nearest first. `compared` posts were looked through, read by `model`;
    `kept` are all that have an embedding in memory, other readers' with them."""

    found: tuple[tuple[Saying, float], ...]
    compared: int
    kept: int
    model: str


class AlikeDesk:
    """Posts of the brands that the user sees."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.likeness = Likeness(office.db, office.settings.var / reader.WEIGHTS)
        self.reader = reader.lazy(office.settings)

    def case(self, user: User, case_id: int, *, limit: int = 10) -> Alike | None:
        """What others wrote like the newest post of the case; None where the reader that read it left
        no embedding."""
        with self.office.db.read() as session:
            detail = self.office.seen(session, user, case_id)
            stored = vectors.of(session, detail.summary.mention_id)
        if stored is None:
            return None
        vector = likeness.as_vector(stored.embedding)
        return self._alike(user, vector, stored.model, limit, detail.author_id, case_id)

    def sentence(self, user: User, written: str, *, limit: int = 20) -> Alike:
        """What says the same as the sentence, in any language. Raises ReaderMissing."""
        text = " ".join(written.split())[:2000]
        if not text:
            raise StorageError("the sentence is empty: write what the posts should say")
        read = self.reader().read([text])[0]
        if read.embedding is None:
            raise StorageError(
                "the reader {model} makes no embeddings, so nothing is compared", model=read.model
            )
        return self._alike(user, likeness.as_vector(read.embedding), read.model, limit)

    def _alike(
        self,
        user: User,
        vector: Vector,
        model: str,
        limit: int,
        author: int | None = None,
        case_id: int | None = None,
    ) -> Alike:
        near = self.likeness.near(vector, model, brands=user.brands, wanted=limit)
        chosen = [(i, score) for i, score in near.found if score >= _LEAST]
        with self.office.db.read() as session:
            shown = vectors.sayings(
                session,
                [i for i, _ in chosen],
                seen=user.brands,
                besides_author=author,
                besides_case=case_id,
            )
        found = [(shown[i], score) for i, score in chosen if i in shown][:limit]
        return Alike(tuple(found), near.compared, near.kept, near.model)
