"""Argo CD through its REST API: applications of single environments."""

from reconciler.adapters.argocd.client import ArgoCD, checked, connect

__all__ = ["ArgoCD", "checked", "connect"]
