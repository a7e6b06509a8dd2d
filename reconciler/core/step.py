"""Steps: the smallest thing that a run does, and the name from which all other names are made.

Claims, fan-out items, outcomes, copies and children are all named after a step, so that each leads back to the others.
"""

import base64
import hashlib
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.names import is_name

ADMIN = "admin."
OUTCOME = "outcome."


class Verb(StrEnum):
    """What lifecycle code is asked to do; `admin.<name>` verbs are open-ended and stay text."""

    UPSERT = "upsert"
    MIGRATE_OUT = "migrate-out"
    MIGRATE_IN = "migrate-in"
    DECOMMISSION = "decommission"


def is_verb(text: str) -> bool:
    """Whether the text is one of the four verbs or `admin.<name>`; its name is a DNS label, so that every key fits."""
    return text in Verb.__members__.values() or (text.startswith(ADMIN) and is_name(text.removeprefix(ADMIN)))


class Kind(StrEnum):
    """What a step works on."""

    JOB = "job"
    RESOURCE = "resource"
    APPLICATION = "application"

    @property
    def parts(self) -> int:
        """How many words follow the verb: namespace and Job, provider and resource, or an application's name."""
        return 1 if self is Kind.APPLICATION else 2


@dataclass(frozen=True, order=True, slots=True)
class Step:
    """`job/<verb>/<namespace>/<Job>`, `resource/<verb>/<provider>/<resource>` or `application/<verb>/<name>`."""

    kind: Kind
    verb: str
    target: tuple[str, ...]

    def __str__(self) -> str:
        return "/".join((self.kind, self.verb, *self.target))

    @property
    def item(self) -> str:
        """The fan-out item: the step without its first word, so that Argo's graph reads well."""
        return "/".join((self.verb, *self.target))

    @property
    def data_key(self) -> str:
        """The placement's key of its outcome; ConfigMap keys may not hold `/`, and no name holds `_`."""
        return OUTCOME + "_".join((self.kind, self.verb, *self.target))

    @property
    def name(self) -> str:
        """The last word: the Job, the resource or the application."""
        return self.target[-1]

    @property
    def namespace(self) -> str:
        """The Job's namespace, which is the service, or the resource's provider. Empty for applications."""
        return self.target[0] if self.kind.parts == 2 else ""

    @classmethod
    def parse(cls, text: str) -> "Step":
        """Read a step's text. Raises ValueError when it is none."""
        kind, _, item = text.partition("/")
        return cls.of_item(kind, item)

    @classmethod
    def of_item(cls, kind: str, item: str) -> "Step":
        """Read a fan-out item of the given kind. Raises ValueError when it is none."""
        verb, *target = item.split("/")
        if kind not in Kind.__members__.values() or not is_verb(verb):
            raise ValueError(f"'{kind}/{item}' is no step")
        step = cls(Kind(kind), verb, tuple(target))
        if len(target) != step.kind.parts or not all(target):
            raise ValueError(f"'{kind}/{item}' is no step")
        return step

    @classmethod
    def of_data_key(cls, key: str) -> "Step":
        """Read the placement's key of an outcome. Raises ValueError when it is none."""
        return cls.parse(key.removeprefix(OUTCOME).replace("_", "/"))


def suffix(*parts: str) -> str:
    """13 characters of base32 (65 bits) of the sha256 of the parts: names that are unique and can be made again."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return base64.b32encode(digest)[:13].decode().lower()
