"""What a pod is given: volumes as folders and files on this machine, and variables, read from the cluster.

Raises NotYet while something that is named does not exist: the kubelet waits for it, too.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from reconciler.adapters.kube import Kube
from reconciler.adapters.kube.resources import CONFIG_MAPS, SECRETS, Resource
from reconciler.core.errors import NotAllowed, NotFound

Json = dict[str, Any]
ACCOUNTS = Resource("/api/v1", "serviceaccounts")
REFERENCE = re.compile(r"\$(\$|\(([-._a-zA-Z0-9]+)\))")
TOKEN_SECONDS = 3607


class NotYet(Exception):
    """Something that the pod needs does not exist."""


class Given:
    """Reads with the kubelet's rights, for one pod. Its folder is `folder`."""

    def __init__(self, kube: Kube, pod: Json, folder: Path) -> None:
        self._kube, self._pod, self._folder = kube, pod, folder
        self._namespace = pod["metadata"]["namespace"]

    # -- volumes ---------------------------------------------------------------------------------------------------

    def volumes(self) -> dict[str, Path]:
        """Where each volume is on this machine; they are made when they are not there yet."""
        return {volume["name"]: self._volume(volume) for volume in self._pod["spec"].get("volumes") or ()}

    def _volume(self, volume: Json) -> Path:
        if "hostPath" in volume:
            path = Path(volume["hostPath"]["path"])
            if volume["hostPath"].get("type") == "DirectoryOrCreate":
                path.mkdir(parents=True, exist_ok=True)
            return path
        folder = self._folder / "volumes" / volume["name"]
        folder.mkdir(parents=True, exist_ok=True)
        if "emptyDir" in volume:
            folder.chmod(0o777)
            return folder
        sources: list[Json] = volume["projected"]["sources"] if "projected" in volume else [volume]
        mode = next((s["defaultMode"] for s in volume.values() if isinstance(s, dict) and "defaultMode" in s), 0o644)
        for source in sources:
            for name, data in self._files(source).items():
                _write(folder / name, data, mode)
        return folder

    def _files(self, source: Json) -> Mapping[str, bytes]:
        if "configMap" in source:
            return self._chosen(CONFIG_MAPS, source["configMap"], "name")
        if "secret" in source:
            named = "secretName" if "secretName" in source["secret"] else "name"
            return self._chosen(SECRETS, source["secret"], named)
        if "downwardAPI" in source:
            items = source["downwardAPI"].get("items") or ()
            return {item["path"]: self._field(item["fieldRef"]["fieldPath"]).encode() for item in items}
        if "serviceAccountToken" in source:
            return {source["serviceAccountToken"]["path"]: self._token(source["serviceAccountToken"])}
        raise NotYet(f"volumes of {', '.join(source)} are not known to the stand-in")

    def _chosen(self, resource: Resource, source: Json, named: str) -> Mapping[str, bytes]:
        data = self._data(resource, source[named], optional=source.get("optional", False))
        items = source.get("items")
        if items is None or data is None:
            return data or {}
        missing = [item["key"] for item in items if item["key"] not in data]
        if missing and not source.get("optional"):
            raise NotYet(f"references non-existent {resource.plural[:-1]} key: {missing[0]}")
        return {item["path"]: data[item["key"]] for item in items if item["key"] in data}

    def _data(self, resource: Resource, name: str, *, optional: bool) -> dict[str, bytes] | None:
        try:
            found = self._kube.get(resource, self._namespace, name)
        except NotFound as error:
            if optional:
                return None
            raise NotYet(f'{resource.plural[:-1]} "{name}" not found') from error
        except NotAllowed as error:  # the API server has not seen yet that the pod is ours
            raise NotYet(str(error)) from error
        plain = {key: text.encode() for key, text in (found.get("data") or {}).items()}
        if resource is SECRETS:
            return {key: base64.b64decode(data) for key, data in plain.items()}
        return plain | {key: base64.b64decode(text) for key, text in (found.get("binaryData") or {}).items()}

    def _token(self, source: Json) -> bytes:
        metadata = self._pod["metadata"]
        bound = {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
        spec: Json = {"expirationSeconds": source.get("expirationSeconds", TOKEN_SECONDS), "boundObjectRef": bound}
        spec |= {"audiences": [source["audience"]]} if source.get("audience") else {}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = ACCOUNTS.path(self._namespace, self._pod["spec"].get("serviceAccountName", "default"), "token")
        try:
            return str(self._kube.request("POST", path, {}, body)["status"]["token"]).encode()
        except (NotFound, NotAllowed) as error:
            raise NotYet(str(error)) from error

    # -- variables -------------------------------------------------------------------------------------------------

    def environment(self, container: Json, base: Mapping[str, str]) -> dict[str, str]:
        """The variables of a container, over those of its image and of the kubelet."""
        made = dict(base)
        for source in container.get("envFrom") or ():
            made |= self._all_of(source)
        for item in container.get("env") or ():
            if "valueFrom" not in item:
                made[item["name"]] = expanded(item.get("value", ""), made)
            elif (value := self._value(item["valueFrom"])) is not None:
                made[item["name"]] = value
        return made

    def _all_of(self, source: Json) -> dict[str, str]:
        resource, reference = (
            (CONFIG_MAPS, source["configMapRef"]) if "configMapRef" in source else (SECRETS, source["secretRef"])
        )
        data = self._data(resource, reference["name"], optional=reference.get("optional", False)) or {}
        return {source.get("prefix", "") + key: value.decode() for key, value in data.items()}

    def _value(self, source: Json) -> str | None:
        if "fieldRef" in source:
            return self._field(source["fieldRef"]["fieldPath"])
        for word, resource in (("configMapKeyRef", CONFIG_MAPS), ("secretKeyRef", SECRETS)):
            if word in source:
                reference, optional = source[word], source[word].get("optional", False)
                data = self._data(resource, reference["name"], optional=optional) or {}
                if reference["key"] not in data and not optional:
                    kind = "ConfigMap" if resource is CONFIG_MAPS else "Secret"
                    raise NotYet(
                        f"couldn't find key {reference['key']} in {kind} {self._namespace}/{reference['name']}"
                    )
                return data[reference["key"]].decode() if reference["key"] in data else None
        raise NotYet(f"variables from {', '.join(source)} are not known to the stand-in")

    def _field(self, path: str) -> str:
        found = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
        if found:
            return str((self._pod["metadata"].get(found[1]) or {}).get(found[2], ""))
        value: Any = self._pod
        for word in path.split("."):
            value = value.get(word, {})
        return value if isinstance(value, str) else ""


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """`$(NAME)` by its value where there is one, `$$` by a dollar sign (k8s.io/kubernetes third_party `expansion`)."""
    known: Callable[[re.Match[str]], str] = lambda found: (  # noqa: E731
        "$" if found[1] == "$" else variables.get(found[2], found[0])
    )
    return REFERENCE.sub(known, text)


def words(container: Json, image_command: Iterable[str], variables: Mapping[str, str]) -> list[str]:
    """The command line: the image's own unless the container says another."""
    command, args = container.get("command"), container.get("args")
    said = [*(command or image_command), *(args or ())]
    return [expanded(word, variables) for word in said]


def _write(file: Path, data: bytes, mode: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    file.chmod(mode)
