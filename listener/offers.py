"""What callers offer, by the words of complaints that several people use: hints, and no proof. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from classifiers.folding import fold
from listener.settings import Brand
from listener.storage.number_complaints import Said

_WORDS = 12


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


def offered(texts: Iterable[Said], ignored: Collection[str] = ()) -> tuple[Offer, ...]:
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
