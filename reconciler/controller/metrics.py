"""Metrics, with the names that the field uses (`controller_runtime_*`, `workqueue_*`) as their model."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """All metrics of one controller, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.passes = Counter(
            "tenantctl_reconcile_total",
            "Passes over an environment, by what they did.",
            ["event"],
            registry=self.registry,
        )
        self.errors = Counter(
            "tenantctl_reconcile_errors_total",
            "Passes that failed, by the kind of error.",
            ["kind"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "tenantctl_reconcile_duration_seconds",
            "How long a pass over an environment took.",
            registry=self.registry,
            buckets=BUCKETS,
        )
        self.queue = Gauge("tenantctl_queue_depth", "Environments that wait to be looked at.", registry=self.registry)
        self.environments = Gauge(
            "tenantctl_environments",
            "Recorded environments, by the reason of Ready.",
            ["reason"],
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "tenantctl_runs_in_flight", "Open claims, by region.", ["region"], registry=self.registry
        )
        self.region_up = Gauge("tenantctl_region_up", "Whether the region answers.", ["region"], registry=self.registry)
        self.lifecycle_jobs = Gauge(
            "tenantctl_lifecycle_jobs",
            "Lifecycle Jobs found, by region and whether their namespace takes part.",
            ["region", "trusted"],
            registry=self.registry,
        )
        self.source_seconds = Gauge(
            "tenantctl_source_last_success_timestamp_seconds",
            "When the repository was last read.",
            registry=self.registry,
        )
        self.source_errors = Counter(
            "tenantctl_source_errors_total", "Failed reads of the repository.", registry=self.registry
        )
        self.webhooks = Counter(
            "tenantctl_webhook_requests_total",
            "Requests to the webhook receiver, by what they came to.",
            ["result"],
            registry=self.registry,
        )
        self.findings = Gauge("tenantctl_declaration_findings", "Problems in the declarations.", registry=self.registry)
