"""Who wrote this, in the CRM's terms: what a post gives away about its author, and what the CRM's
candidates then amount to. Pure; nobody is ever recognised by a name.

`identifiers` reads only what is presented as the author's own ("mi número es ...", "soy cliente
..."): the numbers that called them are the callers'. An order or contract number is not read:
taken for a customer id it could name somebody else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from classifiers.folding import fold
from listener import phones
from listener.domain import (
    Candidate,
    Customer,
    CustomerMatch,
    Identifier,
    IdentifierKind,
    MatchBasis,
)

CONFIDENCE: Mapping[IdentifierKind, float] = {
    IdentifierKind.CUSTOMER_ID: 0.97,
    IdentifierKind.EMAIL: 0.95,
    IdentifierKind.PHONE: 0.92,
    IdentifierKind.HANDLE: 0.88,
}
"""How sure one identifier alone makes us, strongest first. Judgements, not measurements: a phone
changes hands more often than an address, an account is declared once and then given away."""

_HOW: Mapping[MatchBasis, str] = {
    MatchBasis.PRIVATE_LINK: "left",
    MatchBasis.GIVEN_IN_POST: "given",
    MatchBasis.DECLARED_ACCOUNT: "declared",
}
"""The strongest basis first: what somebody left for this, with consent, stands before the rest."""

# ---------------------------------------------------------------------------- what a post says

# One alternative per language; all read folded text (lower case, no accents).
_LINE = (
    "(?:numero|num|nro|no\\.|n°|n\\.°|telefono|tfno|tlfn?o?|telf|tel|movil|fijo|celular|cel|linea"
    "|whats(?:app)?|wasap|zap|telefone|telemovel|fixo|linha|contacto|contato"
    "|phone|mobile|cell|landline|number|line|telephone"
    "|portable|fixe|ligne|06|numero de portable"
    "|cellulare|cell|fisso|utenza|recapito"
    r"|(?:handy|telefon|ruf|mobil|festnetz|mobilfunk)?-?nummer|handy|telefon|festnetz|anschluss)\.?"
)
_OWN_DET = (
    r"(?:mi|mis|nuestro|nuestra|meu|minha|nosso|nossa|my|our|mon|ma|notre|mio|mia|nostro|nostra"
    r"|mein|meine|meiner|meinem|meinen|unsere?|unserem|unserer)"
)
_LINKS = (
    r"(?:[ :,.=(\-\"'«]|\b(?:es|el|la|al|en|e|o|a|is|it's|its|on|the|est|c'est|le|il|ist|die|lautet"
    r"|numero|numbers?|nummer|num|nro|no\.|n\.?°|tel|de telefono|de movil|movil|de contacto"
    r"|de casa|de telefone|de contato|de celular|de telephone|de portable|di telefono|di cellulare"
    r"|fijo|fixe|fisso|phone|mobile|sigue siendo|afectado|afectada)\b)*"
)
_REACH = (  # "me llamáis todos los días al": the line that is called, and it is the author's
    r"(?:\b(?:me|nos) (?:(?!que|dic|pid|para)\w+ ){0,2}?(?:llam|telefone|escrib|mand|contact|lig|peg)\w*"
    r"|\b(?:llam|telefone|escrib|contact|lig|whatsape)\w*[ -]?(?:me|nos|dme|dnos)\b"
    r"|\blig(?:a|am|aram|ando|ar|ou|uem)? (?:(?:pra|para|a) )?(?:mim|nos|me|-me)"
    r"|\b(?:call|ring|phon|text|contact|reach|bother|pester|hound)\w* (?:me|us)"
    r"|\b(?:m|nous )'?(?:e )?(?:appel|contact|joign|harcel|telephon)\w*|\bme joindre"
    r"|\b(?:mi|ci) (?:chiam|contatt|telefon|scriv)\w*|\b(?:chiam|contatt|telefon)\w*(?:mi|ci|temi)"
    r"|\b(?:ruft|rufen|rief|riefen|kontaktier\w*|belastig\w*|erreich\w*) (?:ihr |sie )?(?:mich|uns)"
    r"|\b(?:mich|uns)(?: \w+){0,4})"
    r"(?: (?!(?:que|q|y|and|et|und|e|to|por|pour|from|de|desde|del|da|do|du|dal|von|vom|per|para|damit"
    r"|llam\w*|marc\w*|pid\w*|dic\w*|call\w*)\b)\w+){0,5}?"
    r",? (?:al|a el|en el|no|na|ao|para o|pro|on|at|au|sur(?: le)?|sul|allo|unter(?: der)?|auf"
    rf"|auf der|auf dem|al numero|a mi {_LINE}|en mi {_LINE}|a la linea|sulla|sur ma ligne)"
)
_HOLDER = (
    r"\b(?:soy (?:el |la )?titular (?:del?|de la linea|de la)|titular de la linea|a titular d[oa]"
    r"|sou (?:o |a )?titular d[oa]|je suis titulaire (?:du|de la ligne)"
    r"|(?:sono )?(?:l')?intestatari[oa] (?:del|della linea)|inhaber(?:in)? der nummer"
    r"|(?:i am |i'm )?the account holder (?:of|for)|i own)"
)
_OWN_LINE = re.compile(
    rf"(?:\b{_OWN_DET} (?:propi[oa] |own |propre |proprio |eigene |numero de |numero d[io] )?{_LINE}"
    rf"(?:,[^,.;!?]{{1,40}},)?|{_HOLDER}){_LINKS}$"
)
_REACHED = re.compile(rf"{_REACH}{_LINKS}$")
_KIN = (
    r"(?:madre|padre|ma|pa|mama|papa|abuel[oa]s?|suegr[oa]s?|herman[oa]|hij[oa]|ti[oa]|mujer|marido"
    r"|espos[oa]|parej[oa]|vecin[oa]|client[ea]|jef[ea]|empresa|mae|pai|avo|sogr[oa]|irma[o]?"
    r"|filh[oa]|espos[oa]|vizinh[oa]|mum|mom|mother|dad|father|gran|nan|grandma|grandmother"
    r"|grandfather|grandad|wife|husband|sister|brother|son|daughter|aunt|uncle|neighbour|partner"
    r"|mere|pere|grand-mere|grand-pere|femme|mari|soeur|frere|fils|fille|belle-mere|voisine?"
    r"|nonn[oa]|mamma|moglie|marito|sorella|fratello|figli[oa]|suocer[oa]|zi[oa]"
    r"|mutter|vater|oma|opa|frau|mann|schwester|bruder|sohn|tochter|tante|onkel|nachbarin?"
    r"|schwiegermutter|grossmutter|großmutter|eltern|parents|padres|genitori|pais)"
)
_POSS = r"(?:mi|mis|su|minha|meu|my|our|ma|mon|mes|mia|mio|meiner|meinem|meines|unserer|unserem)"
_OTHER_LINE = re.compile(
    rf"(?:\b{_LINE} (?:\w+ )?(?:de|da|do|di|del|della|von|of) ?{_POSS} {_KIN}"
    rf"|\b{_POSS} {_KIN}(?:'s|s)? {_LINE}"
    rf"|\b{_LINE} {_POSS} {_KIN}"
    rf"|\b(?:llam|lig|call|ring|phon|appel|chiam|telefon|ruf|acos|molest|harass|harcel)\w* "
    rf"(?:\w+ )?(?:a |para a |para o |pra )?{_POSS} {_KIN}(?: \w+){{0,5}}? "
    r"(?:al|en el|on|at|no|ao|au|sur le|sul|al numero|unter|auf)"
    r"|\b(?:l[aeo]s?) (?:\w+ )?(?:llam|estan llam|segu\w+ llam)\w*(?: \w+){0,5}? (?:al|en el)"
    r"|\b(?:calls?|calling|called|rings?|ringing|rang|phon(?:es?|ed|ing)) (?:her|him)(?: \w+){0,5}? (?:on|at)"
    rf"){_LINKS}$"
)
_OWN_AFTER = re.compile(
    rf"[ ,)\"'»]*(?:\(|(?:,? ?que |which |qui )?(?:es|is|e|est|ist|c'est) )(?:el |o |il |the )?{_OWN_DET} {_LINE}"
    rf"(?! de {_POSS}| d[ia] | {_KIN}| von )(?!\w)"
)
# "llama a mi número el 911..." and "mi teléfono: 911... otra vez": a caller after all.
_CALLS_BEFORE = re.compile(
    rf"\bllam\w*(?: \w+){{0,2}} (?:a|en) {_OWN_DET} {_LINE},? (?:el|los) (?:numero )?$"
)
_CALLS_AFTER = re.compile(
    r"[ ,)\"'»]*(?:otra vez|de nuevo|llamando|me (?:vuelve|llama|esta|ha )|again|calling|keeps"
    r"|outra vez|de novo|me liga|ligando|encore|m'appelle|ancora|mi chiama|schon wieder|ruft)\b"
)
_RUN = re.compile(r"(?<![\w@])\+?\(?\+?\d(?:[ .\-/()\u200b\u2060\xa0]{0,3}\d){6,16}(?![\w@])")
_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{4}(?!\d)|\d{4}[./-]\d{1,2}[./-]\d{1,2}(?!\d)")

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{2,63}){1,4}(?![\w@-])")
_OWN_MAIL = re.compile(
    rf"(?:\b{_OWN_DET} (?:correo|e-?mail|mail|direccion|cuenta|endereco|adresse|indirizzo|address"
    r"|mailadresse|e-?mail-?adresse|courriel|contatto|contacto)"
    r"(?: (?:electronico|de correo|de contacto|address|mail|e-?mail|eletronico|elettronico))?"
    r"|\b(?:escrib\w*(?:me|dme|nos)|contact\w*(?:me|dme)|write (?:to )?me|e-?mail me|reach me"
    r"|contact me|ecrivez-moi|ecrire|scriv\w*mi|schreib\w* (?:sie )?mir|escrev\w*-me|responda?m?e?)"
    r"|\bme (?:escrib|mand|envi|llegan)\w*(?: \w+){0,4} (?:a|al))"
    r"(?:[ :,.=(\-\"'<]|\b(?:es|is|est|ist|e|a|at|to|on|al|em|no|sur|an|unter|su|the|el)\b)*$"
)
_OWN_MAIL_AFTER = re.compile(
    rf"[ ,)>\"']*(?:es|is|e|est|ist) ?(?:el |o |il )?{_OWN_DET} "
    r"(?:correo|e-?mail|mail|adresse|indirizzo|endereco|mailadresse)\b"
)

_ID = r"(?P<id>(?:[a-z]{1,6}[-_/]?){0,2}\d[\da-z_/-]{2,29}\b)"
_ID_LINKS = r"(?:[ :.,=#\-(\"']|\b(?:es|el|o|is|the|est|e|il|ist|lautet|n\.?°|num|numero|nr|no\.|id)(?!\w))*"
_STRONG_ID = re.compile(
    r"\b(?:(?:numero|num|nro|no\.|n\.?°|n\.|id|codigo|referencia|code|identifiant|codice|numer)\.? ?"
    r"(?:de |do |di |da )?(?:client[ea]?|utente|abonne|socio|abonad[oa])"
    r"|client[ea]? (?:numero|num|nro|no\.|n\.?°|id|ref)\.?"
    r"|(?:customer|client|account|member(?:ship)?) (?:number|no|nr|id|ref(?:erence)?|#)\.?"
    r"|kunden-?(?:nummer|nr|id)\.?|kd-?nr\.?|mitgliedsnummer)" + _ID_LINKS + _ID
)
_WEAK_ID = re.compile(
    r"\b(?:soy (?:el |la )?(?:client[ea]|abonad[oa])|sou (?:o |a )?cliente|sono (?:il |la )?cliente"
    r"|je suis (?:le |la )?cliente?|ich bin kundin|ich bin kunde|i'?a?m customer|i am customer"
    r"|as customer|como client[ea])(?: (?:n\.?°|num|numero|number|nummer|nr|no\.)\.?)?[ :#]*" + _ID
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_COUNTED = re.compile(
    r"[ -]?(?:an[oy]s?|anos|years?|ans|annees|anni|jahren?|mes(?:es)?|months?|mois|mesi|monaten?"
    r"|euros?|€|%|dias|veces|vezes|times)\b"
)


def identifiers(
    text: str,
    *,
    author: str | None = None,
    countries: Sequence[str] = ("ES",),
    registry: Collection[str] = (),
) -> tuple[Identifier, ...]:
    """What the author gives of themselves, strongest kind first, each once.

    `author` is their public identity as `platform:name`. `countries` read national numbers, the
    likeliest first. Numbers of `registry` (the brand's and known callers', E.164 or short codes)
    are never a customer's.
    """
    folded = fold(text.replace("º", "°"))  # "nº" is no "no"
    found = [
        *_customer_ids(text, folded),
        *_emails(text, folded),
        *_phones(folded, countries, registry),
    ]
    if author and ":" in author:
        declared = MatchBasis.DECLARED_ACCOUNT
        found.append(Identifier(IdentifierKind.HANDLE, handle(author), declared))
    return tuple(dict.fromkeys(found))


def handle(written: str) -> str:
    """`Platform:@Name` in the one form that is compared: lower case, without the @ sign."""
    platform, _, name = written.partition(":")
    return f"{platform.strip().lower()}:{name.strip().lstrip('@').lower()}"


def _customer_ids(text: str, folded: str) -> Iterator[Identifier]:
    for pattern in (_STRONG_ID, _WEAK_ID):
        for match in pattern.finditer(folded):
            start, end = match.span("id")
            if pattern is _WEAK_ID and _YEAR.fullmatch(match["id"]):
                continue
            if _COUNTED.match(folded, end):
                continue
            value = text[start:end].strip("-_/").upper()
            if sum(c.isdigit() for c in value) >= 3 and len(value) >= 4:
                yield Identifier(IdentifierKind.CUSTOMER_ID, value)


def _emails(text: str, folded: str) -> Iterator[Identifier]:
    for match in _EMAIL.finditer(folded):
        start, end = match.span()
        before = folded[max(0, start - 80) : start]
        if _OWN_MAIL.search(before) or _OWN_MAIL_AFTER.match(folded, end):
            yield Identifier(IdentifierKind.EMAIL, text[start:end].lower())


def _phones(
    folded: str, countries: Sequence[str], registry: Collection[str]
) -> Iterator[Identifier]:
    for match in _RUN.finditer(folded):
        start, end = match.span()
        before = _clause(folded[max(0, start - 120) : start])
        after = folded[end : end + 60]
        theirs = _OTHER_LINE.search(before)
        mine = not theirs and _is_own(before, after)
        if not (theirs or mine):
            continue
        number = _read_phone(match[0], countries)
        if number and number not in registry:
            yield Identifier(IdentifierKind.PHONE, number, own=mine)


def _read_phone(written: str, countries: Sequence[str]) -> str | None:
    """By the first country that has assigned the number, else by the first whose length fits."""
    if _DATE.match(written):
        return None
    read = [n for c in countries or ("",) if (n := phones.normalise(written, c))]
    return next((n for n in read if phones.is_assigned(n)), next(iter(read), None))


def _is_own(before: str, after: str) -> bool:
    if _OWN_AFTER.match(after):
        return True
    if _CALLS_BEFORE.search(before):
        return False
    if _REACHED.search(before):
        return True
    return bool(_OWN_LINE.search(before)) and not _CALLS_AFTER.match(after)


def _clause(before: str) -> str:
    """From the last end of a sentence on."""
    cut = max(
        (m.end() for m in re.finditer(r"[!?\n;]|\.(?= )(?<!n\.)(?<!tel\.)", before)), default=0
    )
    return before[cut:] if before[cut:].strip(" :") else before


# ---------------------------------------------------------------------------- what that amounts to


def decide(
    candidates: Sequence[Candidate], given: Sequence[Identifier], threshold: float
) -> CustomerMatch:
    """The customer whom the candidates agree on, or nobody.

    The strongest kind of identifier that found anyone names the customer: customer id, e-mail,
    phone, declared account. It must name one only, and no other identifier may name others
    only. What belongs to somebody they speak for proposes, and never decides.

    `reasons` are `key:value` (the key is a catalogue's, the value may hold colons); identifiers
    stand in them masked.
    """
    if not given:
        return CustomerMatch(False, None, 0.0, ("nothing_given:",))
    by_identifier = _found_by(candidates, given)
    if not by_identifier:
        return CustomerMatch(False, None, 0.0, tuple(f"not_found:{_shown(i)}" for i in given))
    listed = _listed(candidates, by_identifier)
    people = {(c.customer.crm, c.customer.ref) for c in listed}
    own = {i: found for i, found in by_identifier.items() if i.own}
    found_reasons = [_reason(i) for i in by_identifier]
    if not own:
        found_reasons.append("somebody_they_speak_for:")
        return _undecided(listed, people, by_identifier, found_reasons)
    strongest = min(own, key=lambda i: _rank(i.kind)).kind
    named = set.intersection(*(set(f) for i, f in own.items() if i.kind == strongest))
    against = [i for i, found in own.items() if not named & set(found)]
    if len(named) != 1 or against:
        found_reasons.append(f"several_customers:{len(people)}")
        return _undecided(listed, people, own, found_reasons)
    key = named.pop()
    customer = own[min(own, key=lambda i: _rank(i.kind))][key]
    used = [i for i, found in own.items() if key in found]
    confidence = _together(used)
    basis = min((i.basis for i in used), key=list(_HOW).index)
    if confidence < threshold:
        found_reasons.append(f"below_threshold:{threshold:.2f}")
    decided = confidence >= threshold
    return CustomerMatch(decided, customer, confidence, tuple(found_reasons), listed, basis)


_People = Mapping[tuple[str, str], Customer]


def _found_by(
    candidates: Iterable[Candidate], given: Sequence[Identifier]
) -> dict[Identifier, dict[tuple[str, str], Customer]]:
    """Who each given identifier found. A candidate found by nothing that was given does not count,
    whoever brought it."""
    found: dict[Identifier, dict[tuple[str, str], Customer]] = {}
    for identifier in sorted(given, key=lambda i: _rank(i.kind)):
        people = {
            (c.customer.crm, c.customer.ref): c.customer
            for c in candidates
            if c.found_by == identifier
        }
        if people:
            found[identifier] = people
    return found


def _listed(
    candidates: Iterable[Candidate], by_identifier: Mapping[Identifier, _People]
) -> tuple[Candidate, ...]:
    """Each customer once, with the strongest identifier that found them, strongest first."""
    best: dict[tuple[str, str], Candidate] = {}
    order = sorted(
        (c for c in candidates if c.found_by in by_identifier),
        key=lambda c: (not c.found_by.own, _rank(c.found_by.kind), c.customer.crm, c.customer.ref),
    )
    for candidate in order:
        best.setdefault((candidate.customer.crm, candidate.customer.ref), candidate)
    return tuple(best.values())


def _undecided(
    listed: tuple[Candidate, ...],
    people: Collection[tuple[str, str]],
    found: Mapping[Identifier, _People],
    reasons: Sequence[str],
) -> CustomerMatch:
    confidence = round(_together(found) / (1 + len(people)), 4)
    return CustomerMatch(False, None, confidence, tuple(reasons), listed)


def _together(used: Iterable[Identifier]) -> float:
    """One minus the product of the doubts, as if the identifiers were independent; each kind once."""
    doubt = 1.0
    for kind in {i.kind for i in used}:
        doubt *= 1 - CONFIDENCE[kind]
    return round(1 - doubt, 4)


def _rank(kind: IdentifierKind) -> int:
    return list(CONFIDENCE).index(kind)


def _reason(identifier: Identifier) -> str:
    return f"{identifier.kind.value}_{_HOW[identifier.basis]}:{_shown(identifier)}"


def _shown(identifier: Identifier) -> str:
    if identifier.kind is IdentifierKind.PHONE:
        return phones.mask(identifier.value)
    if identifier.kind is IdentifierKind.EMAIL:
        name, _, domain = identifier.value.partition("@")
        return f"{name[:1]}•••@{domain}"
    return identifier.value
