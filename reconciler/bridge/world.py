"""What a bridge is told about its place: environment variables that the ClusterWorkflowTemplates set."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.core import labels
from reconciler.core.archive import Archive
from reconciler.core.errors import UsageError
from reconciler.core.lifecycle_job import lifecycle_annotations
from reconciler.core.names import Key
from reconciler.core.outcome import Outcome
from reconciler.core.parameters import read_parameters
from reconciler.core.placement import Placement
from reconciler.core.step import Step

AUTO = "auto"
OUTPUT = "/tmp/outputs"  # noqa: S108 - an emptyDir of the step's own pod


@dataclass(frozen=True, slots=True)
class Trial:
    """A made-up environment (`tenantctl jobs run`): its placement is here instead of in the cluster, and so are the
    outcomes, the last one last, and what is to be imported. There is no Workflow; the kubeconfig is the caller's own.
    """

    placement: Placement
    imports: Mapping[Step, Archive] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class World:
    """Which environment and run this is, where its placement is, and what the run was asked to do.

    `namespace` is the workflow namespace. `asked` holds the parameters `jobs`, `resources` and `applications` as text.
    `archives` is the URL of the object store, beside it the file with its credentials; both are for migrations only.
    `argo_cd` is its URL, with the project and the cluster that are this region's, and the folder with its token.
    `parameters` are what the asker of an admin process gave it.
    """

    key: Key
    run: str
    namespace: str
    asked: Mapping[str, str]
    output: str = OUTPUT
    annotations: tuple[str, ...] = (labels.VERBS_ANNOTATION,)
    trial: Trial | None = None
    archives: str = ""
    archives_credentials: str = ""
    argo_cd: str = ""
    argo_cd_project: str = ""
    argo_cd_cluster: str = ""
    argo_cd_credentials: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


def read_world(environ: Mapping[str, str]) -> World:
    """Read the variables. Raises UsageError naming the one that is missing or makes no sense."""
    try:
        key = Key.parse(f"{_required(environ, 'TENANT')}/{_required(environ, 'ENVIRONMENT')}")
    except ValueError as error:
        raise UsageError(f"TENANTCTL_TENANT, TENANTCTL_ENVIRONMENT: {error}") from error
    return World(
        key=key,
        run=_required(environ, "RUN"),
        namespace=_required(environ, "NAMESPACE"),
        asked={
            name: environ.get(f"TENANTCTL_{name.upper()}") or AUTO for name in ("jobs", "resources", "applications")
        },
        output=environ.get("TENANTCTL_OUTPUT") or OUTPUT,
        annotations=lifecycle_annotations(environ),
        archives=environ.get("TENANTCTL_ARCHIVES", ""),
        archives_credentials=environ.get("TENANTCTL_ARCHIVES_CREDENTIALS", ""),
        argo_cd=environ.get("TENANTCTL_ARGO_CD", ""),
        argo_cd_project=environ.get("TENANTCTL_ARGO_CD_PROJECT", ""),
        argo_cd_cluster=environ.get("TENANTCTL_ARGO_CD_CLUSTER", ""),
        argo_cd_credentials=environ.get("TENANTCTL_ARGO_CD_CREDENTIALS", ""),
        parameters=_parameters(environ),
    )


def _parameters(environ: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        return read_parameters(environ.get("TENANTCTL_PARAMETERS", ""))
    except ValueError as error:
        raise UsageError(f"parameters: {error}") from error


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(f"TENANTCTL_{name}")
    if not value:
        raise UsageError(f"TENANTCTL_{name} is not set; the workflow template sets it")
    return value
