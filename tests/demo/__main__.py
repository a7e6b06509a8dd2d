"""The command line: `python -m tests.demo [--name eu-west] [--context C] [--down]`, which the Makefile calls."""

from __future__ import annotations

import argparse
import os
import sys

from reconciler.core.errors import TenantctlError
from tests.cluster import ClusterError

from . import delivering, moving, story
from .failure import DemoError
from .place import Place
from .screen import Screen


def main() -> int:
    """Run the demo, or take it down; returns the exit code."""
    arguments = _parser().parse_args()
    screen = Screen(story.STEPS + (0 if arguments.context else moving.STEPS + delivering.STEPS))
    place = Place(arguments.name)
    try:
        if arguments.down:
            story.undo(screen, place, arguments.context)
        else:
            story.tell(screen, place, arguments.context, arguments.image)
    except (DemoError, ClusterError, TenantctlError) as error:
        screen.bad(error)
        return 1
    except KeyboardInterrupt:
        screen.say("interrupted; 'make demo' goes on, 'make demo-down' takes it down")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.add_argument("--name", default="eu-west", help="which local cluster (default: eu-west)")
    parser.add_argument("--context", default="", help="use the cluster of this kubeconfig context instead")
    parser.add_argument(
        "--image", default=os.environ.get("IMAGE", ""), help="with --context: our image as that cluster can pull it"
    )
    parser.add_argument("--down", action="store_true", help="remove what the demo made, and its cluster")
    return parser


if __name__ == "__main__":
    sys.exit(main())
