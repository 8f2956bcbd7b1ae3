"""The dossier of a number that people report, made of rows: its kind on the day and why, when they
complain, what they claim beside what the log holds, what is sold, whom to ask. Pure.

A complaint is a post that was read (or corrected) as harassment and names the number; a person is
one author, however often they write. All of it is what people say: the log may know otherwise.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import phonenumbers

from classifiers.folding import fold
from classifiers.reading import NumberMention
from listener import contact_words, phones
from listener.contact_log import entry_of
from listener.contact_words import Purpose
from listener.domain import (
    CallerNumber,
    Channel,
    ContactEvent,
    Direction,
    Identifier,
    IdentifierKind,
    NumberKind,
    Reason,
)
from listener.settings import Brand
from listener.storage.number_complaints import Complaint, Matched, Reported, Said
from listener.storage.number_log import Use
from listener.storage.number_rows import Rows
from listener.storage.registered_numbers import midnight

_NAMED = 5  # campaigns and centres in a sentence
_WORDS = 12
_SURE = 1.96  # standard deviations: 95 %


# ---------------------------------------------------------------------------- the registry


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of the registry, and whether it was imported (else it stands in brands.toml)."""

    entry: CallerNumber
    imported: bool
    invented: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What the registry says of a number on one day, and why. `entry` is what it says so by."""

    kind: NumberKind
    entry: CallerNumber | None
    reasons: tuple[Reason, ...]

    @property
    def unknown(self) -> bool:
        return self.kind is NumberKind.UNKNOWN


def configured(brands: Iterable[Brand]) -> list[CallerNumber]:
    """The registry as it stands in brands.toml, of our own brands."""
    return [
        CallerNumber(
            number=phones.normalise_caller(n.number, b.countries[0] if b.countries else ""),
            brand=b.key,
            kind=n.kind,
            owner=n.owner,
            valid_from=midnight(n.valid_from),
            valid_to=midnight(n.valid_to, 1),
        )
        for b in brands
        if b.kind == "own"
        for n in b.numbers
    ]


def forms(written: str, countries: Iterable[str]) -> tuple[str, ...]:
    """As a number that somebody wrote may be stored: in its plain form, by each country's reading,
    and as it stands."""
    text = written.strip()[:40]
    plain = [phones.normalise_caller(text, c)[:40] for c in (*countries, "")]
    return tuple(dict.fromkeys(n for n in (*plain, text) if n))


def standing(
    number: str,
    at: datetime,
    registry: Sequence[CallerNumber],
    *,
    brands: Collection[str],
    country: str = "",
    in_log: bool | None = None,
) -> Standing:
    """What the registry of `brands` says of a number at a moment; of the other brands' it is only
    told that the number is theirs. `in_log`: whether the log holds a contact from it (None: not
    asked)."""
    plain = phones.normalise_caller(number, country)
    of_number = [e for e in registry if e.number == plain]
    in_force = [e for e in of_number if entry_of(number, at, [e], country)]
    ours = [e for e in in_force if e.brand in brands]
    if ours:
        kinds = list(dict.fromkeys(e.kind for e in ours))
        reasons = [Reason("number_registered", {"kind": kinds[0].value})]
        if len(kinds) > 1:
            reasons.append(Reason("number_registered_twice", {"kind": kinds[1].value}))
        return Standing(kinds[0], ours[0], tuple(reasons))
    if in_force:
        kind = in_force[0].kind
        return Standing(kind, None, (Reason("number_of_another_brand", {"kind": kind.value}),))
    other_days = [e for e in of_number if e.brand in brands]
    reasons = [_of_other_days(e, at) for e in other_days] or [Reason("number_not_registered")]
    if in_log is not None:
        reasons.append(Reason("number_in_log") if in_log else Reason("number_not_in_log"))
    return Standing(NumberKind.UNKNOWN, None, tuple(reasons))


def _of_other_days(entry: CallerNumber, at: datetime) -> Reason:
    if entry.valid_to is not None and entry.valid_to <= at:
        last = (entry.valid_to - timedelta(days=1)).date()
        return Reason(
            "number_registered_until", {"kind": entry.kind.value, "day": last.isoformat()}
        )
    first = entry.valid_from.date().isoformat() if entry.valid_from else ""
    return Reason("number_registered_from", {"kind": entry.kind.value, "day": first})


def callers(
    text: str,
    found: Iterable[NumberMention],
    given: Iterable[Identifier],
    countries: Sequence[str],
) -> set[str]:
    """The numbers that a post names as the caller's, in the form of the registry and the log. What
    the author gives as a phone of their own, or as a customer number, called nobody."""
    told = list(given)
    own = {i.value for i in told if i.kind is IdentifierKind.PHONE}
    refs = [
        m.span()
        for i in told
        if i.kind is IdentifierKind.CUSTOMER_ID
        for m in re.finditer(re.escape(i.value), text, re.IGNORECASE)
    ]
    return {
        plain[:40]
        for number in found
        if (plain := _plain(number, countries))
        and own.isdisjoint((plain, number.e164))
        and not any(a <= number.span[0] and number.span[1] <= b for a, b in refs)
    }


def _plain(number: NumberMention, countries: Sequence[str]) -> str:
    """One without a country's code is of the brand's own where its length fits there: impostors
    call from ranges that no plan has assigned, and that are another country's."""
    abroad = "+" in number.text or number.digits.startswith("00")
    if number.e164 and (abroad or country_of(number.e164) in countries):
        return phones.normalise_caller(number.e164)
    home = (phones.normalise(number.digits, c) for c in countries)
    return next((n for n in home if n), None) or phones.normalise_caller(
        number.e164 or number.digits
    )


