"""Local clusters: real Kubernetes and real Argo Workflows as plain processes, for tests and the demo.

`up(name)` and `down(name)` start and stop one, `find(name)` looks for a running one without side effects;
the command line is `python -m tests.cluster`. Called by Makefile, demo and tests marked `cluster`.
"""

from .cluster import Cluster, find
from .failure import ClusterError
from .lifecycle import down, up

__all__ = ["Cluster", "ClusterError", "down", "find", "up"]
