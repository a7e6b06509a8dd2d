"""What is installed in clusters: Kubernetes manifests as package data, rendered here, applied by `tenantctl install`.

The files are plain manifests with `${name}` where an installation differs; `kinds` says where each kind lives.
"""

from reconciler.manifests.render import Settings, render, team

__all__ = ["Settings", "render", "team"]
