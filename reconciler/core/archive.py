"""Archives: what a migrate-out leaves in the object store for the migrate-in of its service (design §6, *Archives*).

Keys and names are made here and never by a container. The manifest is written when the copy is complete; its key and
checksum (`Archive`) are in the outcome, and travel from there into the target's placement.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core import plain_json
from reconciler.core.names import Key
from reconciler.core.step import Kind, Step, Verb

Json = dict[str, Any]

VERSION = 1
MANIFEST = "manifest.json"
MANIFEST_MAX = 256 * 1024  # bytes; a full one has a tenth of it
WHOLE = "archive"
PARTS = 100
NAMES = (WHOLE, *(f"part-{number:03}" for number in range(1, PARTS + 1)))
IMPORT = "import."
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Archive:
    """Which archive: the key of its manifest, and the manifest's sha256, which stands for everything in it."""

    key: str
    sha256: str

    def dump(self) -> Json:
        """As it is written in outcomes and placements."""
        return {"key": self.key, "sha256": self.sha256}

    @classmethod
    def load(cls, data: Any) -> "Archive":
        """Read what `dump` made. Raises ValueError when it is something else."""
        _fields(data, {"key", "sha256"}, frozenset(), "archive")
        if not data["key"].endswith(f"/{MANIFEST}"):
            raise ValueError(f"archive: key does not end with /{MANIFEST}")
        return cls(data["key"], _checksum(data["sha256"], "archive"))

    @property
    def folder(self) -> str:
        """The key under which its objects are, without a slash at the end."""
        return self.key.removesuffix(f"/{MANIFEST}")

    def belongs_to(self, key: Key, namespace: str) -> bool:
        """Whether it was exported for this environment by this service, whatever the epoch, the Job and the run."""
        words = self.folder.split("/")
        return len(words) == 6 and (*words[:2], words[3]) == (key.tenant, key.environment, namespace)


@dataclass(frozen=True, slots=True)
class Stored:
    """One object: its key, size in bytes, ETag, and its sha256 where the service told it."""

    key: str
    size: int
    etag: str
    sha256: str = ""

    @property
    def name(self) -> str:
        """The last word of its key: `archive`, or `part-001` to `part-100`."""
        return self.key.rpartition("/")[2]

    @property
    def is_whole(self) -> bool:
        """Whether it is the archive itself, and not a part."""
        return self.name == WHOLE

    def dump(self) -> Json:
        """As it is written in a manifest."""
        data = {"key": self.key, "size": self.size, "etag": self.etag}
        return data | ({"sha256": self.sha256} if self.sha256 else {})


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive consists of, the whole first and the parts by number. No objects: nothing was exported."""

    folder: str
    objects: tuple[Stored, ...]

    def dump(self) -> bytes:
        """Its canonical bytes: the same objects give the same bytes, so that sealing can be repeated."""
        data = {"version": VERSION, "folder": self.folder, "objects": [item.dump() for item in self.objects]}
        return json.dumps(data, separators=(",", ":"), sort_keys=True).encode() + b"\n"

    @property
    def archive(self) -> Archive:
        """Which archive it is the manifest of."""
        return Archive(f"{self.folder}/{MANIFEST}", sha256_of(self.dump()))


def sha256_of(data: bytes) -> str:
    """In hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def folder_of(key: Key, epoch: int, step: Step, run: str) -> str:
    """`<tenant>/<environment>/<epoch>/<namespace>/<Job>/<run>`: a run's name is never reused, so neither is this."""
    return "/".join((key.tenant, key.environment, str(epoch), step.namespace, step.name, run))


def keys_of(folder: str) -> list[str]:
    """The keys that a migrate-out may write: the whole, then the parts."""
    return [f"{folder}/{name}" for name in NAMES]


def manifest_of(folder: str, found: Mapping[str, Stored], told: Mapping[str, str]) -> Manifest:
    """The manifest of what is found in a folder, by key. `told` are checksums by name. Raises ValueError.

    A checksum of an object that is not there is a part that got lost; an object that no name of ours leads to was
    written by somebody else.
    """
    strange = sorted(found.keys() - {*keys_of(folder), f"{folder}/{MANIFEST}"})
    if strange:
        raise ValueError(f"{strange[0]} is there, which no export writes")
    lost = sorted(told.keys() - {item.name for item in found.values()})
    if lost:
        raise ValueError(f"the Job told the sha256 of {lost[0]}, which is not there")
    stored = [found[key] for key in keys_of(folder) if key in found]
    objects = tuple(Stored(item.key, item.size, item.etag, told.get(item.name, "")) for item in stored)
    return Manifest(folder, objects)


