"""How a bridge ends: its exit codes, which Argo's retryStrategy reads, and the exceptions that lead to them."""

import signal
from types import FrameType

from reconciler.core.errors import TenantctlError
from reconciler.core.verdict import Verdict

DONE = 0
FAILED = 1
REPEAT = 75  # EX_TEMPFAIL of sysexits(3): "repeat me"; Argo runs the step again, which adopts its copy


class StepFailed(TenantctlError):
    """The step failed before anything of the service ran; the verdict says why. `hash`, `owner`: the Job's."""

    def __init__(self, verdict: Verdict, job_hash: str = "", owner: str = "") -> None:
        super().__init__(verdict.message)
        self.verdict, self.hash, self.owner = verdict, job_hash, owner


class Superseded(TenantctlError):
    """The placement is another one than the step was made for: it was fenced (design §5, *Placement*)."""


class Terminated(BaseException):
    """SIGTERM came. No Exception, so that nothing that retries swallows it."""


def terminate(number: int, frame: FrameType | None) -> None:
    """The handler of SIGTERM. Once: what is being done is dropped, since any bridge can take it up again."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated
