"""Settings for all tests: in CI, hypothesis tries the same examples every time; a build tells of its change only."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.lanes import arrange, is_left_out
from tests.timing import FixtureTimes, Timing
from tests.userrepo import project_copy

os.environ.setdefault("TENANTCTL_TEST_RUN", str(os.getpid()))  # the owner of clusters, see tests/cluster/owner.py

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(FixtureTimes())
    if not hasattr(config, "workerinput"):  # one report for all processes of pytest-xdist
        config.pluginmanager.register(Timing())


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if collection_path.suffix == ".py" and is_left_out(collection_path, config.option.markexpr) else None


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups afterwards
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    arrange(items)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This project as it is now, as a repository that tools can clone."""
    return project_copy(tmp_path_factory.mktemp("tenantctl"))


@pytest.fixture(scope="session")
def pre_commit_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pre-commit keeps environments: made once for all tests, since pip installs this project there."""
    return tmp_path_factory.mktemp("pre-commit")