def told_by(outputs: Mapping[str, Any]) -> dict[str, str]:
    """The checksums that a Job's outputs tell: `sha256` is that of the whole, or a mapping from names."""
    found = outputs.get("sha256")
    by_name = found if isinstance(found, dict) else {WHOLE: found}
    return {
        name: value
        for name, value in by_name.items()
        if name in NAMES and isinstance(value, str) and SHA256.fullmatch(value)
    }


def read_manifest(data: bytes, archive: Archive) -> Manifest:
    """Read the manifest that `archive` names. Raises ValueError unless it is that to the byte."""
    if sha256_of(data) != archive.sha256:
        raise ValueError(f"its sha256 is {sha256_of(data)}, not {archive.sha256}")
    raw = plain_json.loads(data.decode("utf-8"))
    _fields(raw, {"folder"}, {"version", "objects"}, MANIFEST)
    if raw["version"] != VERSION:
        raise ValueError(f"version {raw['version']!r} is not known; this is version {VERSION}")
    if raw["folder"] != archive.folder:
        raise ValueError(f"it is that of {raw['folder']}")
    if not isinstance(raw["objects"], list):
        raise ValueError("objects is no list")
    objects = tuple(_stored(item) for item in raw["objects"])
    if [item.key for item in objects] != [key for key in keys_of(raw["folder"]) if key in {o.key for o in objects}]:
        raise ValueError("objects are not those of an export, each once and in order")
    return Manifest(raw["folder"], objects)


def _stored(raw: Any) -> Stored:
    if isinstance(raw, dict) and "sha256" in raw:
        _fields(raw, {"key", "etag", "sha256"}, {"size"}, "object")
    else:
        _fields(raw, {"key", "etag"}, {"size"}, "object")
    if type(raw["size"]) is not int or raw["size"] < 0:
        raise ValueError(f"{raw['key']}: size is {raw['size']!r}"[:200])
    checksum = _checksum(raw["sha256"], raw["key"]) if "sha256" in raw else ""
    return Stored(raw["key"], raw["size"], raw["etag"], checksum)


def _fields(raw: Any, texts: set[str], others: set[str] | frozenset[str], what: str) -> None:
    """Exactly these fields, the former being text that says something."""
    if not isinstance(raw, dict) or raw.keys() != texts | others:
        raise ValueError(f"{what}: the fields are not {', '.join(sorted(texts | others))}")
    empty = [name for name in sorted(texts) if not isinstance(raw[name], str) or not raw[name]]
    if empty:
        raise ValueError(f"{what}: {empty[0]} is no text")


def _checksum(text: str, what: str) -> str:
    if not SHA256.fullmatch(text):
        raise ValueError(f"{what}: sha256 is not 64 hexadecimal digits")
    return text


def differences(manifest: Manifest, found: Mapping[str, Stored]) -> list[str]:
    """What is not as the manifest says, a clause each; empty when everything is. Checksums are for the container."""
    wanted = {item.key: item for item in manifest.objects}
    extra = sorted(found.keys() - wanted.keys() - {f"{manifest.folder}/{MANIFEST}"})
    said = [_difference(item, found.get(key)) for key, item in wanted.items()]
    return [*filter(None, said), *(f"{key} came later" for key in extra)]


def _difference(wanted: Stored, found: Stored | None) -> str:
    if found is None:
        return f"{wanted.key} is missing"
    if found.size != wanted.size:
        return f"{wanted.key} has {found.size} bytes, not {wanted.size}"
    return f"{wanted.key} was replaced (ETag {found.etag}, not {wanted.etag})" if found.etag != wanted.etag else ""


def import_key(step: Step) -> str:
    """The placement's key of what a migrate-in imports: `import.<namespace>.<Job>`, for a namespace has no dot."""
    return f"{IMPORT}{step.namespace}.{step.name}"


def imports_of(data: Mapping[str, str]) -> dict[Step, Archive]:
    """What a placement's ConfigMap names for import, by step. Raises ValueError naming the key."""
    return {_importer(key): _import(key, text) for key, text in data.items() if key.startswith(IMPORT)}


def _importer(key: str) -> Step:
    namespace, _, job = key.removeprefix(IMPORT).partition(".")
    return Step(Kind.JOB, Verb.MIGRATE_IN, (namespace, job))


def _import(key: str, text: str) -> Archive:
    try:
        return Archive.load(plain_json.loads(text))
    except ValueError as error:
        raise ValueError(f"key {key}: {error}") from error
