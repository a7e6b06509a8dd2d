"""Kubernetes: one cluster's API server, and reflectors that keep small projections of what it holds."""

from reconciler.adapters.kube.client import Json, Kube, NoCluster
from reconciler.adapters.kube.connect import connect

__all__ = ["Json", "Kube", "NoCluster", "connect"]
