"""The same, nearly the same, a repost; and two people who only say the same."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.dedupe import (
    BANDS,
    DuplicateKind,
    DuplicateReason,
    Fingerprinted,
    Post,
    duplicate_of,
    fingerprint,
    signature,
    similarity,
)

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
SHORT = "Otra vez el 1004"
MIDDLE = "Otra vez el 1004 llamando en plena siesta"
NEWS = (
    "La asociación de vecinos del barrio presenta una queja conjunta por las llamadas comerciales "
    "que reciben a todas horas desde hace meses"
)

EXPECTED_BANDS = (-4319465164297413410, -3078088675980992556, 1122027087555738548)
EXPECTED_FINGERPRINT = "9437e83f237dd7b6d50b5fc1ae9f6daf4f2a6ffee68d509d9ade3aac300a1429"


def post(number: int, text: str, author: str | None = "lucía", **more: object) -> Post:
    return Post(number, text, author, **more)  # type: ignore[arg-type]


def seen(
    text: str, *earlier: Post, author: str | None = "lucía", **more: object
) -> DuplicateReason | None:
    return duplicate_of(post(99, text, author, **more), earlier)


# ------------------------------------------------------------------------------------- people


def test_two_people_who_say_the_same_few_words_are_two_complaints() -> None:
    first = post(1, SHORT, "lucía")
    assert seen(SHORT, first, author="marcos") is None
    assert seen(MIDDLE, post(2, MIDDLE, "lucía"), author="marcos") is None


def test_one_person_who_posts_the_same_twice_is_one_complaint() -> None:
    assert seen("¡OTRA VEZ, el 1004!", post(1, SHORT)) == DuplicateReason(
        DuplicateKind.EXACT, 1, 1.0
    )


def test_the_same_short_words_on_another_day_are_another_call() -> None:
    first = post(1, SHORT, published_at=MONDAY)
    assert seen(SHORT, first, published_at=MONDAY + timedelta(hours=5)) is not None
    assert seen(SHORT, first, published_at=MONDAY + timedelta(days=3)) is None


def test_a_long_text_copied_by_somebody_else_is_a_copy_whenever() -> None:
    first = post(1, NEWS, "diario", published_at=MONDAY)
    later = MONDAY + timedelta(days=30)
    assert seen(NEWS.upper(), first, author="agregador", published_at=later) == DuplicateReason(
        DuplicateKind.EXACT, 1, 1.0
    )


def test_a_text_by_nobody_known_is_never_by_the_same_author() -> None:
    assert seen(SHORT, post(1, SHORT, None), author=None) is None
    assert seen(NEWS, post(1, NEWS, None), author=None) is not None


def test_a_long_text_with_a_word_changed_is_nearly_the_same() -> None:
    reason = seen(NEWS.replace("horas", "tardes"), post(1, NEWS, "diario"), author="agregador")
    assert reason is not None
    assert (reason.kind, reason.of) == (DuplicateKind.NEAR, 1)
    assert 0.8 <= reason.similarity < 1


def test_near_needs_five_words_of_the_same_person() -> None:
    assert seen(MIDDLE + "s", post(1, MIDDLE)) is not None
    assert seen(MIDDLE + "s", post(1, MIDDLE), author="marcos") is None
    assert seen("otra vez la siestas", post(1, "otra vez la siesta")) is None


def test_another_figure_is_another_report() -> None:
    text = "Hoy ya van 3 llamadas del 1004 y sigo diciendo que no me interesa nada de lo que venden"
    assert seen(text.replace("3", "4"), post(1, text)) is None
    assert seen(text.replace("sigo", "siempre"), post(1, text)) is not None


def test_short_words_with_another_link_are_another_share() -> None:
    first = post(1, "Mirad esto: https://example.org/a")
    assert seen("Mirad esto: https://example.org/b", first) is None
    assert seen("mirad esto https://example.org/a?utm_source=x", first) is not None
    assert seen(f"{NEWS} https://x.example/1", post(2, f"{NEWS} https://x.example/2")) is not None


def test_texts_without_words_are_no_duplicates() -> None:
    assert seen("...", post(1, "...")) is None
    assert seen("", post(1, "")) is None
    assert seen("😡😡", post(1, "😡 😡")) is not None


def test_a_text_in_a_script_without_spaces_is_measured_in_half_words() -> None:
    text = "また同じ番号から電話がかかってきた。もういい加減にしてほしいです"
    assert seen(text, post(1, text, "yuki"), author="kenji") is not None
    assert seen("また電話だ", post(1, "また電話だ", "yuki"), author="kenji") is None


def test_the_threshold_decides() -> None:
    earlier = [post(1, NEWS)]
    changed = post(2, NEWS.replace("queja", "denuncia").replace("meses", "semanas"))
    likeness = similarity(NEWS, changed.text)
    assert 0.6 < likeness < 0.8
    assert duplicate_of(changed, earlier) is None
    found = duplicate_of(changed, earlier, threshold=0.6)
    assert found == DuplicateReason(DuplicateKind.NEAR, 1, round(likeness, 4))


def test_exact_wins_over_near_and_the_nearest_over_others() -> None:
    near, nearer = post(1, NEWS.replace("horas", "tardes")), post(2, NEWS + " ya")
    reason = seen(NEWS, near, nearer)
    assert reason is not None
    assert reason.of == 2
    assert seen(NEWS, near, post(3, NEWS)) == DuplicateReason(DuplicateKind.EXACT, 3, 1.0)
    assert seen(NEWS, post(4, NEWS), post(3, NEWS)) == DuplicateReason(DuplicateKind.EXACT, 4, 1.0)


def test_a_post_is_no_duplicate_of_itself() -> None:
    assert duplicate_of(post(1, NEWS), [post(1, NEWS)]) is None


# ------------------------------------------------------------------------------------- reposts


def test_the_source_says_that_it_is_a_repost() -> None:
    original = post(1, SHORT, "lucía", external_id="a1")
    assert seen(SHORT, original, author="marcos", repost_of="a1") == DuplicateReason(
        DuplicateKind.REPOST, 1, 1.0
    )
    assert seen("", original, author="marcos", repost_of="a1") is not None
    assert seen(SHORT, original, author="marcos", repost_of="a7") == DuplicateReason(
        DuplicateKind.REPOST, None, 1.0
    )


def test_a_quote_with_words_of_its_own_is_a_post() -> None:
    original = post(1, SHORT, "lucía", external_id="a1")
    own = "A mí también me llaman todos los días, qué hartura"
    assert seen(own, original, author="marcos", repost_of="a1") is None


def test_a_retweet_written_by_hand() -> None:
    original = post(1, MIDDLE, "k1", handle="@Lucia@redes.example")
    assert seen(f"RT @lucia: {MIDDLE}", original, author="marcos") == DuplicateReason(
        DuplicateKind.REPOST, 1, 1.0
    )
    cut = seen(f"RT @lucia: {MIDDLE[:30]}…", original, author="marcos")
    assert cut is not None
    assert cut.of == 1


def test_an_original_that_came_after_its_reposts_is_no_copy_of_them() -> None:
    by_hand = post(1, f"RT @ines: {NEWS}", "marcos")
    by_source = post(2, NEWS, "eva", repost_of="a1")
    assert seen(NEWS, by_hand, author="ines") is None
    assert seen(NEWS, by_source, author="ines", external_id="a1") is None


def test_a_retweet_of_something_unknown_is_still_one() -> None:
    assert seen("RT @eva: hola", post(1, "hola", "k1", handle="ana")) == DuplicateReason(
        DuplicateKind.REPOST, None, 1.0
    )


def test_words_before_rt_are_words_of_ones_own() -> None:
    original = post(1, MIDDLE, "k1", handle="lucia")
    assert seen(f"Esto es una vergüenza RT @lucia: {SHORT}", original, author="marcos") is None


# ------------------------------------------------------------------------------------- signatures


def test_fingerprints_ignore_what_people_vary() -> None:
    same = {
        fingerprint(text)
        for text in ("Otra vez el 1004", "¡otra vez, EL #1004!", "Ótra  vez\nel 1004…")
    }
    assert len(same) == 1
    assert fingerprint("otra vez el 1002") not in same


def test_short_texts_have_no_signature() -> None:
    assert signature("otra vez el 1004") == ()
    assert len(signature(MIDDLE)) == BANDS
    assert Fingerprinted.of(MIDDLE) == Fingerprinted(fingerprint(MIDDLE), signature(MIDDLE))


def test_bands_fit_a_signed_64_bit_column() -> None:
    assert all(-(2**63) <= band < 2**63 for band in signature(NEWS))


def test_signatures_are_fixed_because_they_are_stored() -> None:
    """Other numbers here mean that every stored band is void: write a migration with them."""
    assert signature(MIDDLE)[:3] == EXPECTED_BANDS
    assert fingerprint(SHORT) == EXPECTED_FINGERPRINT


def test_another_process_computes_the_same() -> None:
    code = (
        "from listener.dedupe import fingerprint, signature\n"
        f"print(signature({NEWS!r}), fingerprint({NEWS!r}))"
    )
    for seed in ("1", "2"):
        said = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path), "PYTHONUTF8": "1"},
        ).stdout
        assert said.strip() == f"{signature(NEWS)} {fingerprint(NEWS)}"


WORDS = [
    "llaman",
    "otra",
    "vez",
    "siesta",
    "cobran",
    "factura",
    "nadie",
    "contesta",
    "queja",
    "horas",
]


def random_text(random: Random, size: int = 30) -> list[str]:
    return [random.choice(WORDS) + random.choice("aeiou") for _ in range(size)]


def test_near_texts_share_a_band_and_others_mostly_do_not() -> None:
    random = Random(4)
    near = shared = apart = touched = 0
    for _ in range(400):
        words = random_text(random)
        changed = words[:]
        changed[random.randrange(len(words))] = "distinto"
        a, b, c = " ".join(words), " ".join(changed), " ".join(random_text(random))
        if similarity(a, b) >= 0.8:
            near += 1
            shared += any(x == y for x, y in zip(signature(a), signature(b), strict=True))
        if similarity(a, c) < 0.3:
            apart += 1
            touched += any(x == y for x, y in zip(signature(a), signature(c), strict=True))
    assert near > 100
    assert shared >= 0.98 * near
    assert apart > 100
    assert touched <= 0.2 * apart


def test_a_megabyte_is_signed_and_compared() -> None:
    long = "palabra distinta número " * 45_000
    assert len(signature(long)) == BANDS
    assert similarity(long, long + "fin") == 1.0
    links = "https://example.org/ " * 40_000
    assert signature(links) == ()
    assert len(fingerprint(links)) == 64


# ------------------------------------------------------------------------------------- properties


@given(st.text(max_size=60), st.text(max_size=60))
def test_similarity_is_symmetric_and_between_nothing_and_all(a: str, b: str) -> None:
    assert 0.0 <= similarity(a, b) <= 1.0
    assert similarity(a, b) == similarity(b, a)
    if fingerprint(a) == fingerprint(b) and similarity(a, a):
        assert similarity(a, b) == 1.0


@given(st.text(max_size=80), st.sampled_from((None, "lucía", "marcos")))
def test_any_text_has_a_print_and_an_answer(text: str, author: str | None) -> None:
    printed = Fingerprinted.of(text)
    assert len(printed.fingerprint) == 64
    assert len(printed.signature) in (0, BANDS)
    reason = seen(text, post(1, text, "lucía"), author=author)
    assert reason is None or reason.kind in DuplicateKind


@given(st.lists(st.sampled_from(WORDS), min_size=5, max_size=11), st.permutations(range(3)))
def test_below_twelve_words_nobody_is_taken_for_somebody_else(
    words: list[str], order: list[int]
) -> None:
    text = " ".join(words)
    others = [post(number, text, f"persona {number}") for number in order]
    assert seen(text, *others, author="lucía") is None


@pytest.mark.parametrize("kind", list(DuplicateKind))
def test_kinds_are_the_words_that_are_stored(kind: DuplicateKind) -> None:
    assert kind.value in ("exact", "near", "repost")
    assert len(kind.value) <= 10
