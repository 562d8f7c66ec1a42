"""The catalogue's database: a private PostgreSQL cluster on the loopback interface."""

import json
import os
import pwd
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ol_orchestrate.lib.errors import ConfigurationError, SourceUnavailable
from ol_orchestrate.lib.files import atomic_writer, scratch_directory
from ol_orchestrate.lib.trino_stack.processes import Account, RunningProcess, as_account, start_process

if TYPE_CHECKING:
    from sqlalchemy import Engine

DATABASE, OWNER = "iceberg", "ol"
DRIVER = "postgresql+psycopg2"

_INSTALLED = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
_ACCOUNTS = ("postgres", "nobody")
_READY_S = 30.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster's folder, and the password of its one user."""

    folder: Path
    password: str = field(repr=False)

    def uri(self, port: int, database: str = DATABASE) -> str:
        """How SQLAlchemy reaches the catalogue's database, or another one; password included."""
        return f"{DRIVER}://{OWNER}:{self.password}@127.0.0.1:{port}/{database}"


def find_programs(environ: Mapping[str, str]) -> Path:
    """The folder of `initdb` and `postgres`: the newest version installed.

    Raises:
        ConfigurationError: PostgreSQL is not installed.
    """
    for folder in _program_folders(environ):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise ConfigurationError(
        "PostgreSQL is not installed (no `initdb`), and Trino's catalogue is kept in it. Type `apt-get install -y "
        "postgresql` (Debian, Ubuntu), `dnf install -y postgresql-server` (Fedora) or `brew install postgresql` "
        "(macOS), then run this again."
    )


def unprivileged_account() -> Account | None:
    """Whom PostgreSQL runs as: ourselves (None), or another account when we are root, whom it refuses.

    Raises:
        ConfigurationError: We are root and there is no such account.
    """
    if os.geteuid() != 0:
        return None
    for name in _ACCOUNTS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, found.pw_uid, found.pw_gid, Path(found.pw_dir))
    raise ConfigurationError("PostgreSQL does not run as root. Type `useradd --system postgres`, then run this again.")


def ensure_cluster(folder: Path, programs: Path, account: Account | None) -> Cluster:
    """The cluster of a stack, made when it is not there. `folder` keeps its description.

    Its files are in the same folder too, unless the account it runs as cannot reach that; then below the account's own
    home, under a name of its own.

    Raises:
        ConfigurationError: `initdb` failed; the message has what it said.
    """
    description = folder / "cluster.json"
    try:
        entry = json.loads(description.read_bytes())
        cluster = Cluster(Path(entry["folder"]), entry["password"])
    except FileNotFoundError:
        cluster = Cluster(_place(folder, account), secrets.token_urlsafe(24))
        with atomic_writer(description) as file:
            Path(file.name).chmod(0o600)
            file.write(json.dumps(asdict(cluster) | {"folder": str(cluster.folder)}).encode())
    if not (cluster.folder / "PG_VERSION").exists():
        _create(cluster, programs, account)
    return cluster


def start_postgres(
    cluster: Cluster, programs: Path, port: int, *, log: Path, environ: Mapping[str, str], account: Account | None
) -> RunningProcess:
    """Start the server; `wait_for_postgres` says when it answers."""
    (cluster.folder / "postmaster.pid").unlink(missing_ok=True)  # of a server that was killed; ours is not running
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": 60,
        "shared_buffers": "32MB",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [str(programs / "postgres"), "-D", str(cluster.folder), *options]
    return start_process("postgres", command, log=log, environ=environ, folder=Path("/"), account=account)


def wait_for_postgres(cluster: Cluster, port: int, process: RunningProcess) -> None:
    """Wait until the server answers, and make the catalogue's database if it is not there.

    Raises:
        SourceUnavailable: It ended, or did not answer in thirty seconds.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import OperationalError

    engine = create_engine(cluster.uri(port, "postgres"), isolation_level="AUTOCOMMIT")
    deadline = time.monotonic() + _READY_S
    try:
        while True:
            try:
                _ensure_database(engine)
            except OperationalError as error:
                if not process.is_alive or time.monotonic() > deadline:
                    raise _no_answer(process, error) from error
                time.sleep(0.1)
            else:
                return
    finally:
        engine.dispose()


def _ensure_database(engine: "Engine") -> None:
    from sqlalchemy import text

    with engine.connect() as connection:
        known = connection.execute(text("select 1 from pg_database where datname = :name"), {"name": DATABASE})
        if known.first() is None:
            connection.execute(text(f"create database {DATABASE}"))


def _no_answer(process: RunningProcess, error: Exception) -> SourceUnavailable:
    message = f"The catalogue's PostgreSQL did not start: {last_words(Path(process.log)) or error}"
    return SourceUnavailable(message, system="postgres", operation="start")


def last_words(log: Path, lines: int = 5) -> str:
    """The end of a log, and where the rest of it is."""
    try:
        text = log.read_text("utf-8", "replace").splitlines()[-lines:]
    except FileNotFoundError:
        return ""
    return "\n  ".join([f"(from {log})", *text])


def _program_folders(environ: Mapping[str, str]) -> Iterator[Path]:
    for pattern in _INSTALLED:
        folders = Path("/").glob(pattern[1:])
        yield from sorted(folders, key=lambda folder: [int(part) for part in _numbers(folder)], reverse=True)
    if found := shutil.which("initdb", path=environ.get("PATH")):
        yield Path(found).resolve().parent


def _numbers(folder: Path) -> list[str]:
    return [part for part in str(folder).replace("-", "/").split("/") if part.isdecimal()]


def _place(folder: Path, account: Account | None) -> Path:
    if account is None or _can_reach(folder, account):
        return folder / "postgres"
    home = account.home if account.home.is_dir() and account.home != Path("/") else Path("/var/tmp")  # noqa: S108 (kept over a reboot; the cluster's folder is private)
    return home / "ol-data-platform" / secrets.token_hex(8)


def _can_reach(folder: Path, account: Account) -> bool:
    enter = ["/bin/sh", "-c", 'cd "$0"', str(folder)]
    tried = subprocess.run(enter, cwd="/", capture_output=True, check=False, **as_account(account))  # noqa: S603
    return tried.returncode == 0


def _create(cluster: Cluster, programs: Path, account: Account | None) -> None:
    cluster.folder.parent.mkdir(parents=True, exist_ok=True)
    cluster.folder.mkdir(mode=0o700, exist_ok=True)
    _give_to(account, cluster.folder)
    with scratch_directory(cluster.folder.parent) as scratch:
        password = scratch / "password"
        password.touch(mode=0o600)
        password.write_text(cluster.password, encoding="utf-8")
        _give_to(account, scratch)
        _give_to(account, password)
        command = [str(programs / "initdb"), "-D", str(cluster.folder), "-U", OWNER, f"--pwfile={password}"]
        finished = subprocess.run(  # noqa: S603 (looked up, arguments made here)
            [*command, "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale"],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            **as_account(account),
        )
    if finished.returncode:
        shutil.rmtree(cluster.folder)
        raise ConfigurationError(f"initdb could not make {cluster.folder}: {finished.stderr.strip()}")


def _give_to(account: Account | None, path: Path) -> None:
    if account:
        os.chown(path, account.uid, account.gid)
