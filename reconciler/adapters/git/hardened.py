"""How we call git: nothing of a repository's content or configuration is ever run.

Set through the environment, which git passes on to its children and which outranks every configuration file
(git-config(1), GIT_CONFIG_COUNT; git(1), GIT_ALLOW_PROTOCOL). A repository that somebody else owns is read
all the same (`safe.directory`), which is sound because everything that could run on its behalf is off.
"""

import os
from collections.abc import Iterator, Mapping
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
    "gc.auto": "0",
    "maintenance.auto": "false",
    "credential.interactive": "false",
}


def reading(git_dir: str) -> dict[str, str]:
    """The environment to read a repository with: no protocol is allowed, so a partial clone fetches nothing
    on the way.
    """
    return {
        **_common(git_dir),
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }


def fetching(git_dir: str) -> dict[str, str | None]:
    """The environment to fetch with; the caller's own git configuration counts, since it may hold how to log in."""
    ssh = os.environ.get("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")
    own = {"GIT_CONFIG_NOSYSTEM": None, "GIT_CONFIG_GLOBAL": None, "GIT_NO_LAZY_FETCH": None}
    return {**_common(git_dir), **own, "GIT_ALLOW_PROTOCOL": FETCH_PROTOCOLS, "GIT_SSH_COMMAND": ssh}


def _common(git_dir: str) -> dict[str, str]:
    return {
        **dict(_configuration({**CONFIGURATION, "safe.directory": "*"})),
        "GIT_DIR": git_dir,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }


def _configuration(settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield "GIT_CONFIG_COUNT", str(len(settings))
    for index, (name, value) in enumerate(settings.items()):
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
