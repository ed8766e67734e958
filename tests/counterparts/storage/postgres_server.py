"""A PostgreSQL cluster with PostGIS of its own, thrown away afterwards: Debian's programs, a Unix socket, no fsync.

``serving`` starts one; databases in it are copied from a template. Not for: what the portal makes in them.
"""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

LONGEST_START = 60
GUARDED = "guarded"
"""A user who is let in with a password only, on the socket too; ``create_guarded`` makes it."""
PLAIN = "plain"
_QUICK = ("fsync=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=120",
          "autovacuum=off", "jit=off", "max_wal_size=64MB", "log_min_messages=fatal")  # fmt: skip


@dataclass
class PostgresServer:
    """It runs until the block ends; ``kill`` and ``start`` in between, on the same data."""

    programs: Path
    folder: Path
    user: str
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def url(self, database: str) -> str:
        """By the socket, where every user of the machine is let in."""
        return f"postgresql://{self.user}@/{database}?host={self.folder}"

    def make(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self.folder, self.user, self.user)
        self._run(
            "initdb", "--pgdata", str(self.folder / "data"), "--username", self.user, "--no-sync", "--encoding=UTF8",
            "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=reject",
        )  # fmt: skip

        rules = self.folder / "data" / "pg_hba.conf"
        rules.write_text(f"local all {GUARDED} scram-sha-256\n{rules.read_text()}")

    def follow(self, first: "PostgresServer") -> None:
        """Start as a copy of another, and do as it does from then on."""
        if os.geteuid() == 0:
            shutil.chown(self.folder, self.user, self.user)
        self._run(
            "pg_basebackup", "--pgdata", str(self.folder / "data"), "--host", str(first.folder), "--username",
            self.user, "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
        )  # fmt: skip
        self.start()

    def start(self) -> None:
        """Returns once it answers."""
        options = [part for each in ("listen_addresses=", *_QUICK) for part in ("-c", each)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.folder / "data", "-k", self.folder, *options],
                user=self.user if os.geteuid() == 0 else None,
                group=self.user if os.geteuid() == 0 else None,
                extra_groups=[] if os.geteuid() == 0 else None,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        self._run("pg_isready", "-h", str(self.folder), "-t", str(LONGEST_START), until=True)

    def kill(self) -> None:
        """At once, as a power cut would, with everything that it started."""
        assert self._process is not None
        for each in self._all():
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        self._process.wait()
        self._process = None
        with contextlib.suppress(FileNotFoundError):
            (self.folder / "data" / "postmaster.pid").unlink()

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """It is there, and takes connections, and says nothing."""
        stopped = self._all()
        for each in stopped:
            each.suspend()
        try:
            yield
        finally:
            for each in stopped:
                each.resume()

    def promote(self) -> None:
        """A standby takes over. Returns once it may be written to."""
        self.execute("SELECT pg_promote()")

    def _all(self) -> list[psutil.Process]:
        assert self._process is not None
        first = psutil.Process(self._process.pid)
        return [first, *first.children(recursive=True)]

    def create(self, template: str = "template1", owner: str | None = None) -> str:
        """A new database, a copy of another; its name."""
        name = f"t{uuid.uuid4().hex[:12]}"
        owned = f" OWNER {owner}" if owner is not None else ""
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}{owned}")
        return name

    def plain(self) -> str:
        """A user without any right of their own, who may own databases; let in by the socket."""
        if not self.execute(f"SELECT 1 FROM pg_roles WHERE rolname = '{PLAIN}'"):
            self.execute(f"CREATE ROLE {PLAIN} LOGIN")
        return PLAIN

    def plain_url(self, database: str) -> str:
        return self.url(database).replace(f"{self.user}@", f"{self.plain()}@")

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def create_guarded(self, database: str, password: str) -> str:
        """A user with a password who owns a database; its address."""
        self.execute(f"DROP ROLE IF EXISTS {GUARDED}")
        self.execute(f"CREATE ROLE {GUARDED} LOGIN PASSWORD '{password}'")
        self.execute(f"ALTER DATABASE {database} OWNER TO {GUARDED}")
        self.execute(f"GRANT ALL ON SCHEMA public TO {GUARDED}", database)
        return self.url(database).replace(f"{self.user}@", f"{GUARDED}@")

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)  # type: ignore[call-overload]
            return list(cursor.fetchall()) if cursor.description else []

    def _run(self, program: str, *arguments: str, until: bool = False) -> None:
        done = None
        for _ in range(600 if until else 1):
            done = subprocess.run(
                [self.programs / program, *arguments], capture_output=True, text=True, timeout=LONGEST_START,
                user=self.user if os.geteuid() == 0 else None, cwd="/",
            )  # fmt: skip
            if done.returncode == 0:
                return
            assert self._process is None or self._process.poll() is None, (self.folder / "log").read_text()
        assert done is not None
        raise AssertionError(done.stderr + done.stdout)


@contextlib.contextmanager
def standby(first: PostgresServer) -> Iterator[PostgresServer]:
    """A second server that follows the first, which acknowledges nothing that only one of them has."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=first.folder.parent))
    second = PostgresServer(first.programs, folder, first.user)
    with _ended_with_us(folder):
        try:
            second.follow(first)
            first.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            first.execute("SELECT pg_reload_conf()")
            yield second
        finally:
            first.execute("ALTER SYSTEM RESET synchronous_standby_names")
            first.execute("SELECT pg_reload_conf()")
            if second._process is not None:
                second.kill()


@contextlib.contextmanager
def serving() -> Iterator[PostgresServer]:
    """A new cluster; in memory where there is a place for it."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    assert found, "PostgreSQL's server is not installed: scripts/test brings it"
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=memory))
    server = PostgresServer(found[-1], folder, user)
    with _ended_with_us(folder):
        try:
            server.make()
            server.start()
            yield server
        finally:
            if server._process is not None:
                server.kill()


@contextlib.contextmanager
def _ended_with_us(folder: Path) -> Iterator[None]:
    """Ends what runs in the folder and removes it: also when the tests are killed before they come to it."""
    script = 'cat; kill -QUIT "$(head -n 1 "$0/data/postmaster.pid")"; rm -rf "$0"'
    watching = subprocess.Popen(
        ["sh", "-c", script, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        watching.communicate()
