"""Credentials that `tenantctl install` reads from files, tries, and keeps in Secrets beside the bridges."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import click

from reconciler.core.errors import UsageError

PRINTED = (
    "{option} writes into a cluster, and nothing secret is printed; make the Secret by 'kubectl create secret generic"
    " {name} --namespace tenantctl-workflows --from-file {key}=FILE'"
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the files hold; None: not given, and what is there stays."""

    archives: str | None = field(default=None, repr=False)
    argo_cd: str | None = field(default=None, repr=False)
    argo_cd_authority: str | None = None

    @classmethod
    def read(cls, archives: str | None, token: str | None, authority: str | None) -> "Credentials":
        """Read the files of the options. Raises UsageError."""
        return cls(
            _read("--archives-credentials", archives),
            _read("--argo-cd-token", token),
            _read("--argo-cd-authority", authority),
        )

    def check(self, settings: Any) -> None:
        """Raises UsageError for credentials that no bridge could use, before anything is written."""
        if self.archives is not None:
            _check_archives(settings, self.archives)
        if self.argo_cd is not None:
            _check_argo_cd(settings, self.argo_cd, self.argo_cd_authority or "")
        elif self.argo_cd_authority is not None:
            raise UsageError("--argo-cd-authority: with which token? say --argo-cd-token FILE too")

    def bring(self, kube: Any, namespace: str, say: Callable[[str], None], *, dry_run: bool) -> None:
        """Write the Secrets, saying what became of each."""
        from reconciler.manifests import archives, argo_cd

        suffix = " (dry run)" if dry_run else ""
        if self.archives is not None:
            effect = archives.write(kube, namespace, self.archives, dry_run=dry_run)
            say(f"Secret {namespace}/{archives.NAME} {effect}{suffix}")
        if self.argo_cd is not None:
            token, authority = self.argo_cd.strip(), self.argo_cd_authority or ""
            effect = argo_cd.write(kube, namespace, token, authority, dry_run=dry_run)
            say(f"Secret {namespace}/{argo_cd.NAME} {effect}{suffix}")


def refuse_printed(archives: str | None, token: str | None) -> None:
    """Raises UsageError where manifests are only printed and credentials were given."""
    for option, file, name, key in (
        ("--archives-credentials", archives, "tenantctl-archives", "credentials"),
        ("--argo-cd-token", token, "tenantctl-argo-cd", "token"),
    ):
        if file is not None:
            raise UsageError(PRINTED.format(option=option, name=name, key=key))


def _read(option: str, name: str | None) -> str | None:
    """What the file of an option holds. Raises UsageError."""
    if name is None:
        return None
    try:
        with click.open_file(name, encoding="utf-8") as file:
            return str(file.read())
    except ValueError as error:
        raise UsageError(f"{option}: the file is not text") from error
    except OSError as error:
        raise UsageError(f"{option} {name}: {error.strerror}") from error


def _check_archives(settings: Any, credentials: str) -> None:
    from reconciler.adapters.objectstore import connect, read_credentials, read_location

    if not settings.archives:
        raise UsageError("--archives-credentials: of which object store? say --archives URL")
    location = read_location(settings.archives)
    connect(location, read_credentials(location.scheme, credentials))


def _check_argo_cd(settings: Any, token: str, authority: str) -> None:
    from reconciler.adapters.argocd import checked

    if not settings.argo_cd:
        raise UsageError("--argo-cd-token: of which Argo CD? say --argo-cd URL")
    checked(settings.argo_cd, token, authority).close()
