"""The object store of a migration that is tried out (`tenantctl jobs run`), and which archive it imports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.core.step import Step, Verb

if TYPE_CHECKING:
    from reconciler.core.archive import Archive


OPTIONAL = "--archives-credentials"
ALLOWED = {
    Verb.MIGRATE_OUT.value: frozenset({"--archives", OPTIONAL}),
    Verb.MIGRATE_IN.value: frozenset({"--archives", OPTIONAL, "--import"}),
}


@dataclass(frozen=True, slots=True)
class TrialStore:
    """Where a migration that is tried out keeps its archive, and which one it imports."""

    url: str = ""
    credentials: str = ""
    imports: Mapping[Step, "Archive"] = field(default_factory=dict)


def trial_store(step: Step, url: str | None, credentials: str | None, imported: str | None) -> TrialStore:
    """What the options say. Raises UsageError where a migration lacks one, or any other verb has one."""
    from reconciler.adapters.objectstore import read_location
    from reconciler.core.errors import UsageError

    options = {"--archives": url, OPTIONAL: credentials, "--import": imported}
    given, allowed = {name for name, value in options.items() if value}, ALLOWED.get(step.verb, frozenset())
    for name in sorted(given - allowed):
        raise UsageError(f"{name} is not for {step.verb}")
    for name in sorted(allowed - given - {OPTIONAL}):
        raise UsageError(f"{step.verb} needs {name}")
    if credentials and not Path(credentials).is_file():
        raise UsageError(f"--archives-credentials {credentials}: there is no such file")
    if url:
        read_location(url)
    return TrialStore(url or "", credentials or "", {step: _archive(imported)} if imported else {})


def _archive(text: str) -> "Archive":
    from reconciler.core.archive import Archive
    from reconciler.core.errors import UsageError

    key, _, checksum = text.rpartition("@")
    try:
        return Archive.load({"key": key, "sha256": checksum})
    except ValueError as error:
        raise UsageError(f"--import {text}: write KEY@SHA256, as migrate-out says it: {error}") from error
