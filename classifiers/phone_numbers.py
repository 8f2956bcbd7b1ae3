"""Every written form of a phone number in a text, and what only looks like one.

Full numbers are checked against libphonenumber's numbering plans. Short codes (1004), prefixes
(0303) and numbers in words ("el mil cuatro") are told from prices, years, clock times, flights,
doors, orders and counts by the words around them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import shortnumberinfo

from . import number_words
from .folding import fold
from .reading import NumberMention, Span

# Tried, in this order, for numbers that fit no plan of the brand's own countries.
# Germany and Austria are left out: their open plans take nearly every sequence of digits.
OTHER_COUNTRIES = (
    *("ES", "MX", "AR", "CO", "CL", "PE", "BR", "PT", "US", "GB", "FR", "IT", "IE", "CH", "BE"),
    *("EC", "UY", "VE", "BO", "PY", "CR", "DO", "AU", "IN"),
)

# Blanks, dots, dashes, brackets, keycap and bidi marks that people put between the digits.
_SEP = r"[ \-/()\u00b7\u2022\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufe0f\u20e3_*]"
# A full stop and a blank end a sentence: "600 417 209. 3 llamadas".
_RUN = re.compile(rf"\+?\(?\+?[0-9](?:(?:{_SEP}{{0,3}}|\.)[0-9])*")
_GROUP = re.compile(r"[0-9]+")
_MAX_GROUPS = 24  # more than that is a table of figures
_MAX_DIGITS = 15  # E.164

_ARTICLE = re.compile(
    r"(?:^|[^\w])(?:(?:el|al|del|the|o|ao|do|pelo|no|le|du|au|il|al|dal|del|lo|die|der|den|vom|von der"
    r"|von|number|num|numero|nr|nro|no|n|nummer|tel|tfno|tlf|telf|telefono|telefone|telephone"
    r"|phone|code|codigo|codice|prefijo|prefixo|prefix|prefisso|prefixe|indicatif|vorwahl|short code"
    r"|desde|from|de|by|da|dallo|call|calls|text|texts|sms)\.?|#)[ :#\"'«“(]{0,3}$"
)
_STRONG_ARTICLE = re.compile(
    r"(?:^|[^\w])(?:(?:el|al|del|ao|do|pelo|dal|vom|number|num|numero|nummer|tel|tfno|tlf|telf"
    r"|telefono|telefone|telephone|phone|short code|prefijo|prefixo|prefisso|vorwahl)\.?"
    r"|(?<![\w] )#)[ :#\"'«“(]{0,3}$"
)
_CONTACT = re.compile(
    r"llam|marc(?:ar|an|ad|o|a|ue|and)\b|telef|tel[eé]?f|numero|numer|suena|sonar|cuelg|colg|spam"
    r"|\bca?ll|phone|\bring|\brang|dial|texted|\btext|\bsms\b|number|voicemail"
    r"|\blig(?:a|o|ou|am|ue|ar|an|ue)|ligac|atend|toca|discar|disque|desligu"
    r"|appel|sonne|decroch|raccroch|demarch|chiam|squill|rispo|telefon|numm|anruf|ruf|angeruf"
    r"|klingel|whats|wasap|acos|harass|assedi|pesad|tormen|bother|molest|insist|contact|kontakt"
)

_MEASURES = (
    "euros? eur dolares? dollars? pesos? soles reais real pounds? quid libras? francs? franken"
    " bucks? usd gbp cents? centimos? centavos? centimes? mil millones million millions mio"
    " k kg g gr km kms kmh m mts metros? meters? metres? metri cm mm l litros? litres? gb mb tb"
    " gigas? megas? mbps kwh kw mw w v mah grados degrees grad prozent percent kilometros?"
    " kilometers miles? millas? kilos? h hs hrs am pm uhr o'clock street st avenue ave road rd"
    " drive lane blvd strasse straße th nd"
).replace(" ", "|")
_COUNTED = (
    "personas people pessoas personnes persone personen gente clientes? customers? clients?"
    " clienti kunden usuarios? users? utenti utilisateurs abonnes? nutzer seguidores followers?"
    " familias? families trabajadores empleados employees workers mensajes? messages? mensagens"
    " messaggi nachrichten llamadas? calls? ligacoes ligacao chamadas? appels? chiamate"
    " telefonate anrufe veces times vezes fois volte dias days?"
    " jours? giorni tage horas? hours? heures? ore stunden? minutos? minutes? mins?"
    " min minuti minuten segundos? seconds? secondi sekunden meses mes months? mois mesi monate?"
    " semanas? weeks? semaines? settimane wochen anos? years? yrs? ans annees anni jahre lineas?"
    " correos? emails? mails? quejas? complaints? reclamaciones reclamacoes reclamos? plaintes"
    " reclami beschwerden casos? cases points? puntos? pontos punti punkte votos? votes likes views"
    " visitas? tweets? posts? hogares casas? edificios pisos unidades units? piezas pieces cosas"
    " things coisas choses cose sachen acciones shares preguntas questions respuestas paginas?"
    " pages? palabras words intentos attempts tentativas opiniones reviews contratos contracts"
    " facturas ninos children kinder hombres mujeres men women autos? carros? cars? coches?"
    " llamados llamaditas telefonazos toques timbrazos sms mms whats\\w* wasaps? guasaps? zaps? audios"
    " cartas? avisos correos? comerciales vendedores asesores perdidas voicemails? texts? letters?"
    " rings? visits? reps? telefonemas torpedos perdidas? bilhetes vendedores contat[io]s? contactos"
    " coups textos courriels relances sonneries lettres squilli lettere telefonata sms mails? nachrichten"
    " anrufen besuche briefe telefonate kontakte contacts? attempts versuche tentativi"
).replace(" ", "|")


_MEASURE_AFTER = re.compile(
    rf"[ ]?[%€$£¥°ºª₹]|[ \-]?(?:de )?(?:{_MEASURES})(?![\w'])|[ ]?(?:us|r|ar|mx|s/)\$"
    r"|(?: [\w']{2,20}){1,2} (?:street|avenue|ave|road|lane|drive|blvd)(?!\w)"
)
_COUNTED_AFTER = re.compile(
    rf"[ \-]?(?:{_COUNTED})(?![\w'])(?! (?:me|us|my|him|her|them|you|again)(?!\w))"
)
# "el 1004 llamadas" cannot count: a singular article stands before a telephone number
_SINGULAR = re.compile(r"(?:^|[^\w])(?:el|al|del|dal|ao|do|pelo) $")
_CURRENCY_BEFORE = re.compile(r"(?:[$€£¥₹]|\b(?:usd|eur|gbp|chf|mxn|ars|cop|clp|brl|s/|rs)\.?) ?$")
# What makes the following figure an address, an order, a page, a product ... and no phone number.
_NOT_A_NUMBER_BEFORE = re.compile(
    r"(?:^|[^\w])(?:calle|c/|avenida|avda|avd|av|plaza|paseo|puerta|piso|portal|bloque|habitacion"
    r"|cuarto|local|street|door|room|suite|apt|apartment|unit|flat|floor|rua|andar|apto|sala|bloco"
    r"|porta|rue|porte|chambre|appartement|via|viale|piazza|interno|stanza|camera|zimmer|strasse"
    r"|straße|\w+straße|\w+strasse|hausnummer|plz|cp|cep|cap|zip|postal|vuelo|flight|flights"
    r"|voo|vol|volo|flug|tren|train|trem|treno|zug|bus|gate|asiento"
    r"|seat|pedido|orden|order|orders|encomenda|commande|ordine|bestellung|bestellnummer|ticket"
    r"|ref|referencia|reference|referenza|referenz|protocolo|protocollo|expediente|incidencia"
    r"|reclamacion|caso|case|folio|factura|invoice|fatura|facture|fattura|rechnung"
    r"|rechnungsnummer|contrato|contract|contrat|contratto|vertrag|vertragsnummer|kundennummer"
    r"|cuenta|account|compte|konto|iban|dni|nif|nie|cpf|cnpj|rut|curp|id|poliza"
    r"|policy|tracking|seguimiento|guia|rastreio|suivi|sendungsnummer|paquete|parcel|codigo de"
    r"|pin|clave|pagina|page|pag|seite|capitulo|chapter|articulo|articolo|article|artikel|art|ley"
    r"|law|lei|loi|legge|gesetz|real decreto|decreto|resolucion|modelo|model|modele|modello"
    r"|version|sala|km|ano|anos|year|in|annee|anno|jahr|seit|desde el ano|depuis|since|dal lontano"
    r"|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
    r"|january|february|march|april|may|june|july|august|september|october|november|december"
    r"|janeiro|fevereiro|marco|maio|junho|julho|setembro|outubro|novembro|dezembro"
    r"|janvier|fevrier|mars|avril|mai|juin|juillet|aout|septembre|octobre|decembre"
    r"|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|dicembre"
    r"|januar|februar|marz|juni|juli|oktober|dezember)\.?"
    r"(?: (?:de|del|la|el|los|no|n|nº|num|numero|number|nr|nro|nummer|num|do|da|du|della|der|die)"
    r"\.?){0,2}[ :#º°\-]{0,3}$"
)
_ADDRESS_BEFORE = re.compile(
    r"(?:^|[^\w])(?:calle|c/|avenida|avda|av|plaza|paseo|rua|rue|via|viale|piazza|avenue|boulevard)"
    r"\.? (?:[\w']{1,20} ){0,4}(?:n|no|num|numero|number|nº)?\.?,? ?$"
)
_TIME_BEFORE = re.compile(r"(?:^|[^\w])(?:a las|a la|las|at|as|alle|um|gegen|vers) $")
_DATE_BEFORE = re.compile(r"(?:^|[^\w])(?:dia|fecha|date|data|datum|am|on|le jour|giorno|tag) $")
_LETTER = re.compile(r"[^\W\d_]")
_MASKED = re.compile(rf"{_SEP}?[x*#?•]{{2,}}| y (?:pico|algo)\b", re.IGNORECASE)
_MASKED_BEFORE = re.compile(rf"[x*#?•]{{2,}}{_SEP}?$", re.IGNORECASE)
_LIST_GAP = re.compile(
    r"(?: ?[,/;] ?| (?:y|o|and|or|e|ou|et|und|oder) |, (?:y|o|and|e|et) )(?:(?:el|del|al) )?"
)
_ENOUGH = 0.6  # the confidence from which a short figure counts as a number
_YEAR = re.compile(r"(?:19|20)\d\d")
_DATE_LIKE = re.compile(r"\d{1,2}[./\-]\d{1,2}[./\-](?:\d{4}|\d\d)|\d{4}[./\-]\d{1,2}[./\-]\d{1,2}")
_IP_LIKE = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+")
_SPACED_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?: \d{3})+")
_URL = re.compile(
    r"(?:https?://|www\.)\S+|\S+@\S+\.\w+|[\w.\-]+\.(?:com|es|org|net|br|fr|it|de)/\S*"
)
_NANP = re.compile(r"(?:\+?1[ .\-]?)?\(?\d{3}\)?[ .\-]{1,2}\d{3}[ .\-]\d{4}")
_PREFIX = re.compile(r"0?303|0[389]\d0|0[89]\d\d")


@dataclass(frozen=True, slots=True)
class _Run:
    """Groups of digits of a folded text that stand so close that they may be one number."""

    groups: tuple[Span, ...]

    def digits(self, folded: str, i: int, j: int) -> str:
        return "".join(folded[a:b] for a, b in self.groups[i:j])

    def gap(self, folded: str, i: int) -> str:
        """What stands between group i-1 and group i."""
        return folded[self.groups[i - 1][1] : self.groups[i][0]]


def _runs(folded: str) -> Iterator[_Run]:
    """Runs of digit groups outside links, e-mail addresses, words, decimals and clock times."""
    if not _GROUP.search(folded):
        return
    links = [m.span() for m in _URL.finditer(folded)] if "/" in folded or "@" in folded else []
    links = [(a, b) for a, b in links if "wa.me/" not in folded[a:b]]
    for match in _RUN.finditer(folded):
        start, end = match.span()
        if any(a <= start < b for a, b in links[:200]):
            continue
        groups = [m.span() for m in _GROUP.finditer(folded, start, end)]
        if groups and _sticks_before(folded, groups[0][0]):
            groups = groups[1:] if len(groups) < 5 else []  # "ES91 2100 0418 ...": an IBAN
        if groups and _sticks_after(folded, groups[-1][1]):
            groups = groups[:-1]
        if len(groups) > 2 and folded[groups[-2][0] : groups[-1][1]] == "24/7":
            groups = groups[:-2]
        if len(groups) > 1 and _is_count(folded, groups):
            groups = groups[:-1]
        if groups and len(groups) <= _MAX_GROUPS:
            yield _Run(tuple(groups))


def _is_count(folded: str, groups: list[Span]) -> bool:
    """The last of several groups counts something of its own: "el 1004 3 veces"."""
    (_, before), (start, end) = groups[-2:]
    blank = folded[before:start] == " "
    return blank and end - start <= 3 and folded[start] != "0" and _counts(folded, start, end)


def _sticks_before(folded: str, start: int) -> bool:
    before = folded[max(0, start - 2) : start]
    if not before:
        return False
    last = before[-1]
    if last.isalnum() or last in "_@=&":
        return True
    return last in ":,'" and before[:-1].isdigit()


def _sticks_after(folded: str, end: int) -> bool:
    after = folded[end : end + 2]
    if not after:
        return False
    if after[0].isalpha() or after[0] in "_@=":
        return True
    return after[0] in ":,'" and after[1:].isdigit()


@lru_cache(maxsize=8192)
def _parse(written: str, country: str | None) -> tuple[str, bool] | None:
    """E.164 form and whether the numbering plan knows it; None when it cannot be one."""
    try:
        number = phonenumbers.parse(written, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    valid = phonenumbers.is_valid_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), valid


@lru_cache(maxsize=4096)
def _is_short_code(digits: str, countries: tuple[str, ...]) -> bool:
    for country in countries:
        try:
            number = phonenumbers.parse(digits, country)
        except phonenumbers.NumberParseException:
            continue
        if shortnumberinfo.is_valid_short_number_for_region(number, country):
            return True
    return False


def _written(folded: str, start: int, end: int) -> str:
    """The form that libphonenumber reads: digits and plus sign only, 00 as a plus sign."""
    text = folded[start:end]
    digits = "".join(c for c in text if c.isdigit())
    if "+" in text or (digits.startswith("00") and len(digits) > 9):
        return "+" + digits.removeprefix("00")
    return digits


def _e164(written: str, countries: Sequence[str]) -> tuple[str | None, float]:
    """The E.164 form by the first country whose plan fits, and how likely this is a number (0: no).

    A number that only fits a plan of another country keeps its E.164 form to itself.
    """
    if written.startswith("+"):
        # "+34 (0)91 ...": the trunk zero in brackets is not dialled from abroad
        found = _parse(written, None)
        return (found[0], 0.99 if found[1] else 0.7) if found else (None, 0.0)
    for country in countries:
        found = _parse(written, country)
        if found and found[1]:
            return found[0], 0.97
    for country in OTHER_COUNTRIES:
        if country not in countries:
            found = _parse(written, country)
            if found and found[1]:
                return None, 0.8
    return None, 0.0


def _start_of(folded: str, start: int) -> int:
    """Takes in an opening bracket and a plus sign before the first digit."""
    while start > 0 and folded[start - 1] in "+(":
        start -= 1
    return start


def _span(folded: str, start: int, end: int) -> Span:
    """From the plus sign or bracket to the last digit; a bracket without its other half is out."""
    begin = _start_of(folded, start)
    while begin < start and folded[begin:end].count("(") > folded[begin:end].count(")"):
        begin += 1
    while folded[begin] not in "+(" and not folded[begin].isdigit():
        begin += 1
    while end < len(folded) and folded[end] in "\ufe0f\u20e3":
        end += 1
    return begin, end


@dataclass(frozen=True, slots=True)
class _Plan:
    """Whose numbering plans are tried, and whether the text is known to speak of contacts."""

    countries: tuple[str, ...]
    about_calls: bool = False


def _near_contact(folded: str, start: int, end: int) -> bool:
    before, after = folded[max(0, start - 90) : start], folded[end : end + 90]
    return _CONTACT.search(before) is not None or _CONTACT.search(after) is not None


def _counts(folded: str, start: int, end: int) -> bool:
    """True when the figure measures or counts what comes after it."""
    after = folded[end : end + 40]
    if _MEASURE_AFTER.match(after):
        return True
    return bool(_COUNTED_AFTER.match(after)) and not _SINGULAR.search(
        folded[max(0, start - 6) : start]
    )


def _refused(folded: str, start: int, end: int, *, full: bool = False) -> bool:
    """True for what the neighbouring words make a price, an address, an order, a count ..."""
    before, after = folded[max(0, start - 48) : start], folded[end : end + 40]
    return bool(
        _CURRENCY_BEFORE.search(before)
        or (_MEASURE_AFTER.match(after) if full else _counts(folded, start, end))
        or _NOT_A_NUMBER_BEFORE.search(before)
        or _MASKED.match(after)
        or _MASKED_BEFORE.search(before[-4:])
    )


def _full(folded: str, run: _Run, i: int, j: int, plan: _Plan) -> tuple[str | None, float]:
    """Whether groups i to j are one full number: its E.164 form and confidence (0: no)."""
    start, end = run.groups[i][0], run.groups[j - 1][1]
    shape = folded[_start_of(folded, start) : end]
    digits = run.digits(folded, i, j)
    if not 7 <= len(digits) <= _MAX_DIGITS + 2 or len(set(digits)) < 2:
        return None, 0.0
    if _DATE_LIKE.fullmatch(shape):
        return None, 0.0
    written = _written(folded, _start_of(folded, start), end)
    e164, confidence = _e164(written, plan.countries)
    if e164 is None and "(0)" in shape:
        e164, confidence = _e164(
            _written(shape.replace("(0)", ""), 0, len(shape) - 3), plan.countries
        )
    other_figure = _THOUSANDS.fullmatch(shape) or _IP_LIKE.fullmatch(shape)
    if other_figure and (len(digits) < 9 or confidence < 0.97):
        return None, 0.0
    if confidence >= 0.97:
        return e164, confidence
    context = plan.about_calls or _near_contact(folded, start, end)
    sizes = [b - a for a, b in run.groups[i:j]]
    grouped = len(sizes) >= 2 and max(sizes) <= 5
    if "/" in shape and len(set(sizes)) == 1:  # "1004/1002": two numbers
        return None, 0.0
    if _NANP.fullmatch(shape):
        return e164, max(confidence, 0.85)
    if confidence and (grouped or context):
        return e164, max(confidence, 0.75)
    if 7 <= len(digits) <= 13 and context and (grouped or len(digits) >= 8):
        return None, 0.65
    return None, 0.0


def _full_numbers(
    folded: str, run: _Run, plan: _Plan
) -> Iterator[tuple[int, int, str | None, float]]:
    """Cuts a run into full numbers: the whole, or else the parts that a home plan confirms."""
    n = len(run.groups)
    if n >= 4 and all(b - a == 4 for a, b in run.groups):
        return  # a payment card
    e164, confidence = _full(folded, run, 0, n, plan)
    if confidence:
        yield 0, n, e164, confidence
        return
    i = 0
    while i < n:
        best: tuple[int, str | None, float] | None = None
        length = 0
        for j in range(i + 1, n + 1):
            length += run.groups[j - 1][1] - run.groups[j - 1][0]
            if length > _MAX_DIGITS + 2:
                break
            if length < 7:
                continue
            e164, confidence = _full(folded, run, i, j, plan)
            if confidence >= 0.97 or (confidence and j - i == 1):
                best = (j, e164, confidence)
        if best is None:
            i += 1
            continue
        yield i, *best
        i = best[0]


def _short_shape(folded: str, run: _Run, i: int, j: int) -> str:
    """How a short code is written: "plain", "spaced", "dashed", "dotted", or "" for no way."""
    if j - i == 1:
        return "plain"
    gaps = {run.gap(folded, k).strip("\ufe0f\u20e3") or "" for k in range(i + 1, j)}
    if len(gaps) != 1:
        return ""
    gap = gaps.pop()
    single = all(b - a == 1 for a, b in run.groups[i:j])
    if gap in ("", " "):
        return "spaced"
    if gap in ("-", " - "):
        return "dashed"
    if gap == ".":
        return "dotted" if single or j - i > 2 else "dot"
    return ""


def _listed(folded: str, run: _Run, k: int) -> bool:
    """Groups k-1 and k are two numbers side by side: "1004/1002", "1004 911234567"."""
    left, right = (b - a for a, b in run.groups[k - 1 : k + 1])
    gap = run.gap(folded, k).strip()
    return (gap == "/" and left == right >= 3) or (gap == "" and max(left, right) >= 7)


def _alone(folded: str, run: _Run, i: int, j: int) -> bool:
    """False when neighbouring digits belong to the same number ("1004-22", "10 04 22")."""
    contiguous = j - i == 1
    for k, inner in ((i, False), (j, True)):
        if k == 0 or k == len(run.groups):
            continue
        if contiguous and _listed(folded, run, k):
            continue
        if run.gap(folded, k) != " " or not contiguous:
            return False
        # "el 1004 2 o 3 veces": a small figure that a word follows is a sentence going on
        start, end = run.groups[k]
        small = inner and end - start <= 2 and folded[start] != "0" and k + 1 == len(run.groups)
        if not (small and re.match(r" [^\W\d_]", folded[end : end + 2])):
            return False
    return True


def _short_confidence(
    folded: str, start: int, end: int, digits: str, shape: str, plan: _Plan
) -> float:
    """How likely a short figure is a phone number, by its form and its neighbours; 0 when not."""
    before = folded[max(0, start - 90) : start]
    strong = _STRONG_ARTICLE.search(before[-24:]) is not None
    if _refused(folded, start, end) or _ADDRESS_BEFORE.search(before) or not shape:
        return 0.0
    if (
        shape in ("plain", "dot")
        and folded[end : end + 1] == "."
        and folded[end + 1 : end + 2].isdigit()
    ):
        return 0.0
    written = folded[start:end]
    if not strong and (shape == "dot" or _SPACED_THOUSANDS.fullmatch(written)):
        return 0.0
    if _DATE_LIKE.fullmatch(written):
        return 0.0
    if shape == "dashed" and _DATE_BEFORE.search(before[-12:]):
        return 0.0
    if shape in ("spaced", "plain") and _TIME_BEFORE.search(before[-12:]):
        return 0.0
    year = _YEAR.fullmatch(digits) is not None
    confidence = 0.3
    if strong:
        confidence += 0.25
    elif _ARTICLE.search(before[-24:]):
        confidence += 0.15
    if _is_short_code(digits, plan.countries) or _PREFIX.fullmatch(digits):
        confidence += 0.2
    if plan.about_calls or _near_contact(folded, start, end):
        confidence += 0.2
    if shape in ("dashed", "dotted", "spaced"):
        confidence += 0.1
    if year and shape == "plain":
        confidence -= 0.4
    return min(confidence, 0.95)


def _digit_mentions(text: str, folded: str, plan: _Plan) -> Iterator[NumberMention]:
    last_short: int | None = None
    for run in _runs(folded):
        international = _international_short(folded, run, plan)
        if international:
            (start, end), digits = international
            yield NumberMention(text[start:end], None, (start, end), digits, 0.9)
            continue
        taken: list[tuple[int, int]] = []
        for i, j, e164, confidence in _full_numbers(folded, run, plan):
            start, end = _span(folded, run.groups[i][0], run.groups[j - 1][1])
            if folded[start] != "+" and _refused(folded, start, end, full=True):
                continue
            taken.append((i, j))
            digits = run.digits(folded, i, j)
            yield NumberMention(text[start:end], e164, (start, end), digits, confidence)
        if not taken:
            for mention in _short_mentions(text, folded, run, plan, last_short):
                last_short = mention.span[1]
                yield mention


def _international_short(folded: str, run: _Run, plan: _Plan) -> tuple[Span, str] | None:
    """ "+34 1004": nobody dials it so, but people write it."""
    first, n = run.groups[0][0], len(run.groups)
    written = _written(folded, _start_of(folded, first), run.groups[-1][1])
    plain = run.digits(folded, 0, n)
    if written == plain and not plain.startswith("00"):
        return None
    if len(plain) > 11:
        return None
    for country in plan.countries:
        code = str(phonenumbers.country_code_for_region(country))
        digits = plain.removeprefix("00").removeprefix(code)
        if plain.removeprefix("00").startswith(code) and 3 <= len(digits) <= 6:
            return _span(folded, first, run.groups[-1][1]), digits
    return None


def _short_mentions(
    text: str, folded: str, run: _Run, plan: _Plan, after: int | None
) -> Iterator[NumberMention]:
    """``after``: where the last short code found ended, since "el 1004, 1002 y 1485" is a list."""
    n = len(run.groups)
    whole = [(0, n)] if n > 1 else []
    for i, j in [*whole, *((k, k + 1) for k in range(n))]:
        digits = run.digits(folded, i, j)
        if not 3 <= len(digits) <= 6 or not _alone(folded, run, i, j):
            continue
        start, end = _span(folded, run.groups[i][0], run.groups[j - 1][1])
        shape = _short_shape(folded, run, i, j)
        confidence = _short_confidence(folded, start, end, digits, shape, plan)
        if confidence >= _ENOUGH or (
            after is not None and confidence > 0 and _LIST_GAP.fullmatch(folded, after, start)
        ):
            yield NumberMention(text[start:end], None, (start, end), digits, max(confidence, 0.6))
            if (i, j) == (0, n):
                return
            after = end


@dataclass(frozen=True, slots=True)
class _Spelled:
    """A sequence of number words read as dialled digits."""

    digits: str
    start: int
    end: int
    parts: tuple[number_words.NumberWord, ...]


_SPELLED_GAP = re.compile(r"[ ,\-]{1,3}")
_TIMES = {"double": 2, "doble": 2, "triple": 3, "treble": 3, "doppelt": 2}
_EXTRA_DIGITS = {"en": {"oh": 0, "o": 0}, "pt": {"meia": 6}}


def _spelled(folded: str, words: list[tuple[str, int, int]], lang: str) -> Iterator[_Spelled]:
    """Sequences of number words, each as the digits that one would dial."""
    extra = _EXTRA_DIGITS.get(lang, {})
    numbers = {n.start: n for n in number_words.find(folded, lang, words)}
    parts: list[number_words.NumberWord] = []
    digits = ""
    times = 1
    inside = -1
    pending: Span | None = None
    begin = 0
    for word, start, end in words:
        if start < inside:
            continue
        number = numbers.get(start)
        if number is None and digits and word in extra:
            number = number_words.NumberWord(extra[word], start, end, 1)
        last_end = pending[1] if pending else parts[-1].end if parts else -1
        close = (
            last_end >= 0
            and start - last_end <= 3
            and _SPELLED_GAP.fullmatch(folded, last_end, start)
        )
        if (parts or pending) and not close:
            if digits:
                yield _Spelled(digits, begin, parts[-1].end, tuple(parts))
            parts, digits, times, pending = [], "", 1, None
        if number is None:
            if word in _TIMES and lang in ("en", "es"):
                times, pending = _TIMES[word], (start, end)
                begin = begin if parts else start
                continue
            if digits:
                yield _Spelled(digits, begin, parts[-1].end, tuple(parts))
            parts, digits, times, pending = [], "", 1, None
            continue
        if not parts:
            begin = pending[0] if pending else number.start
        parts.append(number)
        digits += str(number.value) * times
        times, pending, inside = 1, None, number.end
    if digits:
        yield _Spelled(digits, begin, parts[-1].end, tuple(parts))


def _spelling_languages(words: list[tuple[str, int, int]]) -> tuple[str, ...]:
    """The languages in which some words of the text may spell three digits or more."""
    return tuple(
        lang for lang in number_words.LANGUAGES if number_words.may_spell_digits(words, lang)
    )


def _spelled_confidence(folded: str, spelled: _Spelled, plan: _Plan) -> float:
    digits, start, end = spelled.digits, spelled.start, spelled.end
    if not 3 <= len(digits) <= _MAX_DIGITS:
        return 0.0
    before = folded[max(0, start - 90) : start]
    strong = _STRONG_ARTICLE.search(before[-24:]) is not None
    if (
        _counts(folded, start, end)
        or _NOT_A_NUMBER_BEFORE.search(before)
        or _TIME_BEFORE.search(before[-12:])
    ):
        return 0.0
    values = [p.value for p in spelled.parts]
    if len(values) > 2 and all(b - a == 1 for a, b in itertools.pairwise(values)):
        return 0.0  # "una, due, tre": somebody counts
    if len(digits) >= 7:
        return 0.8 if len(spelled.parts) >= 4 or strong else 0.0
    round_number = len(spelled.parts) == 1 and int(digits) % 100 == 0
    year = len(spelled.parts) == 1 and _YEAR.fullmatch(digits) is not None
    if round_number or year or (len(spelled.parts) == 1 and len(digits) < 3):
        return 0.0
    confidence = 0.25 + (0.3 if strong else 0.15 if _ARTICLE.search(before[-24:]) else 0.0)
    if any(p.value == 0 for p in spelled.parts) and len(spelled.parts) > 1:
        confidence += 0.2
    if _is_short_code(digits, plan.countries):
        confidence += 0.2
    if plan.about_calls or _near_contact(folded, start, end):
        confidence += 0.15
    return min(confidence, 0.95)


def _spelled_mentions(text: str, folded: str, plan: _Plan) -> Iterator[NumberMention]:
    words = number_words.tokens(folded)
    for lang in _spelling_languages(words):
        for spelled in _spelled(folded, words, lang):
            confidence = _spelled_confidence(folded, spelled, plan)
            if confidence < _ENOUGH:
                continue
            e164, sure = (
                _e164(spelled.digits, plan.countries) if len(spelled.digits) >= 7 else (None, 1.0)
            )
            span = (spelled.start, spelled.end)
            yield NumberMention(
                text[slice(*span)], e164, span, spelled.digits, confidence * max(sure, 0.8)
            )


def find_all(
    text: str, *, countries: Sequence[str] = ("ES",), about_calls: bool = False
) -> tuple[NumberMention, ...]:
    """Every phone number in a text, left to right, without overlaps.

    ``countries`` are ISO 3166 alpha-2 codes, the likeliest first: the brand's own. Numbers that
    fit another numbering plan are found as well, with less confidence. ``about_calls`` says that
    the text is known to speak of contacts, so that figures need less of a hint around them.
    """
    plan = _Plan(tuple(countries), about_calls)
    folded = fold(text)
    found = [*_digit_mentions(text, folded, plan), *_spelled_mentions(text, folded, plan)]
    return _without_overlaps(found)


_DIGITS_OR_WORDS = re.compile(r"[0-9]+|[^0-9]+")


_WORD = re.compile(r"[^\W_]+")


def number_inside(text: str, span: Span, lang: str) -> Span:
    """A passage without the words around the number in it ("el", "desde el", "and"): from its first
    figure or number word to its last; empty when there is none."""
    folded = fold(text)
    spelt = number_words.LANGUAGES if lang not in number_words.LANGUAGES else (lang,)
    parts = [
        (m.start(), m.end())
        for m in _WORD.finditer(folded, *span)
        if re.search("[0-9]", m.group())
        or m.group() in _TIMES
        or any(m.group() in _EXTRA_DIGITS.get(name, {}) for name in spelt)
        or any(number_words.word_value(m.group(), name) is not None for name in spelt)
    ]
    if not parts:
        return span[0], span[0]
    start = parts[0][0]
    while start > span[0] and folded[start - 1] in "+(":
        start -= 1
    return start, parts[-1][1]


def read_as_written(
    text: str, span: Span, *, lang: str, countries: Sequence[str] = ("ES",)
) -> NumberMention:
    """The number in a passage that is known to hold one, digits and words of `lang` mixed
    ("6 treinta y 4, 88 00 noventa"); ``e164`` is None where no plan of the countries fits."""
    digits = ""
    for part in _DIGITS_OR_WORDS.findall(fold(text)[slice(*span)]):
        if part[0].isascii() and part[0].isdigit():
            digits += part
        elif lang in number_words.LANGUAGES:
            words = number_words.tokens(part)
            digits += "".join(s.digits for s in _spelled(part, words, lang))
    digits = digits[:_MAX_DIGITS]
    full = len(digits) >= 7
    e164 = _e164(_written(fold(text), *span), countries)[0] if full else None
    if full and e164 is None:
        e164 = _e164(digits, countries)[0]
    return NumberMention(text[slice(*span)], e164, span, digits, 0.7)


def _without_overlaps(found: list[NumberMention]) -> tuple[NumberMention, ...]:
    found.sort(key=lambda n: (n.span[0], n.span[0] - n.span[1], -n.confidence))
    kept: list[NumberMention] = []
    for mention in found:
        if kept and mention.span[0] < kept[-1].span[1]:
            continue
        kept.append(mention)
    return tuple(kept)


@lru_cache(maxsize=1024)
def _forms(number: str, countries: tuple[str, ...]) -> tuple[frozenset[str], str]:
    """All digit strings by which one number is dialled or written, and its shortest form."""
    plain = fold(number)
    digits = "".join(c for c in plain if c.isdigit())
    codes = [str(phonenumbers.country_code_for_region(c)) for c in countries]
    if len(digits) < 7:
        return frozenset([digits, *(p + c + digits for c in codes for p in ("", "00"))]), digits
    written = _written(plain, 0, len(plain))
    for country in (None,) if written.startswith("+") else countries:
        if _parse(written, country) is None:
            continue
        parsed = phonenumbers.parse(written, country)
        national = phonenumbers.national_significant_number(parsed)
        code = str(parsed.country_code)
        return frozenset(
            p + z + national for p in ("", code, "00" + code) for z in ("", "0")
        ), national
    for code in codes:  # "+34 1004"
        if written.startswith("+" + code) and len(digits) - len(code) < 7:
            short = digits.removeprefix("00").removeprefix(code)
            return _forms(short, countries)
    return frozenset([digits]), digits


def find(text: str, number: str, *, countries: Sequence[str] = ("ES",)) -> tuple[Span, ...]:
    """Every place where exactly this number is written, in any form, left to right.

    ``number`` may be a short code, a prefix, or a full number in national or international form.
    A number without digits is found nowhere.
    """
    plan = _Plan(tuple(countries))
    forms, national = _forms(number, plan.countries)
    if not national:
        return ()
    folded = fold(text)
    found = [*_find_digits(folded, forms, national, plan), *_find_spelled(folded, national)]
    found.sort()
    return tuple(found)


def _find_digits(folded: str, forms: frozenset[str], national: str, plan: _Plan) -> Iterator[Span]:
    longest = max(map(len, forms))
    for run in _runs(folded):
        i, n = 0, len(run.groups)
        while i < n:
            step = 1
            digits = ""
            for j in range(i + 1, n + 1):
                digits += folded[slice(*run.groups[j - 1])]
                if len(digits) > longest:
                    break
                if digits in forms and _is_written(folded, run, i, j, national, digits, plan):
                    yield _span(folded, run.groups[i][0], run.groups[j - 1][1])
                    step = j - i
                    break
            i += step


def _is_written(
    folded: str, run: _Run, i: int, j: int, national: str, digits: str, plan: _Plan
) -> bool:
    start, end = _span(folded, run.groups[i][0], run.groups[j - 1][1])
    if len(national) >= 7:
        return _complete(folded, run, i, j) and not (
            _CURRENCY_BEFORE.search(folded[max(0, start - 6) : start])
            or _MEASURE_AFTER.match(folded[end : end + 40])
            or _MASKED.match(folded[end : end + 4])
        )
    international = folded[start] == "+" or (digits != national and digits.startswith("00"))
    if international or digits != national:
        return international and (i, j) == (0, len(run.groups))
    if not _alone(folded, run, i, j):
        return False
    shape = _short_shape(folded, run, i, j)
    confidence = _short_confidence(folded, start, end, digits, shape, plan)
    return confidence > 0.25 or (confidence > 0 and not _YEAR.fullmatch(digits))


def _complete(folded: str, run: _Run, i: int, j: int) -> bool:
    """False when more digits of the same number stand before or after."""
    for k, after in ((i, False), (j, True)):
        if k == 0 or k == len(run.groups):
            continue
        gap = run.gap(folded, k).strip()
        if gap == "/":
            continue
        if gap:
            return False
        outside = run.groups[k:] if after else run.groups[:k]
        size = sum(b - a for a, b in outside)
        if size < 7 and not (after and len(outside) == 1 and _counts(folded, *outside[0])):
            return False
    return True


def _find_spelled(folded: str, national: str) -> Iterator[Span]:
    words = number_words.tokens(folded)
    seen: set[Span] = set()
    for lang in _spelling_languages(words):
        for spelled in _spelled(folded, words, lang):
            span = (spelled.start, spelled.end)
            if spelled.digits != national or span in seen:
                continue
            before = folded[max(0, span[0] - 90) : span[0]]
            if (
                _counts(folded, *span)
                or _NOT_A_NUMBER_BEFORE.search(before)
                or _TIME_BEFORE.search(before[-12:])
            ):
                continue
            near = _near_contact(folded, *span)
            if len(spelled.parts) > 1 or near or _STRONG_ARTICLE.search(before[-24:]):
                seen.add(span)
                yield span
