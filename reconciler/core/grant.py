"""Grants: the signed URLs that the copy of a migration gets, in a Secret that lives as long as the copy runs.

Names here are a contract with service teams (docs/lifecycle-jobs.md). A URL is a secret: whoever has it may read or
write that object.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core.archive import MANIFEST
from reconciler.core.step import Kind, Step, Verb

Json = dict[str, Any]

URL, PARTS = "url", "parts"
VARIABLES = {Verb.MIGRATE_OUT.value: "TENANT_EXPORT_URL", Verb.MIGRATE_IN.value: "TENANT_IMPORT_URL"}
FILES = {
    Verb.MIGRATE_OUT.value: {PARTS: "export/parts"},
    Verb.MIGRATE_IN.value: {PARTS: "import/parts", MANIFEST: f"import/{MANIFEST}"},
}


@dataclass(frozen=True, slots=True)
class Grant:
    """The URL of the whole (empty: there is none to import), those of parts, and what an import consists of."""

    url: str
    parts: Sequence[str]
    manifest: str = ""

    @property
    def data(self) -> dict[str, str]:
        """What is in the Secret: the parts a line each."""
        lines = {URL: self.url, PARTS: "".join(f"{part}\n" for part in self.parts)}
        return lines | ({MANIFEST: self.manifest} if self.manifest else {})


def is_granted(step: Step) -> bool:
    """Whether the step's copy gets a Secret."""
    return step.kind is Kind.JOB and step.verb in VARIABLES


def grant_variables(step: Step, secret: str) -> list[Json]:
    """The environment variable with the URL of the whole, for migrations."""
    if not is_granted(step):
        return []
    return [{"name": VARIABLES[step.verb], "valueFrom": {"secretKeyRef": {"name": secret, "key": URL}}}]


def grant_source(step: Step, secret: str) -> Json | None:
    """The files of the Secret, as the source of a projected volume; None for anything but migrations."""
    if not is_granted(step):
        return None
    return {"name": secret, "items": [{"key": key, "path": path} for key, path in FILES[step.verb].items()]}
