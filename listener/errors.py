"""Every error that Listener raises on purpose.

ListenerError
├── ConfigError               a file in the configuration folder is wrong
│   └── MissingCredential     a secret that the configuration names is not in the environment
├── QueryError                a boolean query cannot be read; carries the position
├── BadSelection              an address asks for mentions in a way that cannot be read
├── HttpError                 a request did not give a usable answer
│   ├── Unreachable           no answer: name, connection, time-out          (trying again helps)
│   ├── HttpStatus            an answer with an error status                 (429 and 5xx: trying again helps)
│   ├── TooLarge              the answer is larger than the limit
│   └── ForbiddenAddress      the address is inside a network we do not ask
├── SourceError               a source answered something that it does not promise
├── CRMError                  a CRM or dialler cannot answer
├── NotifyError               a message could not be delivered
├── ImportError_              a file cannot be imported at all (single bad rows are rejects, not errors)
├── ReaderMissing             the reader's weights are not where they should be
├── ViewError                 a saved view, or a common action of the inbox, is refused
├── StorageError              what is asked of the storage cannot be
│   ├── DatabaseDown          the database is missing, old, locked or read-only  (trying again may help)
│   └── NotFound              there is no such case, mention, token ...
├── StaleWrite                somebody changed the row in the meantime
│   └── StaleSettings         ... the settings
├── CaseError                 what is asked of a case cannot be, as it stands
├── NotAllowed                the role may not do this
├── SilenceRefused            alerts cannot be muted like this
├── AccountError              an account, a password or a one-time link is refused
├── ProviderError             the company's sign-in did not answer as it must
└── PortInUse                 the dashboard's port is taken

`retry` tells whether trying the same again can help; `str(error)` says in English what, where,
why, what to do, and `error.said` the same for whoever reads another language (i18n.told).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_LONGEST = 1000  # characters of one value that are stored


@dataclass(frozen=True, slots=True)
class Sentence:
    """An English sentence with {names} for its values, apart from them so that it can be
    translated: `text` is looked up in the catalogues. A value may be a sentence itself, or several
    (a tuple: one a line). With a `key`, that is looked up, and `text` is English as it is."""

    text: str
    values: Mapping[str, object] = field(default_factory=dict)
    key: str = ""

    def __str__(self) -> str:
        if self.key or not self.values:
            return self.text
        return self.text.format_map({name: _in_english(v) for name, v in self.values.items()})

    def to_text(self) -> str:
        """As it is stored, to be told later in whatever language; a sentence without values as it
        is, unless it looks like one that was stored."""
        whole = self.values or self.key or self.text.startswith(_STORED)
        return json.dumps(_plain(self), ensure_ascii=False) if whole else self.text

    @staticmethod
    def from_text(stored: str) -> Sentence:
        if not stored.startswith(_STORED):
            return Sentence(stored)
        try:
            found = json.loads(stored, object_hook=_again)
            str(found)
        except (ValueError, LookupError, AttributeError):  # not ours
            return Sentence(stored)
        return found if isinstance(found, Sentence) else Sentence(stored)


_STORED = '{"said": '


def _plain(value: object) -> object:
    if isinstance(value, Said):
        return _plain(value.sentence)
    if isinstance(value, Sentence):
        values = {n: _plain(v) for n, v in value.values.items()}
        return {"said": value.text, "values": values, "key": value.key}
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)[:_LONGEST]


def _again(found: dict[str, object]) -> object:
    if set(found) != {"said", "values", "key"} or not isinstance(found["values"], dict):
        return found
    values = {n: tuple(v) if isinstance(v, list) else v for n, v in found["values"].items()}
    return Sentence(str(found["said"]), values, str(found["key"]))


class Said(str):
    """The English of a sentence that knows its parts still: plain text for whoever stores, logs or
    compares it, to be told in other languages by its `sentence`."""

    sentence: Sentence

    def __new__(cls, text: str, sentence: Sentence | None = None) -> Said:
        made = super().__new__(cls, text)
        made.sentence = sentence or Sentence(text)
        return made

    @staticmethod
    def of(error: Exception) -> Said:
        """What an error says; one of others with its kind."""
        if isinstance(error, ListenerError):
            return Said(str(error), error.said)
        return Said(f"{type(error).__name__}: {error}")

    @staticmethod
    def from_text(stored: str) -> Said:
        found = Sentence.from_text(stored)
        return Said(str(found), found)


def kept(text: str) -> str:
    """As it is stored inside other text, for `Said.from_text`."""
    return text.sentence.to_text() if isinstance(text, Said) else text


def sentence(text: str, /, **values: object) -> Sentence:
    return Sentence(text, values)


def in_a_row(*parts: str | Sentence) -> Sentence:
    """Sentences one after the other; empty ones are left out."""
    values = {f"part_{n}": part for n, part in enumerate(parts) if str(part)}
    return Sentence(" ".join(f"{{{name}}}" for name in values), values)


def changed_texts(said: Sentence, change: Callable[[str], str]) -> Sentence:
    """The sentence with other texts among its values; its own changes only where it is no template,
    since it may be somebody else's words."""
    values = {name: _changed(v, change) for name, v in said.values.items()}
    fixed = bool(said.values) and not said.key
    return Sentence(said.text if fixed else change(said.text), values, said.key)


