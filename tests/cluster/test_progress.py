import re

import pytest

from tests.cluster.progress import Progress


def test_a_finished_step_says_its_seconds():
    said = []
    with Progress(said.append).step("build", hint="5 min; log: x"):
        assert said == ["    ...    build (5 min; log: x)"]
    assert re.match(r"\d+\.\d s", said[1].strip())


def test_a_failed_step_is_not_reported_as_done():
    said = []
    with pytest.raises(OSError, match="broken"), Progress(said.append).step("build"):
        raise OSError("broken")
    (line,) = said
    assert re.fullmatch(r"\d+\.\d s  failed: build", line.strip())
