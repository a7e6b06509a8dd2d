"""What a listing of files means: which file declares what, and what is there that should not be.

The path gives the key, whatever the file says or is: a symlink, a folder or a wrong extension where a
declaration was holds the key and never reads as its removal. Listings come from git trees or from a working
directory.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from reconciler.core.finding import Finding
from reconciler.core.names import ENVIRONMENT_MAX, OTHER_MAX, TENANT_MAX, Key, is_name

TENANTS, PROVIDERS = "tenants", "providers"
REGIONS_FILE = "providers/regions.yaml"
TENANT_FILE = "tenant.yaml"
WELCOME = frozenset({"README.md", "CODEOWNERS", "OWNERS", ".gitkeep", ".gitignore", ".gitattributes", ".editorconfig"})


class Mode(Enum):
    """What an entry of a tree is; the value is what people call it."""

    FILE = "a file"
    EXECUTABLE = "an executable file"
    SYMLINK = "a symbolic link"
    SUBMODULE = "a submodule"
    OTHER = "something that is no file"
    UNREADABLE = "something that cannot be read"

    @property
    def refusal(self) -> tuple[str, str]:
        """The code of the finding, and what to do instead."""
        return _REFUSALS[self]


_REFUSALS = {
    Mode.EXECUTABLE: ("mode", "take the execute permission away (chmod -x, git update-index --chmod=-x)"),
    Mode.SYMLINK: ("symlink", "put the file itself there"),
    Mode.SUBMODULE: ("submodule", "put the files themselves there"),
    Mode.OTHER: ("mode", "put a file there"),
    Mode.UNREADABLE: ("unreadable", "give yourself the right to (chmod)"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A leaf of a tree: its path from the repository's root with `/`, its mode, its size in bytes, its blob
    id if known.
    """

    path: str
    mode: Mode = Mode.FILE
    size: int = 0
    id: str = ""


def printable(path: bytes) -> str:
    """A path as it can be shown: what is not UTF-8 or not printable becomes escapes, and matches no name."""
    text = path.decode(errors="backslashreplace")
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


@dataclass
class Layout:
    """The files that declare something, and findings about the rest."""

    regions: Entry | None = None
    providers: dict[str, Entry] = field(default_factory=dict)
    tenants: dict[str, Entry] = field(default_factory=dict)
    environments: dict[Key, Entry] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def lay_out(entries: Iterable[Entry]) -> Layout:
    """Sort a listing out; an entry that is refused leaves a finding at its path and nothing else."""
    layout = Layout()
    for entry in entries:
        parts = entry.path.split("/")
        place = _in_tenants if parts[0] == TENANTS else _in_providers
        refused = place(layout, entry, parts)
        if refused:
            layout.findings.append(Finding(entry.path, 1, 1, *refused))
    if layout.regions is None:
        message = "the file that lists the regions is missing; every environment is held until it is back"
        layout.findings.append(Finding(REGIONS_FILE, 1, 1, "missing-regions", message))
    return layout


Refusal = tuple[str, str] | None


def _in_tenants(layout: Layout, entry: Entry, parts: list[str]) -> Refusal:
    if len(parts) == 3 and entry.mode is Mode.FILE:
        return _tenant_file(layout, entry, parts[1], parts[2])
    if parts[-1] in WELCOME and entry.mode is Mode.FILE and len(parts) == 2:
        return None
    if entry.mode is not Mode.FILE:
        return _odd(entry)
    if len(parts) < 3:
        return "unexpected-file", f"no declaration has this path; write {TENANTS}/TENANT/ENVIRONMENT.yaml"
    return "unexpected-folder", f"declarations are not nested; write {TENANTS}/{parts[1]}/ENVIRONMENT.yaml"


def _tenant_file(layout: Layout, entry: Entry, tenant: str, file: str) -> Refusal:
    if file in WELCOME:
        return None
    if not is_name(tenant, TENANT_MAX):
        return "name", f"'{tenant}' is no name of a tenant; {_rule(TENANT_MAX)}"
    name, _, extension = file.rpartition(".")
    if extension in ("yml", "json", "YAML", "YML"):
        return "extension", f"a declaration's name ends in .yaml; rename it to {name}.yaml"
    if extension != "yaml" or not name:
        return "unexpected-file", "only declarations (ENVIRONMENT.yaml), README.md and CODEOWNERS belong here"
    if tenant in layout.tenants if file == TENANT_FILE else Key(tenant, name) in layout.environments:
        return "duplicate-path", "the tree has this path twice; write the tree again with git"
    if file == TENANT_FILE:
        layout.tenants[tenant] = entry
        return None
    if not is_name(name, ENVIRONMENT_MAX):
        return "name", f"'{name}' is no name of an environment; {_rule(ENVIRONMENT_MAX)}"
    layout.environments[Key(tenant, name)] = entry
    return None


def _in_providers(layout: Layout, entry: Entry, parts: list[str]) -> Refusal:
    """Providers may keep files of their own here; only those that we read are looked at."""
    is_regions = len(parts) == 2 and stem(parts[1]) == "regions"
    is_provider = len(parts) == 3 and stem(parts[2]) == "provider" and not parts[2].endswith(".md")
    if entry.mode is not Mode.FILE:
        return _odd(entry) if len(parts) < 3 or is_provider else None
    if is_regions:
        return _regions_file(layout, entry)
    return _provider_file(layout, entry, parts[1], parts[2]) if is_provider else None


def _regions_file(layout: Layout, entry: Entry) -> Refusal:
    if entry.path != REGIONS_FILE:
        return "extension", f"rename it to {REGIONS_FILE}"
    layout.regions = entry
    return None


def _provider_file(layout: Layout, entry: Entry, provider: str, file: str) -> Refusal:
    if file != "provider.yaml":
        return "extension", f"rename it to {PROVIDERS}/{provider}/provider.yaml"
    if not is_name(provider, OTHER_MAX):
        return "name", f"'{provider}' is no name of a provider; {_rule(OTHER_MAX)}"
    layout.providers[provider] = entry
    return None


def _odd(entry: Entry) -> Refusal:
    code, instead = entry.mode.refusal
    return code, f"{entry.mode.value} is here; {instead}"


def _rule(limit: int) -> str:
    return f"use at most {limit} small letters, digits and hyphens, with a letter or digit at both ends"


def stem(file: str) -> str:
    """A file's name as far as its first dot, in small letters: what it was probably meant to be called."""
    return file.lstrip(".").partition(".")[0].lower()
