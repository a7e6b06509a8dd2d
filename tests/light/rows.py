"""Rows: lifecycle code of a service that keeps a tenant's rows in files, as the ledger keeps them in PostgreSQL.

`python -m tests.light.rows FOLDER` runs in a copy of its Job. Written to be repeated, like the ledger's.
"""

import hashlib
import json
import os
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import NoReturn

END = Path("/dev/termination-log")


class Rows:
    """What one region holds of one tenant environment."""

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder / key.replace("/", "_")
        self._entries, self._frozen, self._imported = (self.folder / n for n in ("entries", "frozen", "imported"))

    def exists(self) -> bool:
        """Whether there is anything of it."""
        return self.folder.exists()

    def read(self) -> str:
        """All rows."""
        return self._entries.read_text()

    def write(self, rows: int) -> None:
        """Add rows. Raises PermissionError when it is frozen."""
        if self._frozen.exists():
            raise PermissionError(f"{self.folder.name} is frozen")
        with self._entries.open("a") as file:
            file.writelines(f"row {number}\n" for number in range(rows))

    def define(self, epoch: int) -> None:
        """Make it; opens what an older epoch froze, for its move was taken back."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._entries.touch()
        if self._frozen.exists() and epoch <= int(self._frozen.read_text()):
            fail("it is frozen: its data moved away")
        self._frozen.unlink(missing_ok=True)

    def freeze(self, epoch: int) -> bytes:
        """No more rows; returns those that there are."""
        if not self.exists():
            fail("there is nothing to export")
        self._frozen.write_text(str(epoch))
        return self._entries.read_bytes()

    def restore(self, data: bytes, epoch: int) -> None:
        """Take the rows of an archive, once."""
        self.define(epoch)
        sha256 = hashlib.sha256(data).hexdigest()
        if self._imported.exists() and self._imported.read_text() == sha256:
            return
        if self._entries.stat().st_size:
            fail("there are rows already; an import would overwrite them")
        unfinished = self._entries.with_suffix(".unfinished")
        unfinished.write_bytes(data)
        unfinished.rename(self._entries)
        self._imported.write_text(sha256)

    def drop(self) -> None:
        """Take it away."""
        shutil.rmtree(self.folder, ignore_errors=True)


def main(folder: Path) -> None:
    """Do what the verb says."""
    rows = Rows(folder, f"{os.environ['TENANT']}/{os.environ['TENANT_ENVIRONMENT']}")
    verb, epoch = os.environ["TENANT_VERB"], int(os.environ["TENANT_EPOCH"])
    if verb == "upsert":
        rows.define(epoch)
    elif verb == "migrate-out":
        transfer("PUT", os.environ["TENANT_EXPORT_URL"], rows.freeze(epoch))
    elif verb == "migrate-in":
        rows.restore(transfer("GET", os.environ["TENANT_IMPORT_URL"]), epoch)
    elif verb == "decommission":
        rows.drop()
    else:
        fail(f"no {verb} here")
    print(f"{verb} done")


def transfer(method: str, url: str, data: bytes | None = None) -> bytes:
    """Send to, or get from, the object store."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, method=method), timeout=20) as answer:
            return bytes(answer.read())
    except urllib.error.URLError as error:
        fail(str(error), "transient")


def fail(message: str, kind: str = "needs-human") -> NoReturn:
    """End with the reason."""
    END.write_text(json.dumps({"class": kind, "message": message}))
    sys.exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
