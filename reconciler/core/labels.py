"""Labels, annotations and fixed names that mark what is ours or what takes part; all modules take them from here."""

PREFIX = "tenantctl.io/"

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "tenantctl"
PART_OF = "app.kubernetes.io/part-of"

TENANT = PREFIX + "tenant"
ENVIRONMENT = PREFIX + "environment"
VERB = PREFIX + "verb"
RUN = PREFIX + "run"
KIND = PREFIX + "kind"  # record, placement, fleet, copy, trial
COPY = "copy"
TRIAL = "trial"  # a copy of `tenantctl jobs run`, for a made-up environment: nothing in production looks at it
STOPPED = PREFIX + "stopped"  # on a copy: it was suspended for good

CLAIM = PREFIX + "claim"  # annotation on a Workflow: which claim launched it
STEP = PREFIX + "step"  # annotation on a copy
TEMPLATE = PREFIX + "template"  # annotation on a copy: the lifecycle Job's uid is not used, its name and hash are
STOPPED_AT = PREFIX + "stopped-at"
VERDICT = PREFIX + "verdict"  # annotation on a copy: why it was stopped, so that an adopting bridge says the same
HASH = PREFIX + "hash"  # annotations on a copy: what it was made from, and the placement as it was read then
DIGEST = PREFIX + "digest"
EPOCH = PREFIX + "epoch"
STATE = PREFIX + "state"
SECRET = PREFIX + "secret"  # annotation on a copy: it has a Secret of its own name, to be deleted when it finishes
OWNER = PREFIX + "owner"
VERBS = PREFIX + "verbs"  # annotation on a copy: all that its lifecycle Job could do, separated by commas

LIFECYCLE = PREFIX + "lifecycle"  # label on a namespace, set by the platform: its Jobs may be run
ENABLED = "enabled"
TRUSTED = f"{LIFECYCLE}={ENABLED}"  # selects the namespaces that take part
VERBS_ANNOTATION = "collibra.com/tenant.lifecycle"  # on a lifecycle Job: the default key; a setting can add others

CONTROL_NAMESPACE = "tenantctl"
FLEET = "fleet"  # the ConfigMap there that is about all environments
WORKFLOW_NAMESPACE = "tenantctl-workflows"
RECONCILER = "tenantctl-reconciler"
BRIDGE = "tenantctl-bridge"


def managed(kind: str) -> dict[str, str]:
    """The selector labels of our own objects of one kind."""
    return {MANAGED_BY: MANAGER, KIND: kind}


def selects(kind: str) -> str:
    """The label selector of our own objects of one kind."""
    return f"{KIND}={kind}"
