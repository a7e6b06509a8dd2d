"""What editors need beside the schemas: which files are of which kind (VS Code's `yaml.schemas`)."""

from typing import Any

from reconciler.core.schema import Kind

FILES = {
    Kind.TENANT: ["tenants/*/tenant.yaml"],
    Kind.ENVIRONMENT: ["tenants/*/*.yaml", "!tenants/*/tenant.yaml"],
    Kind.REGIONS: ["providers/regions.yaml"],
    Kind.PROVIDER: ["providers/*/provider.yaml"],
}


def settings() -> dict[str, Any]:
    """The workspace settings for Red Hat's YAML extension, which is yaml-language-server."""
    return {"yaml.schemas": {f"./schemas/{kind.file}": globs for kind, globs in FILES.items()}}


EXTENSIONS = {"recommendations": ["redhat.vscode-yaml"]}