def _changed(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, Sentence):
        return changed_texts(value, change)
    if isinstance(value, tuple):
        return tuple(_changed(v, change) for v in value)
    return change(value) if isinstance(value, str) else value


def _in_english(value: object) -> object:
    return "\n".join(str(v) for v in value) if isinstance(value, tuple) else value


class ListenerError(Exception):
    """Base of the tree; `retry` is True where the same call may succeed later.

    `message` is the sentence in English, with {names} where `values` stand. Where people are told
    something else than a program or a log, `key` is the catalogue's message with these values, and
    `message` is taken as it is.
    """

    retry: bool = False

    def __init__(self, message: str | Sentence = "", /, *, key: str = "", **values: object) -> None:
        said = message if isinstance(message, Sentence) else Sentence(message, values, key)
        super().__init__(str(said))
        self.said = said
        self.key = key
        self.values = values


def said_by(error: BaseException) -> str | Sentence:
    """What an error says, for a sentence about it: as a sentence where it is one."""
    if isinstance(error, ListenerError):
        return error.said
    first = error.args[0] if len(error.args) == 1 else None
    return first if isinstance(first, Sentence) else str(error)


class ConfigError(ListenerError):
    """A configuration file or value is wrong."""


class MissingCredential(ConfigError):
    """A secret named by the configuration is not in the environment."""

    def __init__(self, variable: str, needed_by: str | Sentence) -> None:
        super().__init__(
            "the environment variable {variable} is not set, but {needed_by} needs it. Set it (for "
            "example in the service's unit file) or switch {needed_by} off in the configuration.",
            variable=variable,
            needed_by=needed_by,
        )
        self.variable = variable


class QueryError(ListenerError):
    """A boolean query cannot be read. `position` is 0-based in `text`, in code points."""

    def __init__(self, reason: str | Sentence, *, text: str, position: int) -> None:
        self.reason = str(reason)
        self.text = text
        self.position = max(0, min(position, len(text)))
        start = max(0, self.position - 40)
        shown = text[start : self.position + 40].replace("\n", " ")
        caret = " " * (self.position - start) + "^"
        super().__init__(
            "query, position {position}: {reason}\n{where}",
            position=self.position + 1,
            reason=reason,
            where=(f"  {shown}", f"  {caret}"),
        )


class BadSelection(ListenerError):
    """A parameter that says which mentions are meant cannot be read."""

    def __init__(self, name: str, written: str, wanted: str | Sentence) -> None:
        super().__init__(
            "the address says {name}={written}: write {wanted}",
            name=name,
            written=written[:40],
            wanted=_as_sentence(wanted),
        )
        self.name = name