def country_of(number: str) -> str:
    """The country of a full number; empty for a short code, which is of wherever it is dialled."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""
    except phonenumbers.NumberParseException:
        return ""


# ---------------------------------------------------------------------------- the list


@dataclass(frozen=True, slots=True)
class Line:
    """A reported number and its kind on the day of the newest complaint."""

    reported: Reported
    standing: Standing


def lines(
    found: Iterable[Reported],
    registry: Sequence[CallerNumber],
    *,
    brands: Collection[str],
    countries: Mapping[str, str],
    used: Collection[str],
) -> list[Line]:
    """`countries` are the brands' own, `used` the numbers from which the log holds a contact."""
    by_number: dict[str, list[CallerNumber]] = {}
    for entry in registry:
        by_number.setdefault(entry.number, []).append(entry)
    told = []
    for row in found:
        country = countries.get(row.brand, "")
        plain = phones.normalise_caller(row.number, country)
        said = standing(
            row.number,
            row.last_at,
            by_number.get(plain, ()),
            # The complaint is of one brand, and the user may see others of ours as well.
            brands=brands,
            country=country,
            in_log=not {row.number, plain}.isdisjoint(used),
        )
        told.append(Line(row, said))
    return told


# ---------------------------------------------------------------------------- when


@dataclass(frozen=True, slots=True)
class Share:
    """A count of several, and the counts between which its share lies with 95 % (Wilson)."""

    count: int
    low: float
    high: float


def wilson(count: int, of: int) -> tuple[float, float]:
    """The interval in which a share lies with 95 %, by Wilson's score (1927)."""
    if of == 0:
        return 0.0, 1.0
    share, z2 = count / of, _SURE**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _SURE * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    # Rounding must not leave the share itself outside.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def shares(counts: Sequence[int]) -> tuple[Share, ...]:
    total = sum(counts)
    found = []
    for count in counts:
        low, high = wilson(count, total)
        found.append(Share(count, low * total, high * total))
    return tuple(found)


def by_day(complaints: Iterable[Complaint], zone: ZoneInfo) -> Counter[date]:
    return Counter(c.published_at.astimezone(zone).date() for c in complaints)


def by_hour(complaints: Iterable[Complaint], zone: ZoneInfo) -> tuple[Share, ...]:
    """The 24 hours of the day, by the clock of the zone."""
    counts = Counter(c.published_at.astimezone(zone).hour for c in complaints)
    return shares([counts[hour] for hour in range(24)])


