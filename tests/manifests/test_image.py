"""Which image an upgrade goes on with."""

import pytest

from reconciler.core.errors import UsageError
from reconciler.manifests.image import named, published, upgraded


@pytest.mark.parametrize(
    ("image", "before", "after"),
    [
        ("mirror:5000/tenantctl:1.0", "1.0", "mirror:5000/tenantctl:2.0"),
        ("mirror:5000/tenantctl:v1.0", "1.0", "mirror:5000/tenantctl:v2.0"),
        ("own/tenantctl:dev", "1.0", "own/tenantctl:dev"),
        ("own/tenantctl:1.0-site3", "1.0", "own/tenantctl:1.0-site3"),
        ("mirror:5000/tenantctl", "1.0", "mirror:5000/tenantctl"),
        ("own/tenantctl:1.0", "", "own/tenantctl:1.0"),
        ("own/tenantctl:1.0", "2.0", "own/tenantctl:1.0"),
        ("own/tenantctl@sha256:0", "2.0", "own/tenantctl@sha256:0"),
    ],
)
def test_an_upgrade_stays_where_the_image_is(image, before, after):
    assert upgraded(image, before, "2.0") == after


def test_a_digest_cannot_be_upgraded():
    with pytest.raises(UsageError, match="--image"):
        upgraded("own/tenantctl:1.0@sha256:0", "1.0", "2.0")


@pytest.mark.parametrize(("image", "said"), [("own:1", "own:1"), (published("1.0"), ""), (published("0.9"), None)])
def test_what_was_named_shows_in_a_template(image, said):
    template = {"spec": {"templates": [{"steps": []}, {"container": {"image": image}}]}}
    assert named(template, "1.0") == (image if said is None else said)
    assert named(None, "1.0") == ""
