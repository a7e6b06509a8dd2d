"""The leaves of a tree under `tenants/` and `providers/`, out of what `git ls-tree -r -z --long` prints."""

from collections.abc import Iterator

from reconciler.core.tree import Entry, Mode, printable

_MODES = {
    b"100644": Mode.FILE,
    b"100664": Mode.FILE,  # written by very old versions of git, and the same to it
    b"100755": Mode.EXECUTABLE,
    b"120000": Mode.SYMLINK,
    b"160000": Mode.SUBMODULE,
}


def entries(listing: bytes) -> Iterator[Entry]:
    """Parse `<mode> <type> <object> <size>TAB<path>NUL`, as many as there are."""
    for line in listing.split(b"\0"):
        if line:
            head, _, path = line.partition(b"\t")
            mode, _, identity, size = head.split()
            kind = _MODES.get(mode, Mode.OTHER)
            yield Entry(printable(path), kind, int(size) if size.isdigit() else 0, identity.decode())
