"""The entry point of `tenantctl` and of `python -m reconciler`."""

import sys

from reconciler.cli.main import run
from reconciler.cli.output import mend_streams


def main() -> None:
    """Run the command line and exit with its code."""
    mend_streams()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
