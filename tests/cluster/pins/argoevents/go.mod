module tenantctl.io/tests/cluster/pins/argoevents

go 1.25.7

// Only the modules themselves: each is built with the go.mod and go.sum that it carries (see binaries.py).
require (
	github.com/argoproj/argo-events v1.9.7
	github.com/nats-io/nats-server/v2 v2.10.27
)
