"""The object store: S3 for every local cluster and for this machine, as one process in a network of its own.

`up()` starts it or finds it running; `down()` of its last user leaves nothing, data included. The command line is
`python -m tests.cluster objectstore`.
It is reached like the clusters: at a private address behind a link, so nobody outside this machine gets there.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
import shutil
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from . import binaries, cgroups, network, owner, process, requirements
from .addresses import SLOTS, Addresses
from .api import wait
from .failure import ClusterError
from .folders import clusters, lock, locked
from .owner import Owner
from .process import Program, Runtime
from .progress import Progress, Say

NAME = "object-store"
BUCKET = "tenantctl-archives"
REGION = "us-east-1"
PORT = 7070
HEALTH = "/health"
PROGRAM = "versitygw"
COMMAND = "python -m tests.cluster objectstore up"


class Place(Addresses):
    """Where it is: in the slot that no cluster has, and not named as a cluster, or `down` would take it for one."""

    @property
    def netns(self) -> str:
        return f"tenantctl.{self.name}"


OWN = Place(NAME, SLOTS + 1)


@dataclass(frozen=True)
class ObjectStore:
    """What a client needs: the endpoint (plain HTTP, paths name the bucket), a bucket that exists, and keys."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = REGION


def up(progress: Say = print, *, command: str = "") -> ObjectStore:
    """The object store, started unless it runs. The caller becomes one of its users. Raises ClusterError."""
    requirements.check()
    tell, caller = Progress(progress), owner.current(COMMAND, command)
    with locked(lock(f".{NAME}")):
        found = find() or _start(tell)
        owner.write(_users(), [*_others(caller), caller])
    tell.total(f"object store is up: {found.endpoint}/{found.bucket}; keys: {note()}")
    return found


def down(progress: Say = print, *, command: str = "", force: bool = False) -> None:
    """The caller uses it no longer. Without other users (or by `force`) ends it and removes its network and files.

    Raises ClusterError if something stays.
    """
    requirements.check()
    tell = Progress(progress)
    with locked(lock(f".{NAME}")):
        others = [] if force else _others(owner.current(COMMAND, command))
        if others:
            owner.write(_users(), others)
            tell.note(f"the object store stays up for {', '.join(map(str, others))}")
            return
        with tell.step("object store is down"):
            _clean()


def users() -> list[Owner]:
    """Those that it stays up for."""
    return owner.living(_users())


def exists() -> bool:
    """Whether anything of it may be left to take down."""
    return _folder().exists() or (network.NAMESPACES / OWN.netns).exists()


def find() -> ObjectStore | None:
    """The object store if it runs and answers. Changes nothing."""
    if not note().exists() or process.running(_runtime().mark(PROGRAM)) is None:
        return None
    noted = ObjectStore(**json.loads(note().read_text()))
    try:
        return noted if _answers(noted.endpoint) else None
    except OSError:
        return None


def note() -> Path:
    """The file with everything of `ObjectStore`, as JSON, for its owner only."""
    return _folder() / "object-store.json"


def _others(caller: Owner) -> list[Owner]:
    """The users besides the caller. Each command counts: two demos of one folder are two users."""
    return [each for each in users() if each != caller]


def _users() -> Path:
    return _folder() / "users.json"


def _folder() -> Path:
    return clusters().parent / NAME


def _runtime(cgroup: Path = Path()) -> Runtime:
    return Runtime(_folder(), OWN.netns, cgroup)


def _start(tell: Progress) -> ObjectStore:
    requirements.install(requirements.RUN, tell)
    program = binaries.object_store(tell)
    with tell.step("object store started"):
        _clean()
        network.create(OWN)
        (_folder() / "data" / BUCKET).mkdir(parents=True)  # a folder is a bucket
        _folder().chmod(0o700)
        runtime = _runtime(cgroups.create(OWN.netns))
        made = ObjectStore(f"http://{OWN.node}:{PORT}", BUCKET, secrets.token_hex(10), secrets.token_hex(20))
        process.start(_program(program, made), runtime)
        wait(PROGRAM, lambda: _answers(made.endpoint), seconds=30, watch=lambda: process.must_run(PROGRAM, runtime))
        note().touch(mode=0o600)
        note().write_text(json.dumps(dataclasses.asdict(made)))
    return made


def _program(program: Path, made: ObjectStore) -> Program:
    """Without a line for every request: signed URLs are secrets."""
    words = ("--port", f"{OWN.node}:{PORT}", "--region", made.region, "--health", HEALTH, "--quiet")
    keys = {"ROOT_ACCESS_KEY": made.access_key, "ROOT_SECRET_KEY": made.secret_key}
    return Program(PROGRAM, (str(program), *words, "posix", str(_folder() / "data")), keys)


def _answers(endpoint: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(f"{endpoint}{HEALTH}", timeout=2).close()
    return True


def _clean() -> None:
    process.stop([_runtime().mark(PROGRAM)])
    stubborn = cgroups.kill(OWN.netns)
    if stubborn:
        raise ClusterError(f"object store: these processes would not end: {stubborn}", remedy="end them by hand")
    network.remove(OWN)
    cgroups.remove(OWN.netns)
    shutil.rmtree(_folder(), ignore_errors=True)
    if _folder().exists():
        raise ClusterError(f"{_folder()} could not be removed", remedy="remove it by hand")
