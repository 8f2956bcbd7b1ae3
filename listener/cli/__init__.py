"""The command line. Each command is thin: it reads its arguments, calls one function and prints.

Exit codes: 0 done; 1 something is unhealthy or refused; 2 the input or the call is wrong. Imports
that take long (the reader, the dashboard) happen inside the commands that need them.

    service.py   the service, its loops          state.py     what there is, and whether it is well
    texts.py     texts in, answers out           accounts.py  who may sign in
    contacts.py  what the company's log tells    sample.py    invented data
    configuration.py  the settings as files
    tokens.py    tokens of the API
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from listener.cli import (
    accounts,
    configuration,
    contacts,
    report,
    sample,
    service,
    state,
    texts,
    tokens,
)
from listener.cli.shared import err, plain
from listener.errors import ConfigError, ImportError_, ListenerError, QueryError

app = typer.Typer(
    name="listener",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Every complaint of harassment is seen, explained, answered and ended.",
)
_WRONG_INPUT = (ConfigError, QueryError, ImportError_)


def main() -> None:
    """Run the command line; an error that we know is one clear message, not a traceback."""
    try:
        app(standalone_mode=True)
    except ListenerError as error:
        err.print(f"[red]error:[/red] {plain(str(error))}", soft_wrap=True)
        sys.exit(2 if isinstance(error, _WRONG_INPUT) else 1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


@app.callback()
def _common(
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    from listener import logs

    if log_level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise typer.BadParameter(f"{log_level!r}: choose DEBUG, INFO, WARNING or ERROR")
    logs.configure(level=log_level.upper())


def _group(name: str, about: str, commands: dict[str, Callable[..., None]]) -> None:
    group = typer.Typer(no_args_is_help=True, help=about)
    for called, command in commands.items():
        group.command(called)(command)
    app.add_typer(group, name=name)


# In the order in which `listener --help` lists them.
_COMMANDS: dict[str, Callable[..., None]] = {
    "run": service.run,
    "collect": service.collect,
    "process": service.process,
    "deliver": service.deliver,
    "classify": texts.classify,
    "match": texts.match,
    "import": texts.import_file,
    "retrain": texts.retrain,
    "status": state.status,
    "count": state.count,
    "doctor": state.doctor,
    "diagnose": contacts.diagnose,
    "ledger": contacts.ledger,
    "simulate": contacts.simulate,
    "erase": contacts.erase,
    "report": report.report,
    "export": configuration.export,
    "import-config": configuration.import_config,
}
for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)

_group(
    "user",
    "Accounts of the dashboard.",
    {
        "add": accounts.add,
        "link": accounts.link,
        "list": accounts.show,
        "disable": accounts.disable,
        "enable": accounts.enable,
        "unlock": accounts.unlock,
    },
)
_group(
    "token",
    "Tokens of the API.",
    {"add": tokens.add, "list": tokens.show, "revoke": tokens.revoke},
)
_group("crm", "People and contact events of the company.", {"import": contacts.crm_import})
_group(
    "sample",
    "Invented data for a first look.",
    {"load": sample.load, "remove": sample.remove},
)
