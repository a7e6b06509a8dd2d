"""Credentials out of files, as a mounted Secret has them: one folder, a file for each, read again at every use.

So a rotated secret counts at once and without a restart. What is not there is not used.
"""

from enum import StrEnum
from pathlib import Path

from reconciler.core.errors import SourceUnavailable

MAX_BYTES = 64 * 1024


class Credential(StrEnum):
    """The names of the files; the manifests mount the keys of these names."""

    TOKEN = "token"  # noqa: S105  # a name, no token
    USERNAME = "username"
    AUTHORITY = "ca.crt"
    SSH_KEY = "ssh-privatekey"
    KNOWN_HOSTS = "known_hosts"
    WEBHOOK_SECRET = "webhook-secret"  # noqa: S105


class Credentials:
    """A folder of credentials; without one there are none."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"Credentials({self.folder})"

    def file(self, name: Credential) -> Path | None:
        """Where a credential is; None when there is none."""
        path = self.folder / name if self.folder else None
        return path if path and path.exists() else None

    def text(self, name: Credential) -> str | None:
        """One line out of a file; None when there is none. Raises SourceUnavailable when it cannot be used."""
        path = self.file(name)
        if path is None:
            return None
        text = self.content(path).strip()
        if not text:
            raise SourceUnavailable(f"{path} is empty; put the {name} into it, or take the file away")
        if not text.isprintable():
            raise SourceUnavailable(f"{path} has several lines or control characters; the {name} is one line of text")
        return text

    def content(self, path: Path) -> str:
        """The whole text of a file. Raises SourceUnavailable."""
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                raise SourceUnavailable(f"{path} is larger than {MAX_BYTES} bytes, so it holds no credential")
            return data.decode()
        except OSError as error:
            raise SourceUnavailable(f"{path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise SourceUnavailable(f"{path} is no text") from None  # the error would show a part of it
