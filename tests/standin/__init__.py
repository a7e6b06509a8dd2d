"""A stand-in for the kubelet and for Argo's workflow controller, beside a real etcd, API server and controller manager.

A run on real pods costs seconds of processor time: runtime, kubelet, executor, a Python that starts. Here a pod is a
process in a root of its own, and a bridge is a fork of a process that has imported everything. All decisions are the
real ones: Jobs, garbage, namespaces, admission and rights are Kubernetes' own, bridges and lifecycle scripts run as
they are. What the stand-in says of Pods and Workflows is held to what the real ones say by
`tests/light/test_contract.py`.

`start.up(name)` starts such a cluster, `python -m tests.standin NAME` is the process in it.
Left out: `ttlStrategy`, `podGC`, artifacts, DAGs, scripts, probes, resource limits, services and a pod network.
"""
