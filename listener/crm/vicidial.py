"""VICIdial: calls by phone, do-not-call lists, the hopper and the page of a lead.

API: https://www.vicidial.org/docs/NON-AGENT_API.txt (`non_agent_api.php`; answers are lines of text)
Sign-in: an API user and password with every request. They go in its body, never in the address.
Limits: none of its own; the newest 100,000 calls of each number. Its tables have no index on
phone_number until somebody adds one, and then answer slowly.
Cannot see: calls that were moved to the archive tables, the number that called, agents' notes, what
an inbound call was about; which campaign a list belonged to at the time (told is today's).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field

from listener import phones
from listener.crm.answers import refused
from listener.crm.contacts import in_order, in_utc, with_code, zone_of
from listener.crm.seam import Cannot, Capability, Connection, Order, Receipt
from listener.crm.spellings import plan_of
from listener.domain import Channel, ContactEvent, Direction, Disposition
from listener.errors import CRMError, HttpError, HttpStatus, sentence
from listener.sections import Country, Section, ZoneName
from listener.settings import secret
from listener.vault import open_vault

NAME = "vicidial"
SYSTEM_LIST = "SYSTEM_INTERNAL"
_CODES: Mapping[Disposition, str] = {
    Disposition.SALE: "SALE",
    Disposition.NOT_INTERESTED: "NI DEC",
    Disposition.DO_NOT_CALL: "DNC DNCL DNCC DNCCAR",
    Disposition.CALLBACK: "CALLBK CBHOLD",
    # A number that is out of service is nobody's: it is no wrong person.
    Disposition.NO_ANSWER: "N NA DC ADC ADCT",
    Disposition.BUSY: "B AB",
    Disposition.VOICEMAIL: "A AA AM AL",
    Disposition.ABANDONED: "DROP XDROP PDROP TIMEOT AFTHRS NANQUE IQNANQ MAXCAL QVMAIL",
}
DISPOSITIONS = {code: ours for ours, codes in _CODES.items() for code in codes.split()}
# What VICIdial writes where an agent would stand and none was there.
_NO_AGENT = ("VDAD", "VDCL")
# It keeps the seconds of ringing too; for us a duration says that somebody answered.
_UNANSWERED = (Disposition.NO_ANSWER, Disposition.BUSY)
# The log of a call that is passed on is closed about when that of the next agent begins.
_PASSING_ON = timedelta(seconds=5)
_ROW_FIELDS = 9
_LONGEST_S = 7 * 86400
_LEADS = re.compile(r"(?:[0-9]{1,10}(?:-[0-9]{1,10})*)?")


class Options(Section):
    url: str = Field(pattern=r"^https?://[^\s?#@]+/non_agent_api\.php$")
    user_env: str = Field(min_length=1)
    password_env: str = Field(min_length=1)
    # Whose national numbers its lists hold; empty: the first country of our first brand.
    countries: tuple[Country, ...] = ()
    time_zone: ZoneName | None = None  # of the server; absent: the service's
    dispositions: Mapping[str, Disposition] = Field(default_factory=dict)  # added to its own
    # Where a phone is entered: VICIdial's own list, and those of campaigns that ask theirs only.
    dnc_lists: tuple[Annotated[str, Field(pattern=r"^[-_0-9A-Za-z]{2,30}$")], ...] = Field(
        (SYSTEM_LIST,), min_length=1
    )
    campaigns: bool = True  # look up what lists and campaigns are called
    hopper: bool = True  # take leads that wait to be dialled out as well


def open(options: Options, connection: Connection) -> Vicidial:
    return Vicidial(options, connection)


class Vicidial(Cannot):
    """Asked by phones. It has leads, one for each list that a person stands on, and no customers."""

    can = frozenset({Capability.CALLS, Capability.SUPPRESS, Capability.LINK})

    def __init__(self, options: Options, connection: Connection) -> None:
        self.name = connection.config.name
        self._options = options
        self._http = connection.http
        self._now = connection.now
        self._vault_folder = connection.settings.var
        self._plan = plan_of(options.countries, connection.settings)
        self._zone = zone_of(options.time_zone, connection.settings)
        given = {code.upper(): ours for code, ours in options.dispositions.items()}
        self._codes = {**DISPOSITIONS, **given}

    # ------------------------------------------------------------------ the seam

    def calls(self, numbers: Sequence[str]) -> list[ContactEvent]:
        """All contacts with the phones (E.164), oldest first, each once."""
        forms = self._forms(numbers)
        if not forms:
            return []
        # One answer for both directions would not say which is which.
        outbound = self._log("OUT", forms)
        inbound = self._log("IN", forms)
        lists = self._lists({row.list_id for row in outbound}) if self._options.campaigns else {}
        return in_order(
            with_transfers(
                self._events(Direction.OUT, outbound, lists),
                self._events(Direction.IN, inbound, None),
            )
        )

    def suppress(self, order: Order) -> Receipt:
        """Leaves the order's end to people: VICIdial's lists know none."""
        forms = list(self._forms([order.number]))
        if not forms:
            raise CRMError(
                "{number} is no phone that it dials",
                crm=self.name,
                number=phones.mask(order.number),
            )
        there = [self._enter(form, name) for name in self._options.dnc_lists for form in forms]
        if self._options.hopper:
            for lead in self._leads(forms):
                self._take_out(lead)
        lists = "+".join(self._options.dnc_lists)
        return Receipt(f"{lists}:{phones.mask(order.number)}", self._now(), already=all(there))

    def link(self, ref: str) -> str | None:
        """The page of a lead; None for what is no lead's id."""
        if not re.fullmatch(r"[0-9]{1,10}", ref):
            return None
        folder = self._options.url.rpartition("/")[0]
        return f"{folder}/admin_modify_lead.php?lead_id={ref}&archive_search=No"

    # ------------------------------------------------------------------ beyond the seam

    def lead(self, numbers: Sequence[str]) -> str | None:
        """The id of the newest lead with one of the phones (E.164), for `link`."""
        forms = self._forms(numbers)
        return max(self._leads(list(forms)), key=int, default=None) if forms else None

    # ------------------------------------------------------------------ events

    def _events(
        self, direction: Direction, rows: Iterable[Row], lists: Mapping[str, DiallingList] | None
    ) -> list[ContactEvent]:
        """Without `lists`, the lists say nothing of the calls."""
        vault = open_vault(self._vault_folder)
        twins: Counter[str] = Counter()
        events: list[ContactEvent] = []
        for row in rows:
            # It gives no id. What never changes of a row is when, whom, and from which list.
            event_id = (
                f"{self.name}:{direction.value}:{row.at:%Y%m%dT%H%M%S}:{row.list_id}:"
                f"{vault.index(row.form)[:8]}"
            )
            twins[event_id] += 1
            if twins[event_id] > 1:
                event_id += f":{twins[event_id]}"
            event = event_of(row, direction, event_id, self._codes, self._zone)
            if lists is not None:
                known = lists.get(row.list_id, DiallingList("", ""))
                event = replace(
                    event, list_name=_named(row.list_id, known.name), campaign=known.campaign
                )
            events.append(event)
        return events

    # ------------------------------------------------------------------ questions

    def _forms(self, numbers: Sequence[str]) -> dict[str, str]:
        """VICIdial keeps digits alone, at most 18."""
        found = self._plan.forms_of(numbers)
        return {form: n for form, n in found.items() if form.isdigit() and len(form) <= 18}

    def _log(self, kind: str, forms: Mapping[str, str]) -> list[Row]:
        phone = ",".join(forms)
        lines = self._ask("phone_number_log", phone_number=phone, type=kind, stage="pipe")
        if _says(lines, "NO RECORDS FOUND"):
            return []
        with self._reading("phone_number_log", lines):
            return call_rows(lines, forms)

    def _lists(self, ids: Iterable[str]) -> dict[str, DiallingList]:
        """What the lists are called; those that were deleted are absent."""
        found: dict[str, DiallingList] = {}
        for list_id in sorted(i for i in ids if i):
            lines = self._ask("list_info", list_id=list_id, stage="pipe")
            if _says(lines, "LIST DOES NOT EXIST", "NOT AN ALLOWED LIST ID"):
                continue
            with self._reading("list_info", lines):
                found[list_id] = dialling_list(lines)
        if not found:
            return {}
        lines = self._ask("campaigns_list", stage="pipe")
        if _says(lines, "THIS USER HAS NO VIEWABLE CAMPAIGNS"):
            return found
        with self._reading("campaigns_list", lines):
            names = campaign_names(lines)
        return {
            list_id: replace(one, campaign=_named(one.campaign, names.get(one.campaign, "")))
            for list_id, one in found.items()
        }

    def _enter(self, form: str, list_name: str) -> bool:
        """Whether the phone stood on that list already."""
        lines = self._ask("add_dnc_phone", phone_number=form, campaign_id=list_name)
        if _says(lines, "DNC NUMBER ALREADY EXISTS"):
            return True
        if _says(lines, "DNC NUMBER HAS BEEN ADDED"):
            return False
        raise self._unreadable("add_dnc_phone", lines)

    def _leads(self, forms: Sequence[str]) -> list[str]:
        lines = self._ask("lead_search", phone_number=",".join(forms))
        if _says(lines, "NO MATCHES FOUND IN THE SYSTEM"):
            return []
        with self._reading("lead_search", lines):
            return lead_ids(lines, forms)

    def _take_out(self, lead: str) -> None:
        """The hopper holds what is dialled in the next minutes, and is not compared again with the
        do-not-call lists. Whoever is being called at this moment stays."""
        lines = self._ask(
            "update_lead",
            search_method="LEAD_ID",
            lead_id=lead,
            no_update="Y",
            remove_from_hopper="Y",
        )
        if not _says(lines, "REMOVED FROM HOPPER", "NO MATCHES FOUND IN THE SYSTEM"):
            raise self._unreadable("update_lead", lines)

    def _ask(self, function: str, **fields: str) -> list[str]:
        """The lines of an answer. Raises CRMError for every refusal; texts of the server are only
        shown as far as they are fixed words, since it repeats passwords and phones in them."""
        needed_by = sentence("the CRM {crm}", crm=self.name)
        form = {
            "source": "listener",
            "user": secret(self._options.user_env, needed_by),
            "pass": secret(self._options.password_env, needed_by),
            "function": function,
            **fields,
        }
        try:
            # Every function that we use gives the same when it is carried out twice.
            answer = self._http.change("POST", self._options.url, form=form, repeatable=True)
        except HttpStatus as error:
            raise self._refused_by_web_server(error) from None
        except HttpError as error:
            raise refused(error, self.name) from None
        asked, place = urlsplit(self._options.url), urlsplit(answer.url)
        if (asked.scheme, asked.path) != (place.scheme, place.path):
            raise CRMError(
                "its address sends us on to {target}, and the question is lost on the way. Write that "
                "address as `url` in crms.toml",
                crm=self.name,
                target=f"{place.scheme}://{place.hostname}{place.path}",
            )
        lines = [line.strip() for line in answer.body.decode("utf-8", "replace").split("\n")]
        lines = [line for line in lines if line]
        self._check(function, lines)
        return lines

    def _check(self, function: str, lines: Sequence[str]) -> None:
        if not lines:
            raise CRMError(
                "{function} was answered with nothing",
                crm=self.name,
                retry=True,
                function=function,
            )
        if lines[0].startswith("<"):
            raise self._unreadable(function, lines)
        said = _words(lines[0])
        for known, advice, retry in _REFUSALS:
            if known in said:
                raise CRMError(
                    "{function} was refused ({said}). {advice}",
                    crm=self.name,
                    retry=retry,
                    function=function,
                    said=said,
                    advice=advice,
                )

    def _refused_by_web_server(self, error: HttpStatus) -> CRMError:
        host = urlsplit(self._options.url).hostname
        advice = (
            sentence("It is asked again later")
            if error.retry
            else sentence("See that `url` in crms.toml is right and that this machine may ask it")
        )
        return CRMError(
            "{host} answered {answer}. {advice}",
            crm=self.name,
            retry=error.retry,
            host=host,
            answer=error.status,
            advice=advice,
        )

    @contextmanager
    def _reading(self, function: str, lines: Sequence[str]) -> Iterator[None]:
        try:
            yield
        except ValueError:
            raise self._unreadable(function, lines) from None

    def _unreadable(self, function: str, lines: Sequence[str]) -> CRMError:
        said = _words(lines[0])
        return CRMError(
            "{function} was answered with something else than its documentation says{shown}. See "
            "that `url` names non_agent_api.php, and its version",
            crm=self.name,
            function=function,
            shown=f" ({said})" if said else "",
        )


