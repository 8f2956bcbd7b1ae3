"""Folding and words: every place leads back to the text as given."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from listener.tokens import Words, fold, fold_with_places, name_parts, pattern_words, plain_words


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ESPAÑA Àé", "espana ae"),
        ("Straße ẞ", "strasse ss"),
        ("İstanbul ıı", "istanbul ii"),
        ("øłđæœþ", "oldaeoeth"),
        ("ﬁn ① ½", "fin 1 1⁄2"),
        ("𝗠𝗼𝘃𝗶 ＡＢ", "movi ab"),
        ("٣ ४ 5", "3 4 5"),
        ("cafe\u0301", "cafe"),
        ("ё й", "е и"),
        ("ΟΔΟΣ", "οδοσ"),
        ("أَهْلاً ـــ", "اهلا "),
        ("が か\u3099 ｶﾞ", "が が ガ"),
        ("हिन्दी", "हिन्दी"),
        ("โทรศัพท์", "โทรศัพท์"),
        ("전화", "전화"),
        ("a\u200bb\u00adc\ufe0f", "abc"),
    ],
)
def test_folding(text: str, folded: str) -> None:
    assert fold(text) == folded


# Letters with marks, folds of another length, joiners, and what stands beside them.
CHARS = st.one_of(
    st.characters(),
    st.sampled_from("aÑß①ﬁ\u0301\u0316\u200b\ufe0f\u3099かｶﾞ電โ\u0e31न\u094d😡@#_ ٣\ud800\uffff"),
)


@given(st.text(CHARS, max_size=40))
@example("\u0301\u0301a")
@example("a\uffff\u0301")
def test_places_lead_back_to_the_text(text: str) -> None:
    folded = fold_with_places(text)
    before = 0
    for index in range(len(folded.text)):
        start, end = folded.span(index, index + 1)
        assert 0 <= start < end <= len(text)
        assert start >= before
        assert folded.text[index] in fold(text[start:end])
        before = start


@given(st.text(CHARS, max_size=40))
def test_a_word_cut_out_is_that_word_again(text: str) -> None:
    for word, places in Words(text).index.items():
        for first, last, start, end in places:
            assert first <= last
            assert word in fold(text[start:end])  # one character may fold to two words: ¼


@given(st.text(CHARS, max_size=40))
def test_the_words_of_a_text_are_those_of_its_index(text: str) -> None:
    index = Words(text).index
    assert set(plain_words(text)) <= set(index)


def test_positions_count_words() -> None:
    words = Words("uno @dos_tres, cuatro")
    assert [words.index[word][0][:2] for word in ("uno", "dos", "tres", "@dos_tres", "cuatro")] == [
        (0, 0),
        (1, 1),
        (2, 2),
        (1, 2),
        (3, 3),
    ]
    assert [words.position(offset) for offset in (0, 3, 5, 9, 15)] == [0, 0, 1, 2, 3]
    assert Words("").position(7) == 0


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("MovistarEspaña", ["Movistar", "España"]),
        ("movistar_es", ["movistar", "es"]),
        ("otraVez1004", ["otra", "Vez", "1004"]),
        ("HTMLParser", ["HTML", "Parser"]),
        ("MOVISTAR", ["MOVISTAR"]),
        ("5G", ["5", "G"]),
        ("__a__b_", ["a", "b"]),
        ("___", []),
    ],
)
def test_parts_of_names(name: str, parts: list[str]) -> None:
    assert [name[start:end] for start, end in name_parts(name)] == parts


def test_a_name_that_came_without_its_sign() -> None:
    assert "#otravez" in Words("OtraVez", sign="#").index
    assert "vez" in Words("OtraVez", sign="#").index
    assert "vez" not in Words("OtraVez").index


def test_words_of_a_query_keep_signs_and_asterisks() -> None:
    words = pattern_words("@Movi* wi-fi 電話*")
    assert [(word.text, word.glued) for word in words] == [
        ("@movi*", False),
        ("wi", False),
        ("fi", False),
        ("電", False),
        ("話", True),
        ("*", True),
    ]
    assert (words[2].start, words[2].end) == (10, 12)
