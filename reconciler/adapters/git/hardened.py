"""How we call git: nothing of a repository's content or configuration is ever run.

Set through the environment, which git passes on to its children and which outranks every configuration file
(git-config(1), GIT_CONFIG_COUNT; git(1), GIT_ALLOW_PROTOCOL). A repository that somebody else owns is read
all the same (`safe.directory`), which is sound because everything that could run on its behalf is off.
"""

import os
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit, urlunsplit

FETCH_PROTOCOLS = "https:http:ssh:git:file"
FETCH_TIMEOUT_SECONDS = 120
CONFIGURATION = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.symlinks": "false",
    "protocol.allow": "never",
    "protocol.ext.allow": "never",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "log.showSignature": "false",  # it runs gpg.program
    "gc.auto": "0",
    "maintenance.auto": "false",
    "credential.interactive": "false",
    "core.bigFileThreshold": "1m",  # larger blobs, none of which is read, go from the network to the disk unheld
    "pack.threads": "2",
    "fetch.unpackLimit": "1",  # a fetch is one pack, and many packs are what `gc --auto` counts best
}
Settings = Sequence[tuple[str, str]]


def reading(git_dir: str) -> dict[str, str]:
    """The environment to read with: no protocol is allowed, so a partial clone fetches nothing on the way."""
    return {
        **_common(git_dir, first=0),
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }


def fetching(git_dir: str, more: Settings = ()) -> dict[str, str | None]:
    """The environment to fetch with; the caller's own configuration counts below ours: it may hold how to log in.

    `more` are settings beside our own, in order; one name may be there several times.
    """
    callers = os.environ.get("GIT_CONFIG_COUNT", "0")
    first = int(callers) if callers.isdecimal() else 0
    theirs = [f"GIT_CONFIG_{part}_{index}" for part in ("KEY", "VALUE") for index in range(first)]
    return {
        **_common(git_dir, first, more),
        **dict.fromkeys(
            [*theirs, "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL", "GIT_NO_LAZY_FETCH"]
        ),  # None: the caller's
        "GIT_ALLOW_PROTOCOL": FETCH_PROTOCOLS,
        "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -oBatchMode=yes"),
    }


def _common(git_dir: str, first: int, more: Settings = ()) -> dict[str, str]:
    return {
        **dict(_configuration([*CONFIGURATION.items(), ("safe.directory", "*"), *more], first)),
        "GIT_DIR": git_dir,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }


def _configuration(settings: Settings, first: int) -> Iterator[tuple[str, str]]:
    """Settings as variables, numbered from `first`; a later number outranks an earlier one."""
    yield "GIT_CONFIG_COUNT", str(first + len(settings))
    for index, (name, value) in enumerate(settings, first):
        yield f"GIT_CONFIG_KEY_{index}", name
        yield f"GIT_CONFIG_VALUE_{index}", value


def is_url(location: str) -> bool:
    """Whether a location is a URL (or scp-like, user@host:path) and not a path."""
    if "://" in location:
        return True
    host, colon, _ = location.partition(":")
    return bool(colon) and "/" not in host and "@" in host


def without_credentials(url: str) -> str:
    """A URL as it may be shown and logged."""
    parts = urlsplit(url)
    if not parts.netloc or "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
