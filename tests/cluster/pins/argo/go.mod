module tenantctl.io/tests/cluster/pins/argo

go 1.25.7

// Only the module itself: it is built with the go.mod and go.sum that it carries (see binaries.py).
require github.com/argoproj/argo-workflows/v3 v3.7.18
