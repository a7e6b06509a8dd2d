module tenantctl.io/tests/cluster/pins/argocd

go 1.25.7

// Only the module itself: it is built with the go.mod and go.sum that it carries (see binaries.py).
require github.com/argoproj/argo-cd/v3 v3.2.6
