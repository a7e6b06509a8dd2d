"""Declarations out of a git repository: objects at one commit, never a work tree."""

from reconciler.adapters.git.repository import Repository, UnknownRevision

__all__ = ["Repository", "UnknownRevision"]