# ---------------------------------------------------------------------------- answers

# What it says when it refuses: what to do, and whether that passes by itself.
_REFUSALS = (
    (
        "Login incorrect",
        sentence(
            "See the variables that `user_env` and `password_env` name; VICIdial lets a password be "
            "of letters, digits, - and _ only"
        ),
        False,
    ),
    (
        "Too many login attempts",
        sentence("It lets the user in again after 15 minutes"),
        True,
    ),
    (
        "IP Address is not allowed",
        sentence("Add this machine to VICIdial's list of addresses"),
        False,
    ),
    (
        "DOES NOT HAVE PERMISSION",
        sentence("Give the API user what docs/crm.md says, or switch off the option that needs it"),
        False,
    ),
    (
        "NO FUNCTION SPECIFIED",
        sentence(
            "This VICIdial is too old for it: update it, or switch off the option that needs it"
        ),
        False,
    ),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of phone_number_log: `form` is the phone as it stands there, `at` the server's time."""

    form: str
    number: str
    at: datetime
    list_id: str
    seconds: int
    code: str
    user: str


@dataclass(frozen=True, slots=True)
class DiallingList:
    name: str
    campaign: str


def call_rows(lines: Iterable[str], forms: Mapping[str, str]) -> list[Row]:
    """phone_number|call_date|list_id|length_in_sec|lead_status|hangup_reason|call_status|source_id|
    user. Raises ValueError."""
    rows: list[Row] = []
    for line in lines:
        # The last but one is free text, and may hold the separator.
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < _ROW_FIELDS or cells[0] not in forms:
            raise ValueError("not a row of calls with the phones that were asked for")
        at, seconds = datetime.fromisoformat(cells[1]), int(cells[3] or 0)
        if not 1990 <= at.year <= 2100 or seconds > _LONGEST_S:
            raise ValueError("no call that can have been")
        rows.append(
            Row(
                form=cells[0],
                number=forms[cells[0]],
                at=at.replace(tzinfo=None),
                list_id=cells[2],
                seconds=max(0, seconds),
                code=cells[6],
                user=cells[-1],
            )
        )
    return rows


def event_of(
    row: Row,
    direction: Direction,
    event_id: str,
    codes: Mapping[str, Disposition],
    zone: ZoneInfo,
) -> ContactEvent:
    ours = codes.get(row.code.upper())
    outcome = ours or Disposition.NONE
    return ContactEvent(
        event_id=event_id,
        at=in_utc(row.at, zone),
        direction=direction,
        channel=Channel.CALL,
        customer_number=row.number,
        agent="" if row.user in _NO_AGENT else row.user,
        disposition=outcome,
        duration_s=0 if outcome in _UNANSWERED else row.seconds,
        note=with_code("", row.code) if row.code and ours is None else "",
    )


def with_transfers(
    outbound: Sequence[ContactEvent], inbound: Sequence[ContactEvent]
) -> list[ContactEvent]:
    """A call that is passed on to another agent stands in the log of inbound calls as well. Nobody
    calls in on a line on which we are talking: it is one contact, with the later outcome."""
    calls, own = list(outbound), []
    for leg in inbound:
        for place, call in enumerate(calls):
            seconds = call.duration_s or 0
            end = call.at + timedelta(seconds=seconds)
            same = call.customer_number == leg.customer_number and seconds > 0
            if same and call.at <= leg.at <= end + _PASSING_ON:
                calls[place] = _one_contact(call, leg)
                break
        else:
            own.append(leg)
    return [*calls, *own]


def _one_contact(call: ContactEvent, leg: ContactEvent) -> ContactEvent:
    lasted = (leg.at - call.at).total_seconds() + (leg.duration_s or 0)
    longer = replace(call, duration_s=max(call.duration_s or 0, round(lasted)))
    if call.disposition in (Disposition.NONE, Disposition.ABANDONED):
        return replace(longer, disposition=leg.disposition, note=leg.note)
    return longer


def lead_ids(lines: Iterable[str], forms: Iterable[str]) -> list[str]:
    """search_key|records_found|lead_ids, these with dashes between. Raises ValueError."""
    wanted, found = set(forms), []
    for line in lines:
        cells = line.split("|")
        if len(cells) != 3 or cells[0] not in wanted or not _LEADS.fullmatch(cells[2]):
            raise ValueError("not a row of leads with the phones that were asked for")
        found += [lead for lead in cells[2].split("-") if lead]
    return list(dict.fromkeys(found))


def dialling_list(lines: Sequence[str]) -> DiallingList:
    """list_id|list_name|campaign_id|active|... Raises ValueError."""
    cells = lines[0].split("|")
    if len(cells) < 4 or not cells[0].isdigit():
        raise ValueError("not a row of a list")
    return DiallingList(cells[1].strip(), cells[2].strip())


def campaign_names(lines: Iterable[str]) -> dict[str, str]:
    """campaign_id|campaign_name|active|... Raises ValueError."""
    rows = [line.split("|") for line in lines]
    if any(len(cells) < 3 for cells in rows):
        raise ValueError("not a row of a campaign")
    return {cells[0].strip(): cells[1].strip() for cells in rows}


def _named(key: str, name: str) -> str:
    return f"{key} {name}" if name and name != key else key


def _words(line: str) -> str:
    """The fixed words of a message; what follows them repeats the question, password included."""
    found = re.match(r"(?:ERROR|NOTICE|SUCCESS): ?([A-Za-z][A-Za-z_, ]*)", line)
    return found[1].strip() if found else ""


def _says(lines: Iterable[str], *messages: str) -> bool:
    said = [_words(line) for line in lines]
    return any(message in words for words in said for message in messages)
