"""`tenantctl install` into an API server in memory: what it remembers, and what it finishes."""

import os
import sys

import pytest

from reconciler import __version__
from reconciler.adapters.kube.resources import CLUSTER_TEMPLATES, NAMESPACES
from reconciler.cli.main import run
from reconciler.manifests.image import published
from tests.manifests.memory import MemoryKube

FLEET = ("--repository", "https://example.com/fleet.git")


@pytest.fixture
def kube(monkeypatch):
    made = MemoryKube()
    monkeypatch.setattr("reconciler.adapters.kube.connect", lambda *_: made)
    return made


def _by_version(kube, version):
    """The installation as another version left it."""
    kube.objects[NAMESPACES.path(None, "tenantctl")]["metadata"]["labels"]["app.kubernetes.io/version"] = version


def test_a_plain_upgrade_keeps_the_image(kube, capsys):
    assert run(["install", "--image", "own/tenantctl:dev", *FLEET]) == 0
    assert "image" not in capsys.readouterr().err
    assert run(["install"]) == 0
    assert kube.image() == kube.settings()["image"] == "own/tenantctl:dev"
    assert "image own/tenantctl:dev (as it was named); --image names another" in capsys.readouterr().err


def test_an_upgrade_to_another_version_stays_in_its_registry(kube, capsys):
    run(["install", "--image", "mirror:5000/tenantctl:0.0.1", *FLEET])
    _by_version(kube, "0.0.1")
    capsys.readouterr()
    assert run(["install"]) == 0
    assert kube.image() == f"mirror:5000/tenantctl:{__version__}"
    assert f"image mirror:5000/tenantctl:{__version__} (as it was named, in this version)" in capsys.readouterr().err


def test_a_tag_of_ones_own_is_kept_and_that_is_said(kube, capsys):
    run(["install", "--image", "own/tenantctl:dev", *FLEET])
    _by_version(kube, "0.0.1")
    capsys.readouterr()
    assert run(["install"]) == 0
    assert kube.image() == "own/tenantctl:dev"
    assert f"although tenantctl was 0.0.1 and is {__version__} now" in capsys.readouterr().err


def test_what_an_installation_does_not_remember_is_read_from_its_template(kube):
    run(["install", "--image", "own/tenantctl:dev", *FLEET])
    kube.objects[NAMESPACES.path(None, "tenantctl")]["metadata"]["annotations"] = {
        "tenantctl.io/settings": '{"repository": "https://example.com/fleet.git"}'
    }
    assert run(["install"]) == 0
    assert kube.image() == "own/tenantctl:dev"


def test_nobody_named_one(kube, capsys):
    run(["install", *FLEET])
    assert f"image {published()} (published for this version)" in capsys.readouterr().err
    _by_version(kube, "0.0.1")
    template = kube.objects[CLUSTER_TEMPLATES.path(None, "tenant-upsert")]
    for step in template["spec"]["templates"]:
        step.get("container", {})["image"] = published("0.0.1")
    assert run(["install"]) == 0
    assert kube.image() == published()


def test_an_empty_name_goes_back_to_the_published_one(kube):
    run(["install", "--image", "own/tenantctl:dev", *FLEET])
    assert run(["install", "--image", ""]) == 0
    assert kube.image() == published()


def test_an_image_that_cannot_be_had_fails_long_before_the_timeout(kube, capsys):
    kube.available = False
    kube.pod("x", "own/tenantctl:no", state={"waiting": {"reason": "ImagePullBackOff"}})
    assert run(["install", "--image", "own/tenantctl:no", *FLEET]) == 1
    assert "cannot use image own/tenantctl:no: ImagePullBackOff; name one with --image" in capsys.readouterr().err


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_closed_pipe_does_not_stop_the_installation(kube, monkeypatch, closed):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, closed, pipe)
        assert run(["install", "--image", "own/tenantctl:1", *FLEET]) == 0
    assert kube.image() == "own/tenantctl:1"
