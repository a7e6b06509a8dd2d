"""Manifests from the package's YAML files and the settings of one installation; pure but for reading package data.

A value is put in after the YAML was parsed, so no setting can change a manifest's structure. Every object gets the
labels by which `install` prunes what older versions left and `uninstall` removes it all.
"""

import json
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from typing import Any

from reconciler import __version__
from reconciler.core import labels
from reconciler.core.names import ENVIRONMENT_MAX, TENANT_MAX
from reconciler.manifests.image import published

Json = dict[str, Any]

NAME = "app.kubernetes.io/name"
VERSION = "app.kubernetes.io/version"
OURS = {NAME: labels.MANAGER, labels.PART_OF: labels.MANAGER, labels.MANAGED_BY: labels.MANAGER}
SETTINGS = labels.PREFIX + "settings"  # annotation on the control plane's namespace: an upgrade goes on with them
CONTROLLER = "system:serviceaccount:argo:argo"  # of Argo's own install manifests
TEMPLATES = ("tenant-upsert", "tenant-migrate-out", "tenant-migrate-in", "tenant-decommission", "tenant-admin")


@dataclass(frozen=True, slots=True)
class Settings:
    """What differs between installations. Without a repository no reconciler runs in the cluster."""

    image: str = ""  # the one that is published for this version
    repository: str = ""
    ref: str = "main"
    interval: str = ""
    region: str = ""
    workflow_namespace: str = labels.WORKFLOW_NAMESPACE
    controllers: tuple[str, ...] = (CONTROLLER,)
    annotations: tuple[str, ...] = ()  # of lifecycle Jobs, beside the default one
    webhook: bool = False  # whether the reconciler listens for webhooks
    archives: str = ""  # the URL of the object store; its credentials are in a Secret (manifests/archives.py)
    argo_cd: str = ""  # the URL of Argo CD's API, for applications; its token is in a Secret (manifests/argo_cd.py)
    argo_cd_project: str = "tenants"
    argo_cd_cluster: str = "https://kubernetes.default.svc"  # this region's cluster as Argo CD knows it
    argo_server: str = ""  # Argo Workflows' pages, for links to runs

    @property
    def arguments(self) -> list[str]:
        """The reconciler's command line."""
        options = {"--repository": self.repository, "--ref": self.ref, "--interval": self.interval}
        options |= {"--local-region": self.region, "--listen": "0.0.0.0:8080"}
        options |= {"--webhook": "0.0.0.0:8081" if self.webhook else ""}
        return ["run", *(word for option, value in options.items() if value for word in (option, value))]

    def dump(self) -> str:
        """What an upgrade goes on with."""
        return json.dumps(asdict(self))

    def changed(self, given: Mapping[str, Any]) -> "Settings":
        """These settings with what was given, where it was given and is known."""
        known = {name: value for name, value in given.items() if name in self.__slots__ and value not in (None, ())}
        values: Json = {name: tuple(value) if isinstance(value, list) else value for name, value in known.items()}
        return replace(self, **values)


def installed(namespace: Json | None) -> Settings:
    """The settings of an installation, from the control plane's namespace; the defaults where there is none."""
    annotations = (namespace or {}).get("metadata", {}).get("annotations", {})
    return Settings().changed(json.loads(annotations.get(SETTINGS, "{}")))


def version_of(item: Json) -> str:
    """The version of tenantctl that applied an object; empty where that is not known."""
    version: str = item["metadata"].get("labels", {}).get(VERSION, "")
    return version


def render(settings: Settings) -> list[Json]:
    """Every object of an installation, in the order in which to apply them."""
    values = _values(settings)
    names = ["namespaces", "rights", "admission", "fleet", *(f"templates/{name}" for name in TEMPLATES)]
    names += ["applications"] if settings.argo_cd else []
    names += ["webhook"] if settings.repository and settings.webhook else []
    names += ["reconciler"] if settings.repository else []
    return [_labelled(_canonical(item)) for name in names for item in _read(name, values)]


def team(settings: Settings, namespace: str) -> list[Json]:
    """What a service team adds to its namespace. It is the team's own: never pruned by us."""
    return [
        _with_labels(item, {labels.PART_OF: labels.MANAGER})
        for item in _read("team", _values(settings) | {"namespace": namespace})
    ]


def for_argo_cd(settings: Settings) -> list[Json]:
    """What Argo CD's administrators take over as far as they like; it is theirs: never applied or pruned by us."""
    values = _values(settings) | {
        "health": health_script(settings.annotations),
        "annotation": labels.VERBS_ANNOTATION,
        "argo_server": settings.argo_server.rstrip("/"),
        "repository": settings.repository,
        "ref": settings.ref,
        "project": settings.argo_cd_project,
        "cluster": settings.argo_cd_cluster,
    }
    own, links = (next(_read(f"argo-cd/{name}", values)) for name in ("settings", "links"))
    if (
        settings.argo_server
    ):  # in one object: applied a second time, server-side, one of the same name would take keys away
        own["data"] |= links["data"]
    names = ["project", *(["providers"] if settings.repository else [])]
    return [own, *(item for name in names for item in _read(f"argo-cd/{name}", values))]


