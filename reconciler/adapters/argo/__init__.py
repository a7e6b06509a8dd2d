"""Argo Server: what only it can tell, its version and whether it finds a template valid."""

from reconciler.adapters.argo.server import ArgoServer

__all__ = ["ArgoServer"]
