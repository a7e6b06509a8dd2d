"""The bridge's own output, which is the log that Argo's UI shows for its step.

Lines are written whole and at once, past Python's buffers: several threads write, and none may lose its last line when
the process ends.
"""

import os
import threading

STDOUT = 1
_lock = threading.Lock()


def say(text: str) -> None:
    """A line of the bridge's own."""
    line(f"tenantctl: {text}")


def line(text: str) -> None:
    """A line as it is. An output that nobody reads any more is no reason to fail."""
    data = (text + "\n").encode("utf-8", "replace")
    with _lock:
        try:
            while data:
                data = data[os.write(STDOUT, data) :]
        except OSError:
            return
