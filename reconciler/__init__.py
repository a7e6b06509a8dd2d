"""tenantctl: a GitOps reconciler for tenant environments (see docs/architecture.md)."""

__version__ = "0.1.0"