def for_argo_events(
    settings: Settings, namespace: str, webhook_url: str = "", sources: Sequence[tuple[str, str]] = ()
) -> list[Json]:
    """What starts an upsert, and wakes the reconciler, by events of Argo Events in that namespace: the platform's own,
    never applied or pruned by us.

    `webhook_url`: the reconciler's; without one nothing wakes it. `sources`: further EventSources, and the event of
    each that starts an upsert too.
    """
    values = _values(settings) | {
        "namespace": namespace,
        "webhook_url": webhook_url,
        "tenant": _name_pattern(TENANT_MAX),
        "environment": _name_pattern(ENVIRONMENT_MAX),
    }
    items = [item for name in ("source", "policy", "sensor") for item in _read(f"argo-events/{name}", values)]
    for item in items:
        if not webhook_url:
            _without_wake(item)
        if item["kind"] == "Sensor":
            _with_sources(item["spec"], sources)
    return [_with_labels(item, {labels.PART_OF: labels.MANAGER}) for item in items]


def _name_pattern(limit: int) -> str:
    """A regular expression, in Go's words, for all of a text that `core.names` takes for a name."""
    return f"^[a-z0-9]([-a-z0-9]{{0,{limit - 2}}}[a-z0-9])?$"


def _without_wake(item: Json) -> None:
    if item["kind"] == "EventSource":
        del item["spec"]["webhook"]["wake"]
    if item["kind"] == "Sensor":
        spec = item["spec"]
        spec["dependencies"] = [entry for entry in spec["dependencies"] if entry["name"] != "wake"]
        spec["triggers"] = [entry for entry in spec["triggers"] if entry["template"]["name"] != "wake"]


def _with_sources(sensor: Json, sources: Sequence[tuple[str, str]]) -> None:
    """Further events beside the webhook's, filtered alike; of all of them, one is enough."""
    dependency, trigger = sensor["dependencies"][0], sensor["triggers"][0]["template"]
    taken = list(trigger["k8s"]["parameters"])
    for number, (source, event) in enumerate(sources, 1):
        name = f"source{number}"
        sensor["dependencies"].append(dependency | {"name": name, "eventSourceName": source, "eventName": event})
        trigger["conditions"] += f" || {name}"
        # Of an event that did not come no parameter is taken.
        trigger["k8s"]["parameters"] += [entry | {"src": entry["src"] | {"dependencyName": name}} for entry in taken]


def health_script(annotations: Sequence[str] = ()) -> str:
    """The Lua script by which Argo CD takes suspended lifecycle Jobs for healthy, and judges others as ever.

    `annotations`: what marks lifecycle Jobs beside the default one.
    """
    keys = ", ".join(json.dumps(key) for key in (labels.VERBS_ANNOTATION, *annotations))
    text = files(__package__).joinpath("argo-cd/job-health.lua").read_text("utf-8")
    return text.replace("${templates}", "{ " + keys + " }")


def _values(settings: Settings) -> Json:
    return {
        "image": settings.image or published(),
        "settings": settings.dump(),
        "arguments": settings.arguments,
        "workflow_namespace": settings.workflow_namespace,
        "controllers": _cel(settings.controllers),
        "annotations": _cel((labels.VERBS_ANNOTATION, *settings.annotations)),
        "extra_annotations": ",".join(settings.annotations),
        "templates": _cel(TEMPLATES),
        "archives": settings.archives,
        "argo_cd": settings.argo_cd,
        "argo_cd_project": settings.argo_cd_project,
        "argo_cd_cluster": settings.argo_cd_cluster,
    }


def _cel(texts: tuple[str, ...]) -> str:
    """A CEL list of strings; JSON's escapes are a part of CEL's."""
    return json.dumps(list(texts))


def _read(name: str, values: Mapping[str, Any]) -> Iterator[Json]:
    import yaml

    text = files(__package__).joinpath(f"{name}.yaml").read_text("utf-8")
    for document in yaml.load_all(text, Loader=yaml.CSafeLoader):
        yield _filled(document, values)


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    """The value with `${name}` replaced in every text; a text that is nothing else takes the setting's own type."""
    if isinstance(value, dict):
        return {key: _filled(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    if not isinstance(value, str):
        return value
    alone = value.removeprefix("${").removesuffix("}")
    return values[alone] if value == f"${{{alone}}}" else string.Template(value).safe_substitute(values)


def _canonical(item: Json) -> Json:
    """A ClusterWorkflowTemplate as Argo's own client writes it; see admission.yaml on the stored templates."""
    if item["kind"] != "ClusterWorkflowTemplate":
        return item
    templates = [_repeated(template) for template in item["spec"]["templates"]]
    return item | {"spec": item["spec"] | {"templates": templates}}


def _repeated(template: Json) -> Json:
    full: Json = {"inputs": {}, "outputs": {}, "metadata": {}} | template
    if "container" in full:
        full["container"] = {"name": "", "resources": {}} | full["container"] | _without_empty_values(full["container"])
    if "steps" in full:
        full["steps"] = [[{"arguments": {}} | step for step in group] for group in full["steps"]]
    return full


def _without_empty_values(container: Json) -> Json:
    """Go leaves out an environment variable's value that is empty (`omitempty`), as it is by default."""
    variables = [{k: v for k, v in entry.items() if (k, v) != ("value", "")} for entry in container.get("env", [])]
    return {"env": variables} if variables else {}


def _labelled(item: Json) -> Json:
    return _with_labels(item, OURS | {VERSION: __version__})


def _with_labels(item: Json, extra: Mapping[str, str]) -> Json:
    metadata = item["metadata"]
    return item | {"metadata": metadata | {"labels": dict(sorted((metadata.get("labels", {}) | extra).items()))}}
