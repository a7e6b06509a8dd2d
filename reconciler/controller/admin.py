"""Admin processes in a pass: the answer to the request of an environment that has no claim, from what is observed."""

from reconciler.core.admin import Answer, answer
from reconciler.core.fleet import suspensions
from reconciler.core.observed import Observed


def answer_to(observed: Observed, now: float) -> Answer | None:
    """What to do about the record's request; None when there is none, when it was answered, or nothing can be known."""
    record = observed.record
    if record is None or not record.admin or observed.damaged:
        return None
    pauses = suspensions(record.key, record, observed.fleet, {record.region}, now)
    return answer(record, observed.sites.get(record.region), pauses, now)
