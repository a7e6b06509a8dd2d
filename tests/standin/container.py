"""What the forge is asked for: one container's process, from what the pod declares and its image says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .given import Given, words
from .images import Image
from .podstatus import Container

if TYPE_CHECKING:
    from .life import Life

Json = dict[str, Any]
BRIDGE = ["python", "-m", "reconciler.bridge"]
OF_ARGO = "workflows.argoproj.io/workflow"
LOG_OF_END = "/dev/termination-log"


def request_of(life: Life, each: Container, image: Image, given: Given) -> Json:
    """The request. Raises NotYet when something that it names does not exist."""
    spec = each.spec
    environment = given.environment(spec, {**image.environment, **life.node.environment, "HOSTNAME": life.name})
    command = words(spec, image.command, environment)
    pod, own = life.pod["spec"].get("securityContext") or {}, spec.get("securityContext") or {}
    user = own.get("runAsUser", pod.get("runAsUser", image.user))
    group = own.get("runAsGroup", pod.get("runAsGroup", user))
    return {
        "tree": str(image.tree) if image.tree else None,
        "bridge": image.bridge and command[:3] == BRIDGE,
        # with Argo the executor is a container's first process, and ours is its child
        "firstProcess": OF_ARGO not in (life.pod["metadata"].get("labels") or {}),
        "command": command,
        "environment": environment,
        "folder": spec.get("workingDir") or image.folder,
        "binds": [*_mounts(life, spec), _end(life, each)],
        "user": user,
        "group": group,
        "groups": [*(pod.get("supplementalGroups") or ()), *([pod["fsGroup"]] if "fsGroup" in pod else ())],
        "readOnly": bool(own.get("readOnlyRootFilesystem")),
    }


def _mounts(life: Life, spec: Json) -> list[Json]:
    kinds = {volume["name"]: volume for volume in life.pod["spec"].get("volumes") or ()}
    found = []
    for mount in spec.get("volumeMounts") or ():
        given = not {"emptyDir", "hostPath"} & kinds[mount["name"]].keys()
        source = _below(life.volumes[mount["name"]], mount.get("subPath", ""), given=given)
        read_only = bool(mount.get("readOnly")) or given
        found.append({"source": str(source), "target": mount["mountPath"], "readOnly": read_only})
    return found


def _below(volume: Path, path: str, *, given: bool) -> Path:
    source = volume / path
    if not given and not source.exists():
        source.mkdir(parents=True)
        source.chmod(0o777)
    return source


def _end(life: Life, each: Container) -> Json:
    file = life.message_file(each)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    file.chmod(0o666)
    return {"source": str(file), "target": each.spec.get("terminationMessagePath") or LOG_OF_END}


def path_in_volume(life: Life, container: str, path: str) -> Path | None:
    """Where a file of a container is on this machine; None when it is in no volume."""
    spec = next(each.spec for each in life.main if each.name == container)
    mounts = sorted(_mounts(life, spec), key=lambda mount: len(mount["target"]), reverse=True)
    for mount in mounts:
        if Path(path).is_relative_to(mount["target"]):
            return Path(mount["source"]) / Path(path).relative_to(mount["target"])
    return None