def by_weekday(complaints: Iterable[Complaint], zone: ZoneInfo) -> tuple[Share, ...]:
    """Monday first."""
    counts = Counter(c.published_at.astimezone(zone).weekday() for c in complaints)
    return shares([counts[day] for day in range(7)])


# ---------------------------------------------------------------------------- the claims


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time in which somebody claims so many contacts."""

    start: datetime
    end: datetime
    contacts: int


@dataclass(frozen=True, slots=True)
class Claims:
    """What people say of how often the number contacted them: `told` complaints of `people` say how
    many contacts, together `contacts`. Of these, `dated` contacts by `dated_people` are told with
    the time they took, all between `start` and `end`."""

    told: int = 0
    people: int = 0
    contacts: int = 0
    dated: int = 0
    dated_people: int = 0
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """The same people's claims and contacts, where the CRM knows who they are: contacts from the
    number in the very time that they claim."""

    customers: int
    claimed: int
    logged: int


def windows(claims: Iterable[Complaint]) -> list[Window]:
    """One person's claims with their time, none of which touch: those about the same time are one,
    with the most contacts that were claimed for it."""
    found: list[Window] = []
    for claim in sorted(claims, key=lambda c: (c.published_at, c.mention_id)):
        if claim.contacts is None or claim.days is None:
            continue
        start, most = claim.published_at - timedelta(days=claim.days), 0
        while found and found[-1].end >= start:
            before = found.pop()
            start, most = min(start, before.start), most + before.contacts
        found.append(Window(start, claim.published_at, max(most, claim.contacts)))
    return found


def claims(complaints: Iterable[Complaint]) -> Claims:
    by_author: dict[str, list[Complaint]] = {}
    told = 0
    for complaint in complaints:
        if complaint.contacts is not None:
            told += 1
            by_author.setdefault(complaint.author, []).append(complaint)
    contacts, dated, stretches = 0, 0, []
    dated_people = 0
    for theirs in by_author.values():
        their_windows = windows(theirs)
        their_dated = sum(w.contacts for w in their_windows)
        # Without its time a claim may be about the same contacts.
        undated = max((c.contacts or 0 for c in theirs if c.days is None), default=0)
        contacts += max(their_dated, undated)
        dated += their_dated
        dated_people += bool(their_windows)
        stretches += their_windows
    return Claims(
        told=told,
        people=len(by_author),
        contacts=contacts,
        dated=dated,
        dated_people=dated_people,
        start=min((w.start for w in stretches), default=None),
        end=max((w.end for w in stretches), default=None),
    )


def of_customers(
    complaints: Iterable[Complaint], matched: Iterable[Matched], local: Collection[str]
) -> dict[str, list[Window]]:
    """The windows of each customer of the CRM `local` who claims something with its time; a customer
    with several accounts is one person."""
    who = {m.mention_id: m.ref for m in matched if m.crm in local}
    by_ref: dict[str, list[Complaint]] = {}
    for complaint in complaints:
        if complaint.mention_id in who:
            by_ref.setdefault(who[complaint.mention_id], []).append(complaint)
    return {ref: found for ref, theirs in by_ref.items() if (found := windows(theirs))}


def compared(
    theirs: Mapping[str, Sequence[Window]], contacts: Iterable[tuple[str, datetime]]
) -> Compared:
    logged = sum(any(w.start <= at <= w.end for w in theirs.get(ref, ())) for ref, at in contacts)
    return Compared(
        customers=len(theirs),
        claimed=sum(w.contacts for of_one in theirs.values() for w in of_one),
        logged=logged,
    )


# ---------------------------------------------------------------------------- the offers


@dataclass(frozen=True, slots=True)
class Offer:
    """The words that most of the people who complain in a language use, with how many do."""

    lang: str
    people: int
    words: tuple[tuple[str, int], ...]


_TOKEN = re.compile(r"[^\W\d_]{2,}")
_NO_WORD = re.compile(r"https?://\S+|www\.\S+|[@#][\w.@-]+|[\w-]*\d[\w-]*")

# What every complaint about calls speaks of, whatever is sold: begins of folded words.
_ABOUT_CALLS = re.compile(
    r"(?:llam|tele(?:f|ph)on|numer|colg|cuelg|acos|spam|molest|queja|denunci|bloque|insist|contest|recib|descolg|marc[ao]n"
    r"|call|phon|number|ring|rang|harass|complain|block|answer|stop|hung|hang|pester|nuisanc|nag"
    r"|lig(?:a|o|ue)|atend|incomod|reclam|assedi|deslig|perturb|appel|raccroch|decroch|harcel|derang|demarch"
    r"|chiam|telefonat|molestat|riattacc|rispond|disturb|segnal|anruf|angeruf|ruf(?:t|en|e)|nummer|belastig|auflegen|nerv"
    r"|mensaj|correo|e?mail|mails?$|sms|whats|wasap|messag|courriel|texts?$|buzon|voicemail|chamad|liga[rn])"
)
_TIME = (
    "hora horas dia dias semana semanas mes meses ano anos vez veces tarde manana noche siesta mediodia hoy ayer lunes martes"
    " miercoles jueves viernes sabado domingo siempre nunca ahora luego ultima ultimo minuto minutos diario diaria"
    " hour hours day days week weeks month months year years time times morning evening afternoon night today yesterday"
    " monday tuesday wednesday thursday friday saturday sunday always never now last minute minutes daily every once twice"
    " dias hora horas vezes manha noite hoje ontem segunda terca quarta quinta sexta sempre agora ultima minutos"
    " heure heures jour jours semaine semaines mois annee annees fois matin soir midi hier lundi mardi mercredi jeudi vendredi"
    " samedi dimanche toujours jamais maintenant dernier derniere minute"
    " ora ore giorno giorni settimana settimane mese mesi anno anni volta volte mattina sera notte oggi ieri lunedi martedi"
    " mercoledi giovedi venerdi sabato domenica sempre mai adesso minuti"
    " stunde stunden tag tage tagen woche wochen monat monate monaten jahr jahre mal morgen abend nacht mittag heute gestern"
    " montag dienstag mittwoch donnerstag freitag samstag sonntag immer nie jetzt letzte letzten minuten taglich"
)
_EVERYDAY = {
    "es": "que de la el los las un una unos unas y o ni no si ya me te se le les lo nos os mi mis tu tus su sus yo ella ellos"
    " ellas usted ustedes nosotros esto esta este estos estas eso esa ese esos esas aquel al del con sin por para en entre"
    " sobre desde hasta como cuando donde quien quienes cual cuanto cuantas cuantos muy mas menos mucho mucha muchos muchas"
    " poco todo toda todos todas nada nadie algo alguien alguno alguna otra otro otras otros mismo misma cada tan tanto tantas"
    " pero porque pues aunque mientras tambien tampoco solo aqui ahi alli bien mal fue era son soy eres somos es ser estar"
    " estoy estan estaba he has ha han hemos habeis haber habia hay hace hacer hago hacen haciendo tengo tiene tienen tener"
    " puede pueden poder puedo quiero quiere quieren querer dice dicen digo decir dije dicho diciendo dado voy va van vamos ir"
    " sigue siguen seguir lleva llevo llevan llevamos deja dejan dejar dejad deje dejen favor gracias hola casa gente persona"
    " personas harto harta hartos verguenza asi entonces antes despues segun ver sabe saben dos tres cuatro cinco seis siete"
    " ocho nueve diez uno primera primero via dejado parece les pide pedi pedido interesa interesado quite quiten igual fin media sea saber casi llego tal sale pasa"
    " paso bueno buenos puse fui tenia nuevo nueva cosa cosas rato senor senora senorita senores dijo dijeron cero nombre mano voz par veras",
    "en": "the a an and or but not no nor so if then than that this these those there here it its is are was were be been being"
    " am do does did done doing have has had having will would can could should may might must i me my mine we us our you your"
    " he him his she her they them their who whom whose which what when where why how all any both each few more most other"
    " some such only own same too very just even still again also about above after before between into through during to"
    " from up down in out on off over under of at by for with without against because while until since already yet get gets"
    " getting got keep keeps kept told tell telling say says said saying ask asked asking want wants wanted please thanks one"
    " two three four five six seven eight nine ten people person someone somebody nobody anyone anything nothing something"
    " don doesn didn isn wasn won can couldn ve re ll going gone go back off really enough sick tired fed like know good put"
    " come came take took new another left next sent well went see else gave thing things let need needs half fine nice name lady man make made",
    "pt": "que de da do das dos a o as os um uma uns umas e ou nem nao sim ja me te se lhe lhes nos vos meu minha meus minhas teu"
    " tua seu sua seus suas eu ela ele elas eles voce voces isto esta este estas estes isso essa esse aquele ao aos na no nas"
    " nos em com sem por pela pelo para entre sobre desde ate como quando onde quem qual quanto quantas muito muita muitos"
    " muitas mais menos pouco tudo toda todo todas todos nada ninguem algo alguem outra outro outras outros mesmo mesma cada"
    " tao tanto mas porque pois embora enquanto tambem so aqui ali bem mal foi era sao sou ser estar estou estao estava tem"
    " tenho ter tinha ha faz fazer fazem pode podem poder posso quero quer querem diz dizem digo dizer disse vou vai vao ir"
    " continua continuam favor obrigado ola casa gente pessoa pessoas farto farta dois duas tres quatro cinco seis sete oito"
    " nove dez um primeira deixa deixam deixem pedi interessa pra pro depois ainda sei assim fim falei falar ver veio vem boa"
    " bom saber sabe novo nova mim comigo meio coisa fica ficam fui fiz queria manda mandam deles respondi nome senhor senhora moca",
    "fr": "que qui quoi de du des la le les un une et ou ni ne pas non oui si deja me te se lui leur nous vous moi toi mon ma mes"
    " ton ta tes son sa ses notre votre vos je tu il elle on ils elles ce cet cette ces cela ca au aux avec sans par pour en"
    " dans entre sur sous depuis jusque comme quand ou quel quelle combien tres plus moins beaucoup peu tout toute tous toutes"
    " rien personne personnes quelque autre autres meme chaque si tant mais parce car donc alors aussi seulement ici la bien mal"
    " est sont suis sommes etes etait etre ai as avons avez ont avoir avait fait faire font faut peut peuvent pouvoir peux"
    " veux veut veulent vouloir dit disent dire dis va vont vais aller continue continuent merci bonjour maison gens marre deux"
    " trois quatre cinq six sept huit neuf dix premiere arrete arretent arretez laisse demande interesse encore chez apres pendant puis eux bon bonne pis"
    " avant avais avons quelqu ete etais passe comment trop sais pareil juste temps mis donne pris trouve parle monsieur madame dame nom zero",
    "it": "che chi di da del della dei delle dal dalla la il lo le gli un uno una e o ne non si gia mi ti ci vi me te lui lei noi"
    " voi loro mio mia miei mie tuo tua suo sua nostro vostro io questo questa questi queste quello quella al alla ai con senza"
    " per in nel nella tra fra su sul sulla come quando dove quale quanto quante molto molta molti piu meno poco tutto tutta"
    " tutti tutte niente nessuno qualcuno altro altra altri altre stesso stessa ogni cosi tanto ma perche pero anche solo qui li"
    " bene male fu era sono sei siamo siete essere stare sto sta stanno ho hai ha abbiamo avete hanno avere aveva fa fare fanno"
    " puo possono potere posso voglio vuole vogliono dice dicono dico dire detto va vanno vado andare continua continuano grazie"
    " ciao casa gente persona persone stufo stufa due tre quattro cinque sei sette otto nove dieci prima basta smettete chiesto"
    " interessa ancora dopo pure poi alle all col dell dall"
    " allora cosa mentre fatto avevo faccio quelli dato ero nun sapere via invece ormai preso messo mandato sotto signora signor nuovo nuova nome",
    "de": "der die das den dem des ein eine einen einem einer und oder aber nicht kein keine keinen nein ja schon ich du er sie es"
    " wir ihr mich dich sich mir dir ihm ihn uns euch ihnen mein meine meinen meiner dein sein seine ihre unser dieser diese"
    " dieses diesem diesen jener mit ohne von vom zu zum zur bei beim in im an am auf aus fur uber unter zwischen seit bis wie"
    " wann wo wer was welche warum sehr mehr weniger viel viele wenig alle alles nichts niemand jemand etwas andere anderen"
    " jede jeden jeder jedes so doch denn weil da dann noch auch nur hier dort gut schlecht ist sind bin war waren werden wird"
    " wurde habe hat haben hatte kann konnen will wollen wollte soll sollen muss mussen sagt sagen gesagt geht gehen macht machen"
    " bitte danke hallo haus leute person personen zwei drei vier funf sechs sieben acht neun zehn wieder weiter standig"
    " aufhoren trotz trotzdem obwohl endlich einfach interesse hort hab man wegen nach dass vor als einmal"
    " wenn kommt kommen kam jahren herr frau uhr denen danach dazu steht gar keiner nix weiß also sogar gibt fragt sonst dafur weg mochte null seitdem",
}


@lru_cache(maxsize=16)
def _everyday(lang: str) -> frozenset[str]:
    return frozenset(_EVERYDAY[lang].split()) | frozenset(_TIME.split())


def offers(texts: Iterable[Said], ignored: Collection[str] = ()) -> tuple[Offer, ...]:
    """The content words of complaints by language, the languages of most people first. A word counts
    once for each person; one that only one person uses says nothing of an offer. `ignored` are words
    that name the brand. Languages whose everyday words are not known are left out."""
    without = {fold(word) for word in ignored}
    users: dict[str, dict[str, set[str]]] = {}
    people: dict[str, set[str]] = {}
    shown: dict[str, Counter[str]] = {}
    for said in texts:
        if said.lang not in _EVERYDAY:
            continue
        people.setdefault(said.lang, set()).add(said.author)
        words = users.setdefault(said.lang, {})
        for written, folded in _words(said.text):
            if folded not in without and not _ABOUT_CALLS.match(folded):
                words.setdefault(folded, set()).add(said.author)
                shown.setdefault(folded, Counter())[written.lower()] += 1
    return tuple(
        Offer(lang, len(people[lang]), _most(users[lang], _everyday(lang), shown))
        for lang in sorted(people, key=lambda name: (-len(people[name]), name))
    )


def _words(text: str) -> Iterable[tuple[str, str]]:
    """(as written, folded) of every word that is no address, account, hashtag or number."""
    plain = _NO_WORD.sub(lambda m: " " * len(m[0]), text)
    folded = fold(plain)
    for match in _TOKEN.finditer(folded):
        yield plain[match.start() : match.end()], match[0]


def _most(
    users: Mapping[str, set[str]], everyday: Collection[str], shown: Mapping[str, Counter[str]]
) -> tuple[tuple[str, int], ...]:
    several = [
        (word, len(who))
        for word, who in users.items()
        if len(who) > 1 and word not in everyday and (len(word) > 2 or word == "tv")
    ]
    several.sort(key=lambda item: (-item[1], item[0]))
    return tuple(
        (min(shown[word], key=lambda w: (-shown[word][w], w)), count)
        for word, count in several[:_WORDS]
    )


def names_of(brands: Iterable[Brand]) -> frozenset[str]:
    """The words by which the brands are called."""
    said = [f"{b.name} {b.key} {' '.join(b.handles)}" for b in brands]
    return frozenset(word for text in said for word in re.findall(r"[^\W\d_]+", fold(text)))


# ---------------------------------------------------------------------------- whom to ask


def purpose(campaign: str) -> Purpose:
    """What a campaign is for, by its name."""
    moment = datetime.min.replace(tzinfo=ZoneInfo("UTC"))
    return contact_words.purpose(
        ContactEvent("", moment, Direction.OUT, Channel.CALL, campaign=campaign)
    )


def ask(said: Standing, uses: Sequence[Use]) -> tuple[Reason, ...]:
    """The registry's owner; else the centres and campaigns of the log; else nobody is known."""
    if said.entry is not None and said.entry.owner.strip():
        return (Reason("ask_owner", {"owner": said.entry.owner.strip()}),)
    found = []
    for key, values in (
        ("ask_centres", _named((u.centre, u.contacts) for u in uses)),
        ("ask_campaigns", _named((u.campaign, u.contacts) for u in uses)),
    ):
        if values:
            found.append(Reason(key, {"names": values}))
    if found:
        return tuple(found)
    if said.kind is NumberKind.IMPOSTOR:
        return (Reason("ask_nobody_impostor"),)
    return (Reason("ask_nobody"),)


