"""The configured systems of record, asked so that one that is down stops nothing.

Whoever failed so many times in a row is left alone for a while (a circuit breaker, by process);
what it could not say is told with its reason.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from listener.crm.merging import merged
from listener.crm.seam import Capability, Connection, Crm, Module
from listener.domain import Candidate, ContactEvent, Customer, Identifier
from listener.errors import CRMError, ListenerError, Said, said_by
from listener.httpclient import HttpClient
from listener.module_options import checked
from listener.settings import CrmConfig, Http, Settings
from listener.storage import Database

log = structlog.get_logger()


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    closed_until: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Candidates, and for each system that could not answer why."""

    candidates: tuple[Candidate, ...]
    silent: tuple[str, ...]


@dataclass
class Systems:
    """One for a process: it remembers who is down."""

    settings: Settings
    db: Database
    modules: Mapping[str, Module]
    now: Callable[[], datetime] = _utc_now
    _circuits: dict[str, _Circuit] = field(default_factory=dict)
    _open: dict[str, Crm] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def configs(self) -> Iterator[CrmConfig]:
        return (c for c in self.settings.crms if c.enabled)

    def get(self, name: str) -> Crm:
        """The system of that name; raises CRMError where none is configured and switched on."""
        with self._lock:
            if name not in self._open:
                config = next((c for c in self.configs() if c.name == name), None)
                if config is None:
                    raise CRMError("not configured; see crms.toml", crm=name)
                options = options_of(config, self.modules)
                http = HttpClient(_http(self.settings, config))
                connection = Connection(config, self.settings, self.db, http, self.now)
                self._open[name] = self.modules[config.type].open(options, connection)
            return self._open[name]

    def that_can(self, capability: Capability) -> list[str]:
        return [c.name for c in self.configs() if capability in self.get(c.name).can]

    # ------------------------------------------------------------------ questions

    def find(self, given: Sequence[Identifier]) -> Answer:
        """Everybody whom any system knows by what was given."""
        candidates: list[Candidate] = []
        silent: list[str] = []
        for name in self.that_can(Capability.FIND) if given else ():
            try:
                candidates += self.ask(name, lambda crm: crm.find(given))
            except CRMError as error:
                silent.append(Said.of(error))
        return Answer(tuple(candidates), tuple(silent))

    def customer(self, name: str, ref: str) -> Customer | None:
        found: Customer | None = self.ask(name, lambda crm: crm.get(ref))
        return found

    def history(self, name: str, ref: str) -> list[ContactEvent]:
        """Nothing where the system keeps no contacts."""
        if Capability.HISTORY not in self.get(name).can:
            return []
        found: list[ContactEvent] = self.ask(name, lambda crm: crm.history(ref))
        return found

    def contacts(self, name: str, customer: Customer) -> tuple[list[ContactEvent], list[str]]:
        """(the customer's contacts by their CRM and by every dialler, oldest first, each once; what
        each system that could not answer said). Raises CRMError when their own CRM does not answer."""
        others, silent = self._calls(customer.phones)
        return merged(self.history(name, customer.ref), others), silent

    def calls(self, numbers: Sequence[str]) -> tuple[list[ContactEvent], list[str]]:
        """The same for phones (E.164) of nobody that is known."""
        others, silent = self._calls(numbers)
        return merged((), others), silent

    def _calls(self, numbers: Sequence[str]) -> tuple[list[tuple[str, ContactEvent]], list[str]]:
        found: list[tuple[str, ContactEvent]] = []
        silent: list[str] = []
        for dialler in self.that_can(Capability.CALLS) if numbers else ():
            try:
                events = self.ask(dialler, lambda crm: crm.calls(numbers))
            except CRMError as error:
                silent.append(Said.of(error))
                continue
            found += [(dialler, event) for event in events]
        return found, silent

    def link(self, name: str, ref: str) -> str | None:
        crm = self.get(name)
        return crm.link(ref) if Capability.LINK in crm.can else None

    def ask(self, name: str, question: Callable[[Crm], Any]) -> Any:
        """The answer, or CRMError: also at once, without asking, while the system is left alone."""
        crm = self.get(name)
        config = next(c for c in self.configs() if c.name == name)
        circuit = self._circuits.setdefault(name, _Circuit())
        if circuit.closed_until is not None and self.now() < circuit.closed_until:
            raise CRMError(
                "left alone after {count} failures ({why})",
                crm=name,
                retry=True,
                count=circuit.failures,
                why=circuit.last_error,
            )
        try:
            answer = question(crm)
        except CRMError as error:
            self._failed(config, circuit, error)
            raise
        except ListenerError as error:
            self._failed(config, circuit, error)
            raise CRMError(said_by(error), crm=name, retry=error.retry) from error
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            # It answered something that it does not promise.
            log.warning("crm.nonsense", crm=name, error=repr(error))
            self._failed(config, circuit, error)
            raise CRMError(
                "its answer cannot be read ({kind}: {why})",
                crm=name,
                kind=type(error).__name__,
                why=said_by(error),
            ) from error
        circuit.failures, circuit.closed_until = 0, None
        return answer

    def _failed(self, config: CrmConfig, circuit: _Circuit, error: Exception) -> None:
        circuit.failures += 1
        circuit.last_error = Said.of(error)
        if circuit.failures >= config.failures:
            longer = min(circuit.failures - config.failures, 6)
            circuit.closed_until = self.now() + config.pause * 2**longer

    def state(self) -> dict[str, str]:
        """For each system `ok`, or what it last said while it is left alone."""
        now = self.now()
        return {
            c.name: circuit.last_error
            if (circuit := self._circuits.get(c.name))
            and circuit.closed_until is not None
            and now < circuit.closed_until
            else "ok"
            for c in self.configs()
        }


def _http(settings: Settings, config: CrmConfig) -> Http:
    """A company's own systems stand inside its network, and are asked as often as is needed."""
    return settings.listener.http.model_copy(
        update={
            "allow_private_addresses": True,
            "timeout": config.timeout,
            "per_host_interval": timedelta(0),
        }
    )


def options_of(config: CrmConfig, modules: Mapping[str, Module]) -> Any:
    """Raises ConfigError that names the file, the system, the key and the remedy."""
    return checked(f"crms.toml: CRM {config.name}", config.type, config.options, modules)
