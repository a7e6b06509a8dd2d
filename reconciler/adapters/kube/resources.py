"""Where the kinds that tenantctl touches live in the Kubernetes API."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """A REST resource; `prefix` is `/api/v1` or `/apis/<group>/<version>`."""

    prefix: str
    plural: str

    def path(self, namespace: str | None = None, name: str | None = None, sub: str | None = None) -> str:
        """The URL's path of a collection, an object or its subresource."""
        parts = [self.prefix]
        if namespace is not None:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, sub) if part is not None]
        return "/".join(parts)


CONFIG_MAPS = Resource("/api/v1", "configmaps")
SECRETS = Resource("/api/v1", "secrets")
NAMESPACES = Resource("/api/v1", "namespaces")
PODS = Resource("/api/v1", "pods")
EVENTS = Resource("/api/v1", "events")
JOBS = Resource("/apis/batch/v1", "jobs")
DEPLOYMENTS = Resource("/apis/apps/v1", "deployments")
WORKFLOWS = Resource("/apis/argoproj.io/v1alpha1", "workflows")
CLUSTER_TEMPLATES = Resource("/apis/argoproj.io/v1alpha1", "clusterworkflowtemplates")
ACCESS_REVIEWS = Resource("/apis/authorization.k8s.io/v1", "selfsubjectaccessreviews")