def _named(counted: Iterable[tuple[str, int]]) -> str:
    """ "Norte (120), Sur (5)": those with most contacts."""
    sums: Counter[str] = Counter()
    for name, contacts in counted:
        if name.strip():
            sums[name.strip()] += contacts
    most = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{name} ({count})" for name, count in most[:_NAMED])
    return shown + (" …" if len(most) > _NAMED else "")


# ---------------------------------------------------------------------------- together


@dataclass(frozen=True, slots=True)
class Dossier:
    """`standing` is of the newest complaint's day, `today` of now. `customers` counts the customers
    behind the authors by country (None: country not known), where the reader may learn of them."""

    number: str
    country: str
    standing: Standing
    today: Standing
    listed: tuple[Listed, ...]
    complaints: int
    people: int
    copies: int
    invented: int
    last_at: datetime | None
    brands: Mapping[str, int]
    by_day: Mapping[date, int]
    by_hour: tuple[Share, ...]
    by_weekday: tuple[Share, ...]
    claims: Claims
    logged: int
    compared: Compared | None
    customers: Mapping[str | None, int] | None
    languages: Mapping[str, int]
    sources: Mapping[tuple[str, str], int]
    offers: tuple[Offer, ...]
    uses: tuple[Use, ...]
    ask: tuple[Reason, ...]
    gaps: frozenset[date] = frozenset()


