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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field

from listener import phones
from listener.crm.calllog import BY_PHONE, in_order, in_utc, plan_of, with_code, zone_of
from listener.crm.seam import Cannot, Capability, Connection, Order, Receipt
from listener.domain import Channel, ContactEvent, Direction, Disposition
from listener.errors import CRMError, HttpError, HttpStatus
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

    can = frozenset({Capability.SUPPRESS, Capability.LINK}) | BY_PHONE
    offers_calls = True

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
            [
                *self._events(Direction.OUT, passed_on(outbound, inbound, self._zone), lists),
                *self._events(Direction.IN, called_in(outbound, inbound, self._zone), {}),
            ]
        )

    def suppress(self, order: Order) -> Receipt:
        """Leaves the order's end to people: VICIdial's lists know none."""
        forms = list(self._forms([order.number]))
        if not forms:
            raise CRMError(f"{phones.mask(order.number)} is no phone that it dials", crm=self.name)
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
        return self._read("phone_number_log", lines, lambda: call_rows(lines, forms))

    def _lists(self, ids: Iterable[str]) -> dict[str, DiallingList]:
        """What the lists are called; those that were deleted are absent."""
        found: dict[str, DiallingList] = {}
        for list_id in sorted(i for i in ids if i):
            lines = self._ask("list_info", list_id=list_id, stage="pipe")
            if _says(lines, "LIST DOES NOT EXIST", "NOT AN ALLOWED LIST ID"):
                continue
            found[list_id] = self._read("list_info", lines, lambda: dialling_list(lines))
        if not found:
            return {}
        lines = self._ask("campaigns_list", stage="pipe")
        if _says(lines, "THIS USER HAS NO VIEWABLE CAMPAIGNS"):
            return found
        names = self._read("campaigns_list", lines, lambda: campaign_names(lines))
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
        return self._read("lead_search", lines, lambda: lead_ids(lines, forms))

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
        needed_by = f"the CRM {self.name}"
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
            raise CRMError(str(error), crm=self.name, retry=error.retry) from None
        if urlsplit(answer.url)[2] != urlsplit(self._options.url)[2] or (
            urlsplit(answer.url).scheme != urlsplit(self._options.url).scheme
        ):
            place = urlsplit(answer.url)
            raise CRMError(
                f"its address sends us on to {place.scheme}://{place.hostname}{place.path}, and the "
                "question is lost on the way. Write that address as `url` in crms.toml",
                crm=self.name,
            )
        lines = [line.strip() for line in answer.body.decode("utf-8", "replace").split("\n")]
        lines = [line for line in lines if line]
        self._check(function, lines)
        return lines

    def _check(self, function: str, lines: Sequence[str]) -> None:
        if not lines:
            raise CRMError(f"{function} was answered with nothing", crm=self.name, retry=True)
        if lines[0].startswith("<"):
            raise self._unreadable(function, lines)
        said = _words(lines[0])
        for known, advice, retry in _REFUSALS:
            if known in said:
                raise CRMError(
                    f"{function} was refused ({said}). {advice}", crm=self.name, retry=retry
                )

    def _refused_by_web_server(self, error: HttpStatus) -> CRMError:
        host = urlsplit(self._options.url).hostname
        advice = (
            "It is asked again later"
            if error.retry
            else "See that `url` in crms.toml is right and that this machine may ask it"
        )
        return CRMError(
            f"{host} answered {error.status}. {advice}", crm=self.name, retry=error.retry
        )

    def _read[T](self, function: str, lines: Sequence[str], parse: Callable[[], T]) -> T:
        try:
            return parse()
        except ValueError:
            raise self._unreadable(function, lines) from None

    def _unreadable(self, function: str, lines: Sequence[str]) -> CRMError:
        said = _words(lines[0])
        shown = f" ({said})" if said else ""
        return CRMError(
            f"{function} was answered with something else than its documentation says{shown}. See "
            "that `url` names non_agent_api.php, and its version",
            crm=self.name,
        )
