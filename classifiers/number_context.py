"""What the words around a figure make of it: a telephone number, or a price, an address, an order, a count."""

from __future__ import annotations

import re

# Blanks, dots, dashes, brackets, keycap and bidi marks that people put between the digits.
SEP = r"[ \-/()\u00b7\u2022\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufe0f\u20e3_*]"
ARTICLE = re.compile(
    r"(?:^|[^\w])(?:(?:el|al|del|the|o|ao|do|pelo|no|le|du|au|il|al|dal|del|lo|die|der|den|vom|von der"
    r"|von|number|num|numero|nr|nro|no|n|nummer|tel|tfno|tlf|telf|telefono|telefone|telephone"
    r"|phone|code|codigo|codice|prefijo|prefixo|prefix|prefisso|prefixe|indicatif|vorwahl|short code"
    r"|desde|from|de|by|da|dallo|call|calls|text|texts|sms)\.?|#)[ :#\"'«“(]{0,3}$"
)
STRONG_ARTICLE = re.compile(
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
MEASURE_AFTER = re.compile(
    rf"[ ]?[%€$£¥°ºª₹]|[ \-]?(?:de )?(?:{_MEASURES})(?![\w'])|[ ]?(?:us|r|ar|mx|s/)\$"
    r"|(?: [\w']{2,20}){1,2} (?:street|avenue|ave|road|lane|drive|blvd)(?!\w)"
)
_COUNTED_AFTER = re.compile(
    rf"[ \-]?(?:{_COUNTED})(?![\w'])(?! (?:me|us|my|him|her|them|you|again)(?!\w))"
)
# "el 1004 llamadas" cannot count: a singular article stands before a telephone number
_SINGULAR = re.compile(r"(?:^|[^\w])(?:el|al|del|dal|ao|do|pelo) $")
CURRENCY_BEFORE = re.compile(r"(?:[$€£¥₹]|\b(?:usd|eur|gbp|chf|mxn|ars|cop|clp|brl|s/|rs)\.?) ?$")
# What makes the following figure an address, an order, a page, a product ... and no phone number.
NOT_A_NUMBER_BEFORE = re.compile(
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
ADDRESS_BEFORE = re.compile(
    r"(?:^|[^\w])(?:calle|c/|avenida|avda|av|plaza|paseo|rua|rue|via|viale|piazza|avenue|boulevard)"
    r"\.? (?:[\w']{1,20} ){0,4}(?:n|no|num|numero|number|nº)?\.?,? ?$"
)
TIME_BEFORE = re.compile(r"(?:^|[^\w])(?:a las|a la|las|at|as|alle|um|gegen|vers) $")
DATE_BEFORE = re.compile(r"(?:^|[^\w])(?:dia|fecha|date|data|datum|am|on|le jour|giorno|tag) $")
MASKED = re.compile(rf"{SEP}?[x*#?•]{{2,}}| y (?:pico|algo)\b", re.IGNORECASE)
_MASKED_BEFORE = re.compile(rf"[x*#?•]{{2,}}{SEP}?$", re.IGNORECASE)


def near_contact(folded: str, start: int, end: int) -> bool:
    before, after = folded[max(0, start - 90) : start], folded[end : end + 90]
    return _CONTACT.search(before) is not None or _CONTACT.search(after) is not None


def counts_something(folded: str, start: int, end: int) -> bool:
    """True when the figure measures or counts what comes after it."""
    after = folded[end : end + 40]
    if MEASURE_AFTER.match(after):
        return True
    return bool(_COUNTED_AFTER.match(after)) and not _SINGULAR.search(
        folded[max(0, start - 6) : start]
    )


def refused(folded: str, start: int, end: int, *, full: bool = False) -> bool:
    """True for what the neighbouring words make a price, an address, an order, a count ..."""
    before, after = folded[max(0, start - 48) : start], folded[end : end + 40]
    return bool(
        CURRENCY_BEFORE.search(before)
        or (MEASURE_AFTER.match(after) if full else counts_something(folded, start, end))
        or NOT_A_NUMBER_BEFORE.search(before)
        or MASKED.match(after)
        or _MASKED_BEFORE.search(before[-4:])
    )