def dossier(
    number: str,
    rows: Rows,
    registry: Sequence[Listed],
    *,
    brands: Sequence[Brand],
    local: Collection[str],
    zone: ZoneInfo,
    now: datetime,
    gaps: frozenset[date] = frozenset(),
) -> Dossier:
    """`registry` is that of all our brands, `brands` are those that the reader sees, `local` the
    systems whose people are in our own tables."""
    found = rows.complaints
    keys = [b.key for b in brands]
    country = brands[0].countries[0] if brands and brands[0].countries else ""
    plain = phones.normalise_caller(number, country)
    entries = [line.entry for line in registry]

    def on(moment: datetime) -> Standing:
        return standing(plain, moment, entries, brands=keys, in_log=rows.in_log)

    last_at = max((c.published_at for c in found), default=None)
    said = on(last_at or now)
    countries = {(m.crm, m.ref): m.country or None for m in rows.matched or ()}
    theirs = of_customers(found, rows.matched or (), local)
    return Dossier(
        number=plain,
        country=country_of(plain),
        standing=said,
        today=on(now),
        listed=tuple(
            line for line in registry if line.entry.number == plain and line.entry.brand in keys
        ),
        complaints=len(found),
        people=len({c.author for c in found}),
        copies=rows.copies,
        invented=sum(c.invented for c in found),
        last_at=last_at,
        brands=Counter(c.brand for c in found),
        by_day=by_day(found, zone),
        by_hour=by_hour(found, zone),
        by_weekday=by_weekday(found, zone),
        claims=claims(found),
        logged=rows.logged,
        compared=compared(theirs, rows.contacts) if theirs else None,
        customers=Counter(countries.values()) if rows.matched is not None else None,
        languages=Counter(c.lang for c in found),
        sources=Counter((c.source, c.site) for c in found),
        offers=offers(rows.texts, names_of(brands)),
        uses=rows.uses,
        ask=ask(said, rows.uses),
        gaps=gaps,
    )
