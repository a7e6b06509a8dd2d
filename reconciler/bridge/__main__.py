"""`python -m reconciler.bridge discover` and `… step <kind> <item>`: one step of a workflow, in a pod of our image.

A run starts one of these per step, so start-up counts: argparse, and imports inside the command that needs them.
Exit codes: 0 done, 1 failed, 64 usage, 75 repeat me; never the code of the Job.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

from reconciler.bridge.exits import REPEAT
from reconciler.bridge.say import say
from reconciler.bridge.world import World, read_world
from reconciler.core.errors import TenantctlError, UsageError
from reconciler.core.step import Kind, Step, Verb, is_verb

REMOVAL = "removal"  # the stage of an upsert that takes away what is no longer wanted


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; no expected failure leaves as a traceback."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options, read_world(os.environ))
    except TenantctlError as error:
        say(str(error))
        return REPEAT if error.transient else 64 if isinstance(error, UsageError) else 1
    except Exception:
        say("a fault of tenantctl's own; the next bridge takes the step up again\n" + traceback.format_exc())
        return REPEAT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m reconciler.bridge", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    discover = commands.add_parser("discover", help="write the lists of what there is to do")
    discover.add_argument("--verb", default=Verb.UPSERT.value, help=f"{', '.join(Verb)} or admin.<name>")
    step = commands.add_parser("step", help="do one step")
    step.add_argument("kind", help=", ".join((*Kind, REMOVAL)))
    step.add_argument("item", help="for example upsert/billing/billing-lifecycle")
    return parser


def _run(options: argparse.Namespace, world: World) -> int:
    from reconciler.adapters.kube import connect

    if options.command == "discover":
        from reconciler.bridge.discover import discover

        verb = _verb(options.verb)
        return discover(connect(), world, verb)
    step = _step(options.kind, options.item)
    if step.kind is Kind.APPLICATION:
        from reconciler.bridge.application import run_application

        return run_application(connect(), world, step)
    from reconciler.bridge.job import run_job

    return run_job(connect(), world, step)


def _verb(text: str) -> str:
    """The verb of a run; that of an admin process holds a name that people type. Raises UsageError."""
    if not is_verb(text):
        raise UsageError(f"'{text}' is no verb; known are {', '.join(Verb)} and admin.<name>, a name like reindex")
    return text


def _step(kind: str, item: str) -> Step:
    """The step to do; a removal's item says its kind too. Raises UsageError, or says what a later version will do."""
    try:
        step = Step.parse(item) if kind == REMOVAL else Step.of_item(kind, item)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if step.kind is Kind.RESOURCE:
        raise TenantctlError(f"{step}: not supported by this version of tenantctl")
    return step


if __name__ == "__main__":
    sys.exit(main())
