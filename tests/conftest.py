"""Settings for all tests: in CI, hypothesis tries the same examples every time; a build tells of its change only."""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")
