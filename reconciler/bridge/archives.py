"""The archives of migrations: what a copy is granted before it runs, and what is sealed when it is complete.

Both may be repeated by any bridge of the step. The object store is no port of the cluster: when it does not answer, the
step fails as transient, so that the reason is seen and the reconciler tries again.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from reconciler.adapters.kube import Kube
from reconciler.adapters.objectstore import ObjectStore, connect, read_credentials, read_location
from reconciler.bridge.exits import StepFailed
from reconciler.bridge.patience import patiently
from reconciler.bridge.placements import imports
from reconciler.bridge.say import say
from reconciler.bridge.world import World
from reconciler.core.archive import (
    MANIFEST_MAX,
    Archive,
    Manifest,
    differences,
    folder_of,
    keys_of,
    manifest_of,
    read_manifest,
    told_by,
)
from reconciler.core.errors import TenantctlError, Unavailable
from reconciler.core.grant import Grant, is_granted
from reconciler.core.job_copy import Copy
from reconciler.core.outcome import FailureClass, Result
from reconciler.core.step import Step, Verb
from reconciler.core.verdict import Verdict, failed

T = TypeVar("T")

SPARE = timedelta(minutes=15)  # beyond the copy's deadline: clocks differ, and the last transfer has to end
EXPORTED = "exported"  # the output by which a Job says that it had nothing to export
TOLD_MOST = 3
PATIENCE_SECONDS = 30.0  # for one answer; the reconciler's attempts have more


def store_of(world: World, step: Step) -> ObjectStore | None:
    """The object store of a migration; None for every other step. Raises StepFailed where none is configured."""
    if not is_granted(step):
        return None
    if not world.archives:
        text = f"{step.verb} needs an object store, and this region has none; tenantctl install --archives URL"
        raise _failure("ArchivesNotConfigured", text)
    return _asked(lambda: _connected(world))


def _connected(world: World) -> ObjectStore:
    location, file = read_location(world.archives), Path(world.archives_credentials)
    try:
        text = file.read_text() if world.archives_credentials else ""
    except FileNotFoundError:
        text = ""  # the pod may have an identity of its own
    except (OSError, ValueError) as error:
        raise TenantctlError(f"the credentials for archives cannot be read: {type(error).__name__}") from error
    return connect(location, read_credentials(location.scheme, text))


def granted(kube: Kube, world: World, copy: Copy) -> Grant | None:
    """What the copy may read or write, from now to its deadline and a little longer. Raises StepFailed."""
    store = store_of(world, copy.step)
    if store is None:
        return None
    lifetime = timedelta(seconds=copy.deadline) + SPARE
    if copy.step.verb == Verb.MIGRATE_OUT:
        return _export(store, _folder(world, copy), lifetime)
    return _import(store, _wanted(kube, world, copy.step), lifetime)


def _folder(world: World, copy: Copy) -> str:
    return folder_of(world.key, copy.epoch, copy.step, copy.run)


def _export(store: ObjectStore, folder: str, lifetime: timedelta) -> Grant:
    whole, *parts = _asked(lambda: store.sign("PUT", keys_of(folder), lifetime))
    say(f"archive {folder} may be written for {lifetime}")
    return Grant(whole, parts)


def _wanted(kube: Kube, world: World, step: Step) -> Archive:
    """The archive that the placement names. Raises StepFailed when there is none, or another environment's."""
    archive = imports(kube, world).get(step)
    if archive is None:
        raise _failure("NoArchive", f"the placement of {world.key} names no archive for {step.namespace}/{step.name}")
    if not archive.belongs_to(world.key, step.namespace):
        raise _failure("ArchiveDiffers", f"{archive.key} is not an archive of {world.key} and {step.namespace}")
    return archive


def _import(store: ObjectStore, archive: Archive, lifetime: timedelta) -> Grant:
    """Exactly the objects of the manifest, when every one of them is there as it was. Raises StepFailed."""
    manifest = _manifest(store, archive)
    found = _asked(lambda: store.list(archive.folder))
    said = differences(manifest, found)
    if said:
        more = f", and {len(said) - TOLD_MOST} more" if len(said) > TOLD_MOST else ""
        raise _failure("ArchiveDiffers", f"the archive is not what was exported: {', '.join(said[:TOLD_MOST])}{more}")
    urls = _asked(lambda: store.sign("GET", [item.key for item in manifest.objects], lifetime))
    say(f"archive {archive.folder} is what was exported: {_size(manifest)}; it may be read for {lifetime}")
    whole = [url for item, url in zip(manifest.objects, urls, strict=True) if item.is_whole]
    return Grant("".join(whole), urls[len(whole) :], manifest.dump().decode())


def _manifest(store: ObjectStore, archive: Archive) -> Manifest:
    data = _asked(lambda: store.read(archive.key, MANIFEST_MAX))
    if data is None:
        raise _failure("ArchiveDiffers", f"{archive.key} is missing")
    try:
        return read_manifest(data, archive)
    except ValueError as error:
        raise _failure("ArchiveDiffers", f"{archive.key}: {error}") from error


def sealed(world: World, copy: Copy, verdict: Verdict) -> Verdict:
    """The verdict with the archive of a migrate-out that succeeded; its failure where nothing proper was exported."""
    if copy.step.verb != Verb.MIGRATE_OUT or verdict.result is not Result.SUCCEEDED:
        return verdict
    try:
        store = store_of(world, copy.step)
        assert store is not None
        return replace(verdict, archive=_seal(store, _folder(world, copy), verdict))
    except StepFailed as error:
        return error.verdict


def _seal(store: ObjectStore, folder: str, verdict: Verdict) -> Archive:
    found = _asked(lambda: store.list(folder))
    try:
        manifest = manifest_of(folder, found, told_by(verdict.outputs))
    except ValueError as error:
        raise _failure("ArchiveIncomplete", f"the Job succeeded, but its archive is not whole: {error}") from error
    _check_said(manifest, says_nothing=verdict.outputs.get(EXPORTED) is False)
    _asked(lambda: store.write(manifest.archive.key, manifest.dump()))
    say(f"archive {folder}: {_size(manifest)}")
    return manifest.archive


def _check_said(manifest: Manifest, *, says_nothing: bool) -> None:
    """That nothing was exported is only believed when the Job says so, and then it must be so."""
    if not manifest.objects and not says_nothing:
        text = "the Job succeeded, but nothing was exported; one with nothing to export says so in its termination"
        raise _failure("NothingExported", text + ' message: {"outputs": {"exported": false}}')
    if manifest.objects and says_nothing:
        raise _failure("ArchiveIncomplete", f"the Job says that it exported nothing, but {_size(manifest)} are there")


def _size(manifest: Manifest) -> str:
    return f"{len(manifest.objects)} objects, {sum(item.size for item in manifest.objects)} bytes"


def _asked(call: Callable[[], T]) -> T:
    """What the object store answers. Raises StepFailed: transient when it does not."""
    try:
        return patiently(call, PATIENCE_SECONDS)
    except Unavailable as error:
        raise StepFailed(failed(FailureClass.TRANSIENT, "ObjectStoreUnavailable", str(error))) from error
    except TenantctlError as error:
        raise _failure("ObjectStoreRefused", str(error)) from error


def _failure(reason: str, message: str) -> StepFailed:
    return StepFailed(failed(FailureClass.NEEDS_HUMAN, reason, message))
