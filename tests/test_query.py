"""The boolean query language: what is found, where, what mutes it, and what cannot be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.errors import QueryError
from listener.query import (
    MAX_DEPTH,
    MAX_LENGTH,
    And,
    Near,
    Node,
    Not,
    Or,
    Query,
    Searchable,
    Term,
    parse,
    prepare,
)
from listener.query_match import MAX_HITS
from listener.query_tree import all_of, any_of

DOCS = Path(__file__).parents[1] / "docs" / "query-language.md"


def found(query: str, text: str) -> bool:
    return parse(query).match(Searchable(text)).found


def marked(query: str, doc: Searchable) -> list[tuple[str, str]]:
    """What the hits cut out of the mention, with its field."""
    hits = parse(query).match(doc).hits
    return [(hit.field, getattr(doc, hit.field)[hit.start : hit.end]) for hit in hits]


# ------------------------------------------------------------------------------------- the page


def documented() -> list[tuple[str, str, str, str]]:
    rows: list[tuple[str, str, str, str]] = []
    head = ""
    for line in DOCS.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| query"):
            head = cells[1]
        elif line.startswith("| `"):
            rows.append((head, cells[0].strip("| `"), cells[1], cells[2].rstrip(" |")))
    return rows


def mention(cell: str) -> Searchable:
    field, _, value = cell.partition("=")
    if field in ("author", "author_name", "site", "lang", "source"):
        return Searchable("", **{field: value})  # type: ignore[arg-type]
    if field == "tags":
        return Searchable("", tags=(value,))
    if field == "urls":
        return Searchable("", urls=(value,))
    return Searchable(cell)


@pytest.mark.parametrize(("head", "query", "first", "second"), documented())
def test_every_example_of_the_page_holds(head: str, query: str, first: str, second: str) -> None:
    one, other = parse(query).match(mention(first)), parse(query).match(mention(second))
    if head == "finds":
        assert one.found
        assert not one.muted
        assert not other.found
    else:
        assert (one.found, one.muted) == (True, True)
        assert (other.found, other.muted) == (True, False)


def test_the_page_has_its_examples() -> None:
    assert len(documented()) >= 30


def test_the_message_on_the_page_is_the_message() -> None:
    shown = re.search(r"```\n(query, position.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert shown
    with pytest.raises(QueryError) as problem:
        parse('"otra vez" OR a NEAR/x b')
    assert str(problem.value) == shown[1].rstrip("\n")


# ------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("query", "same"),
    [
        ("a OR b c", "a OR b AND c"),
        ("a b OR c d", "a AND b OR c AND d"),
        ("a NOT b NEAR/3 c", "a AND NOT b NEAR/3 c"),
        ("a -b", "a AND NOT b"),
        ("a AND NOT (b OR c)", "a AND NOT (b OR c)"),
        ("((a)) (b (c))", "a AND b AND c"),
        ("a (NOT b)", "a AND NOT b"),
        ("lang:(es OR ca) x", "(lang:es OR lang:ca) AND x"),
        ("LANG: es", "lang:es"),
        ("a NEAR b NEAR/2 (c OR d)", "a NEAR/10 b NEAR/2 (c OR d)"),
        ("“otra vez” （a OR b）", '"otra vez" AND (a OR b)'),
        ("ANDORRA ORANGE NOTA NEARBY", "ANDORRA AND ORANGE AND NOTA AND NEARBY"),
        ("and or not", "and AND or AND not"),
        ('"a"b', '"a" AND b'),
        ("https://example.org/a", "https://example.org/a"),
    ],
)
def test_how_a_query_is_read(query: str, same: str) -> None:
    assert str(parse(query)) == same
    assert parse(same) == parse(query)


@pytest.mark.parametrize(
    ("query", "position", "says"),
    [
        ("", 0, "empty"),
        (" \n", 0, "empty"),
        ("a OR", 2, "nothing after"),
        ("(a AND) b", 3, "nothing after"),
        ("OR a", 0, "nothing before"),
        ("(AND a)", 1, "nothing before"),
        ("NEAR/3 a", 0, "nothing before"),
        ("a AND OR b", 6, "side by side"),
        ("a OR OR b", 5, "side by side"),
        ("a NOT OR b", 6, "side by side"),
        ("NOT a", 0, "not wanted"),
        ("-a -b", 0, "not wanted"),
        ("a OR NOT b", 5, "not wanted"),
        ("a OR (b OR -c)", 11, "not wanted"),
        ("a NOT (NOT b)", 7, "not wanted"),
        ("a NOT NOT b", 2, "twice"),
        ("a --b", 2, "twice"),
        ("a NEAR/2 NOT b", 9, "NEAR"),
        ("(a", 0, "never closed"),
        ("a (b (c)", 2, "never closed"),
        ("a)", 1, "closes nothing"),
        ("a ()", 2, "nothing between"),
        ('a "b c', 2, "never closed"),
        ("a foo:bar", 2, "no field 'foo'"),
        ("lang:", 0, "no value"),
        ("a lang:(", 7, "never closed"),
        ("lang:OR x", 0, "no value"),
        ("lang:spanish!", 5, "language code"),
        ("lang:e*", 5, "asterisk"),
        ("number:uno", 7, "phone number"),
        ("number:10*", 7, "phone number"),
        ("number:12", 7, "phone number"),
        ('site:"--"', 6, "site"),
        ("site:elp*.com", 5, "asterisk"),
        ("a *", 2, "2 letters"),
        ("t* a", 0, "2 letters"),
        ('"ab t*"', 4, "2 letters"),
        ("@t*", 0, "2 letters"),
        ("a !!!", 2, "no letter"),
        ('a ""', 3, "no letter"),
        ("a - b", 2, "no letter"),
        ("a NEAR/0 b", 2, "1 to 1000"),
        ("a NEAR/99999999999 b", 2, "1 to 1000"),
        ("a NEAR/ b", 2, "1 to 1000"),
        ("a NEAR/2 (b c)", 10, "NEAR compares"),
        ("a NEAR/2 lang:es", 14, "NEAR compares"),
        ("(a NEAR/2 b) NEAR/2 c", 1, "NEAR compares"),
        ("author:(a site:b)", 15, "inside author:"),
        ("author:(a NEAR/2 b)", 8, "inside author:"),
        ("x " * (MAX_LENGTH // 2) + "y", MAX_LENGTH, "10000"),
        ("(" * 101 + "a" + ")" * 101, 100, "100 deep"),
        ('"' + "a " * 51 + '"', 1, "51 words"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(query: str, position: int, says: str) -> None:
    with pytest.raises(QueryError) as problem:
        parse(query)
    assert says in str(problem.value)
    assert problem.value.position == position
    assert f"position {position + 1}:" in str(problem.value)
    assert str(problem.value).splitlines()[-1].strip() == "^"


def test_the_deepest_query_is_read_written_explained_and_matched() -> None:
    query = parse("a (b OR " * MAX_DEPTH + "c" + ")" * MAX_DEPTH)
    assert parse(str(query)) == query
    assert query.match(Searchable("a c")).found
    assert query.match(Searchable("a b")).found
    assert not query.match(Searchable("b c")).found
    assert query.explain().count("any of") == MAX_DEPTH


def test_the_longest_query_is_matched() -> None:
    query = parse(" OR ".join(f"w{number}" for number in range(1200)))
    assert query.match(Searchable("hola w1199")).hits[0].term == "w1199"


def test_explain_draws_the_tree() -> None:
    assert parse('movistar (llaman OR "otra vez" NEAR/3 number:1004) -empleo').explain() == (
        "all of\n"
        "├─ word movistar\n"
        "├─ any of\n"
        "│  ├─ word llaman\n"
        "│  └─ NEAR within 3 words\n"
        '│     ├─ phrase "otra vez"\n'
        "│     └─ number 1004\n"
        "└─ NOT (keeps, but mutes)\n"
        "   └─ word empleo"
    )


# ------------------------------------------------------------------------------------- matching


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("wi-fi", "Sin Wi-Fi en casa", True),
        ("wi-fi", "Sin wi fi en casa", True),
        ("wi-fi", "Sin wifi en casa", False),
        ("opérateur", "L'operateur m'appelle", True),
        ("strasse", "In der Straße", True),
        ("movistar_es", "Movistar es cara", False),
        ("movistar_es", "con @movistar_es", True),
        ("movistar", "escribí a ana@movistar.es", True),
        ("ana", "escribí a ana@movistar.es", True),
        ("@movistar", "escribí a ana@movistar.es", False),
        ("@ana", "hola @ana@redes.example", True),
        ("movistar", "mo\u200bvis\u00adtar", True),
        ("movistar", "𝗠𝗢𝗩𝗜𝗦𝗧𝗔𝗥 otra vez", True),
        ("otra", "_otra_ vez", True),
        ("1004", "#otravez1004", True),
        ("1004", "51004", False),
        ("नमस्ते", "अरे नमस्ते दोस्त", True),
        ("نص", "هذا نَصّ", True),
        ("โทร", "มีโทรศัพท์เข้า", True),
        ("ที่นี่", "อยู่ที่นี่แล้ว", True),
        ("電話番号", "新しい電話番号です", True),
        ("電話番号", "電話、番号", False),
        ("NTTドコモ", "またNTTドコモから", True),
        ('"otra vez el"', "Otra vez. ¡EL colmo!", True),
        ('"otra vez el"', "otra vez y el", False),
        ("mov*star*", "movilstars", True),
        ("mov*star", "movilstars", False),
        ("@movi*", "con @movistar_es", True),
        ("@movi*", "con movistar", False),
        ("#otra*", "#OtraVez", True),
        ("c++", "programo en C", True),
        ("vez NEAR/5 vez", "una vez", False),
        ("vez NEAR/5 vez", "una vez y otra vez", True),
        ("a1 NEAR/1 b1 NEAR/1 c1", "c1 b1 a1", True),
        ("a1 NEAR/1 b1 NEAR/1 c1", "a1 b1 x1 c1", False),
        ("a1 NEAR/2 b1", "a1 x1 b1", True),
        ("a1 NEAR/2 b1", "a1 x1 x1 b1", False),
        ('"a1 b1" NEAR/1 c1', "c1 a1 b1", True),
    ],
)
def test_what_a_query_finds(query: str, text: str, expected: bool) -> None:
    assert found(query, text) is expected


def test_hits_are_places_in_the_text_as_written() -> None:
    doc = Searchable(
        "😤 OTRA\u00adVEZ, cafe\u0301 y Straße: el 10-04 de @Movistar_es",
        title="¡Telemárketing!",
        tags=("movistar",),
    )
    assert marked("otravez", doc) == [("text", "OTRA\u00adVEZ")]
    assert marked("cafe", doc) == [("text", "cafe\u0301")]
    assert marked("STRASSE", doc) == [("text", "Straße")]
    assert marked("number:1004", doc) == [("text", "10-04")]
    assert marked("telem*", doc) == [("title", "Telemárketing")]
    assert marked("@movistar_es", doc) == [("text", "@Movistar_es")]
    hits = parse("movistar").match(doc).hits
    assert [(hit.field, hit.item, hit.start, hit.end) for hit in hits] == [
        ("text", 0, doc.text.index("Movistar"), doc.text.index("_es")),
        ("tags", 0, 0, 8),
    ]
    assert {hit.term for hit in hits} == {"movistar"}


def test_a_pattern_marks_a_hashtag_once() -> None:
    doc = Searchable("vaya #MovistarEspaña")
    assert marked("movi*", doc) == [("text", "MovistarEspaña")]


def test_every_alternative_that_matches_is_marked() -> None:
    doc = Searchable("movistar llama y vodafone llama")
    assert marked("vodafone OR (movistar tienda) OR llama", doc) == [
        ("text", "llama"),
        ("text", "vodafone"),
        ("text", "llama"),
    ]


def test_near_marks_only_what_is_near() -> None:
    doc = Searchable("vez uno dos tres cuatro vez siesta")
    hits = parse("vez NEAR/2 siesta").match(doc).hits
    assert [hit.start for hit in hits] == [24, 28]


def test_what_mutes_is_named() -> None:
    verdict = parse("movistar NOT (empleo OR beca)").match(Searchable("Beca en Movistar"))
    assert (verdict.found, verdict.muted) == (True, True)
    assert [hit.term for hit in verdict.hits] == ["movistar"]
    assert [(hit.term, hit.start) for hit in verdict.muted_by] == [("beca", 0)]


def test_an_alternative_that_is_not_muted_unmutes() -> None:
    query = parse("(movistar NOT empleo) OR siesta")
    assert query.match(Searchable("movistar empleo")).muted
    assert not query.match(Searchable("movistar empleo siesta")).muted
    assert query.match(Searchable("movistar empleo siesta")).muted_by == ()


def test_not_inside_not_is_what_it_says() -> None:
    query = parse("movistar NOT (empleo NOT basura)")
    assert query.match(Searchable("movistar empleo")).muted
    assert not query.match(Searchable("movistar empleo basura")).muted


def test_terms_may_stand_in_different_fields_but_phrases_may_not() -> None:
    doc = Searchable("otra tarde", title="nunca")
    assert parse("nunca otra").match(doc).found
    assert not parse('"nunca otra"').match(doc).found
    assert not parse("nunca NEAR/5 otra").match(doc).found


def test_plain_terms_leave_the_author_alone() -> None:
    doc = Searchable("hola", author="movistar_es", author_name="Movistar")
    assert not parse("movistar").match(doc).found
    assert parse("author:movistar").match(doc).found
    assert parse("author:@movistar_es").match(doc).found


@pytest.mark.parametrize(
    ("query", "doc", "expected"),
    [
        ("author:ana@redes.example", Searchable("", author="ana@redes.example"), True),
        ("author:@ana", Searchable("", author="@ana@redes.example"), True),
        ("author:@redes", Searchable("", author="ana@redes.example"), False),
        ("site:elpais.com", Searchable("", site="https://www.elpais.com/x"), True),
        ("site:elpais", Searchable("", site="elpais.com"), True),
        ("site:pais", Searchable("", site="elpais.com"), False),
        ("site:españa.example", Searchable("", site="xn--espaa-rta.example"), True),
        ("site:*.gob.es", Searchable("", site="gob.es"), False),
        ("lang:es-MX", Searchable("", lang="es_mx"), True),
        ("lang:es-MX", Searchable("", lang="es"), False),
        ("lang:es", Searchable("", lang="est"), False),
        ("lang:es", Searchable(""), False),
        ("source:Feed", Searchable("", source="feed"), True),
        ("source:feed", Searchable("", source="feeds"), False),
        ("tag:#Otra_Vez", Searchable("", tags=("otra_vez",)), True),
        ("tag:otra", Searchable("", tags=("OtraVez",)), False),
        ("tag:otra*", Searchable("", tags=("OtraVez",)), True),
        ("#otravez", Searchable("", tags=("OtraVez",)), True),
        ("tag:1004", Searchable("harta #1004"), True),
        ('tag:"atención al cliente"', Searchable("", tags=("Atencion al cliente",)), True),
        ('tag:"al cliente"', Searchable("", tags=("Atencion al cliente",)), False),
        ("url:https://www.elpais.com/a", Searchable("", urls=("http://elpais.com/a/b",)), True),
        ("url:elpais.com/a", Searchable("lee https://elpais.com/a."), True),
        ("url:elpais.com/a", Searchable("lee elpais com a"), False),
    ],
)
def test_fields(query: str, doc: Searchable, expected: bool) -> None:
    verdict = parse(query).match(doc)
    assert verdict.found is expected
    assert bool(verdict.hits) is expected


def test_hits_in_a_url_of_the_text_are_places_of_the_text() -> None:
    doc = Searchable("lee https://example.org/movistar ya")
    hit = parse("url:movistar").match(doc).hits[0]
    assert (hit.field, doc.text[hit.start : hit.end]) == ("text", "movistar")


def test_number_knows_the_countries_of_the_query() -> None:
    doc = Searchable("Appel du +33 1 44 55 66 77")
    assert parse("number:0144556677", countries=("FR",)).match(doc).found
    assert not parse("number:0144556677", countries=("ES",)).match(doc).found


def test_number_in_quotes_near_a_word() -> None:
    doc = Searchable("Llama el 911 23 45 67 en la siesta. Y ahora también el 911 23 45 67")
    hits = parse('number:"+34 911 234 567" NEAR/3 siesta').match(doc).hits
    assert [doc.text[hit.start : hit.end] for hit in hits] == ["911 23 45 67", "siesta"]


def test_one_mention_prepared_for_many_queries() -> None:
    doc = prepare(Searchable("Otra vez el 1004", lang="es"))
    assert [parse(q).match(doc).found for q in ("vez", "number:1004", "lang:es", "siesta")] == [
        True,
        True,
        True,
        False,
    ]


def test_a_flood_of_hits_is_cut() -> None:
    assert len(parse("ja").match(Searchable("ja " * 5000)).hits) == MAX_HITS


def test_a_huge_hostile_text_is_matched() -> None:
    texts = [
        "a" * 300_000,
        "a\u0301" * 100_000,
        "#aA1" * 50_000,
        "\u0301\u0316" * 100_000,
        ")" * 10**5,
    ]
    query = parse('aa*a*a*b OR "a a" OR a1 NEAR/100 a1 OR @aa* OR url:zz')
    for text in texts:
        assert isinstance(query.match(Searchable(text)).found, bool)


def test_a_row_of_hashtags_has_no_more_ways_than_places() -> None:
    query = parse('"' + "aa* " * 50 + '"')
    assert query.match(Searchable("#aaAa " * 60)).found
    assert not query.match(Searchable("#aaAa " * 20)).found


# ------------------------------------------------------------------------------------- sources


def plans(query: str, limit: int = 50) -> list[list[str]]:
    return [[str(term) for term in terms] for terms in parse(query).terms(limit=limit)]


def test_terms_for_sources_are_alternatives_of_conjunctions() -> None:
    assert plans('movistar ("otra vez" OR number:1004) NOT empleo') == [
        ["movistar", '"otra vez"'],
        ["movistar", "number:1004"],
    ]
    assert plans("lang:es (a1 NEAR/3 (b1 OR c1))") == [
        ["lang:es", "a1", "b1"],
        ["lang:es", "a1", "c1"],
    ]


def test_too_many_combinations_keep_the_most_selective_part() -> None:
    wide = " OR ".join(f"w{number}" for number in range(30))
    assert plans(f"({wide}) ({wide}) movistar", limit=20) == [["movistar"]]
    assert len(plans(f"({wide}) movistar", limit=40)) == 30


def test_terms_say_what_kind_they_are() -> None:
    query = parse('a1 "b c" te* #tag @ana number:1004 lang:es')
    assert [term.kind for term in query.terms()[0]] == [
        "word",
        "phrase",
        "wildcard",
        "tag",
        "handle",
        "number",
        "lang",
    ]


# ------------------------------------------------------------------------------------- properties

WORDS = ("uno", "dos", "tres", "cuatro")
terms = st.sampled_from(WORDS).map(Term)
phrases = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(
    lambda words: Term(" ".join(words), quoted=True)
)
langs = st.sampled_from(("es", "ca", "pt-BR")).map(lambda code: Term(code, "lang"))
handles = st.builds(Term, st.sampled_from(("@uno", "#dos", "tr*", "cu*o", "Dós")))
in_text = st.one_of(terms, phrases)
nears = st.lists(
    st.one_of(in_text, st.lists(in_text, min_size=2, max_size=3).map(any_of)),
    min_size=2,
    max_size=3,
).flatmap(
    lambda operands: st.lists(
        st.integers(1, 4), min_size=len(operands) - 1, max_size=len(operands) - 1
    ).map(lambda distances: Near(tuple(operands), tuple(distances)))
)


def larger(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        several.map(any_of),
        several.map(all_of),
        st.tuples(inner, inner).map(lambda two: all_of([two[0], Not(two[1])])),
    )


trees: st.SearchStrategy[Node] = st.recursive(
    st.one_of(terms, phrases, langs, handles, nears), larger, max_leaves=12
)
docs = st.builds(
    lambda words, lang: Searchable(" ".join(words), lang=lang),
    st.lists(st.sampled_from((*WORDS, "cinco", "@uno", "#DOS", "TRES,")), max_size=10),
    st.sampled_from(("", "es", "es-MX", "pt-BR", "pt")),
)


def naive_words(text: str) -> list[str]:
    return [re.sub(r"[@#,]", "", word).lower() for word in text.split()]


def naive_places(node: Node, words: list[str]) -> list[tuple[int, int]]:
    """First and last word of every place that an operand of NEAR matches."""
    if isinstance(node, Or):
        return [place for child in node.children for place in naive_places(child, words)]
    assert isinstance(node, Term)
    wanted = node.text.lower().split()
    size = len(wanted)
    return [(i, i + size - 1) for i in range(len(words)) if words[i : i + size] == wanted]


def naive_near(node: Near, words: list[str]) -> bool:
    def chain(place: tuple[int, int], rest: tuple[Node, ...], distances: tuple[int, ...]) -> bool:
        if not rest:
            return True
        return any(
            (0 < b[0] - place[1] <= distances[0] or 0 < place[0] - b[1] <= distances[0])
            and chain(b, rest[1:], distances[1:])
            for b in naive_places(rest[0], words)
        )

    first, *rest = node.operands
    return any(chain(place, tuple(rest), node.distances) for place in naive_places(first, words))


def naive(node: Node, doc: Searchable, *, ignore_not: bool) -> bool:
    words = naive_words(doc.text)
    match node:
        case Term(field="lang"):
            return doc.lang.lower() == node.text.lower() or doc.lang.lower().startswith(
                node.text.lower() + "-"
            )
        case Term(quoted=True):
            return bool(naive_places(node, words))
        case Term():
            text = node.text.lower().replace("ó", "o")
            if text[0] in "@#":
                return text in [word.strip(",").lower() for word in doc.text.split()]
            pattern = text.replace("*", ".*")
            return any(re.fullmatch(pattern, word) for word in words)
        case Near():
            return naive_near(node, words)
        case Or():
            return any(naive(child, doc, ignore_not=ignore_not) for child in node.children)
        case And():
            return all(naive(child, doc, ignore_not=ignore_not) for child in node.children)
        case Not():
            return ignore_not or not naive(node.child, doc, ignore_not=False)


@given(trees)
def test_a_query_written_out_and_read_again_is_the_same(tree: Node) -> None:
    query = parse(str(tree))
    assert query.root == tree
    assert parse(str(query)) == query


@settings(max_examples=250)
@given(trees, docs)
def test_matching_agrees_with_the_plain_definition(tree: Node, doc: Searchable) -> None:
    verdict = parse(str(tree)).match(doc)
    assert verdict.found == naive(tree, doc, ignore_not=True)
    clean = naive(tree, doc, ignore_not=False)
    assert verdict.muted == (verdict.found and not clean)
    assert bool(verdict.hits) == verdict.found
    assert bool(verdict.muted_by) == verdict.muted
    for hit in verdict.hits:
        assert 0 <= hit.start < hit.end <= len(getattr(doc, hit.field))


@given(trees, docs, st.integers(1, 20))
def test_what_is_found_fits_an_alternative_for_sources(
    tree: Node, doc: Searchable, limit: int
) -> None:
    query = parse(str(tree))
    alternatives = query.terms(limit=limit)
    assert alternatives
    assert all(alternatives)
    if query.match(doc).found:
        assert any(
            all(parse(str(term)).match(doc).found for term in terms) for terms in alternatives
        )


PIECES = ("AND", "OR", "NOT", "-", "NEAR/2", "NEAR", "(", ")", '"', "lang:", "number:", "tag:", "*")
FRAGMENTS = st.sampled_from(
    (*PIECES, "a", "te*", "1004", "@x", "😡", "ß", " ", "foo:", "電話", "\ud800")
)


@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(FRAGMENTS, max_size=14).map("".join),
        st.lists(FRAGMENTS, max_size=14).map(" ".join),
    )
)
@settings(max_examples=300)
def test_any_string_is_read_or_refused_with_its_place(text: str) -> None:
    try:
        query = parse(text)
    except QueryError as problem:
        place = problem.position
    else:
        place = 0
        assert isinstance(query, Query)
        assert parse(str(query)) == query
        assert query.match(Searchable(text)).muted in (True, False)
        assert query.explain()
    assert 0 <= place <= len(text)


@given(st.text(max_size=80), st.text(st.characters(exclude_characters='"“”„‟«»＂'), max_size=10))
def test_every_hit_is_the_folded_term(text: str, term: str) -> None:
    """A word cut out by its hit is found again on its own."""
    try:
        query = parse(f'"{term}"')
    except QueryError:
        return
    for hit in query.match(Searchable(text)).hits:
        assert query.match(Searchable(text[hit.start : hit.end])).found
