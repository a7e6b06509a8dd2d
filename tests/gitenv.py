"""git's environment in the demo and the tests: one author, and nothing of the settings of whoever runs them.

A user's `commit.gpgsign`, `core.hooksPath` or `http.proxy` would stop them, and a GIT_DIR (of a hook that runs the
tests) would turn them against the user's own repository.
"""

import os

AUTHOR = {"NAME": "Ada", "EMAIL": "ada@example.com"}


def git_environment() -> dict[str, str]:
    """What `env` of a subprocess is, where that runs git."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = {f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER") for name, value in AUTHOR.items()}
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    return kept | who | alone