class HttpError(ListenerError):
    """A request did not give a usable answer; `url` is shown without its query's secrets."""

    def __init__(self, message: str | Sentence, /, *, url: str, **values: object) -> None:
        super().__init__(_as_sentence(message, values))
        self.url = url


class Unreachable(HttpError):
    retry = True


class HttpStatus(HttpError):
    """`retry_after` in seconds, when the server said so."""

    def __init__(
        self,
        message: str | Sentence,
        /,
        *,
        url: str,
        status: int,
        retry_after: float | None = None,
        **values: object,
    ) -> None:
        super().__init__(message, url=url, **values)
        self.status = status
        self.retry_after = retry_after
        self.retry = status == 429 or status >= 500


class TooLarge(HttpError):
    pass


class ForbiddenAddress(HttpError):
    pass


class SourceError(ListenerError):
    """A source answered something it does not promise. `source` is its configured name."""

    def __init__(
        self, message: str | Sentence, /, *, source: str, retry: bool = False, **values: object
    ) -> None:
        what = _as_sentence(message, values)
        super().__init__("source {source}: {what}", source=source, what=what)
        self.source = source
        self.retry = retry


class CRMError(ListenerError):
    def __init__(
        self, message: str | Sentence, /, *, crm: str, retry: bool = False, **values: object
    ) -> None:
        super().__init__("CRM {crm}: {what}", crm=crm, what=_as_sentence(message, values))
        self.crm = crm
        self.retry = retry


class NotifyError(ListenerError):
    """`permanent` errors are not tried again. `answered` is False when the connection broke after
    the message was handed over: whether the receiver has it is then unknown."""

    def __init__(
        self, message: str | Sentence, *, notifier: str, permanent: bool, answered: bool = True
    ) -> None:
        super().__init__("{notifier}: {what}", notifier=notifier, what=message)
        self.notifier = notifier
        self.answered = answered
        self.permanent = permanent
        self.retry = not permanent


class ImportError_(ListenerError):  # noqa: N801 - the builtin's name is taken
    """A file cannot be imported at all."""


class ReaderMissing(ListenerError):
    """The reader cannot be loaded: a visible state, never a silent "neutral"."""


class StorageError(ListenerError):
    pass


class DatabaseDown(StorageError):
    retry = True


class NotFound(StorageError):
    pass


class StaleWrite(ListenerError):
    """Somebody else changed the row since it was read; `changed` says what."""

    def __init__(
        self, message: str | Sentence, /, *, changed: tuple[str, ...] = (), **values: object
    ) -> None:
        super().__init__(_as_sentence(message, values))
        self.changed = changed


class StaleSettings(StaleWrite):
    """A document of the settings was edited by somebody else; `who` did it."""

    def __init__(self, message: str, *, who: str) -> None:
        super().__init__(message, changed=(f"{who}: edited",))
        self.who = who


class CaseError(ListenerError):
    """What a person asks of a case cannot be, as it stands. Moments among its values are aware
    datetimes."""


class ViewError(ListenerError):
    """A view of the inbox, or an action on many cases, cannot be."""


class NotAllowed(ListenerError):
    pass


class AccountError(ListenerError):
    """An account, a password or a one-time link is refused."""


class SilenceRefused(ListenerError):
    """Alerts cannot be muted like this."""


class ProviderError(ListenerError):
    """The OpenID Connect provider is down, refuses us, or answers for somebody else. `key` is the
    catalogue's message for people; `str(error)` is for the log and holds no token."""

    def __init__(self, message: str, *, key: str, retry: bool = False) -> None:
        super().__init__(f"sign-in with the company: {message}", key=key)
        self.retry = retry


class PortInUse(ListenerError):
    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"the dashboard cannot listen on {host}:{port}: the port is in use. Stop the other "
            "program, or set [dashboard] port in listener.toml (or `listener run --port N`)."
        )


def _as_sentence(message: str | Sentence, values: Mapping[str, object] | None = None) -> Sentence:
    return message if isinstance(message, Sentence) else Sentence(message, values or {})
