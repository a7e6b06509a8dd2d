"""Which image of ours an installation has: one that somebody named, or the one that is published for this version."""

from typing import Any

from reconciler import __version__
from reconciler.core.errors import UsageError

Json = dict[str, Any]

PUBLISHED = "tenantctl/tenantctl"  # in whatever registry a cluster asks first; none has it before the first release


def published(version: str = __version__) -> str:
    """The image that is published for a version."""
    return f"{PUBLISHED}:{version}"


def image_of(template: Json) -> str:
    """The image of a ClusterWorkflowTemplate's steps; empty where it has none."""
    images = (item["container"]["image"] for item in template["spec"].get("templates", []) if "container" in item)
    return next(images, "")


def named(template: Json | None, version: str) -> str:
    """What somebody named, from the template of an installation that does not remember it; empty: the published one."""
    image = image_of(template) if template else ""
    return "" if image == published(version) else image


def upgraded(image: str, before: str, now: str = __version__) -> str:
    """The image that an upgrade goes on with, where somebody named `image` for the version `before`.

    A tag that is the version (`1.2.0`, `v1.2.0`) becomes the new one, in the same registry and repository; any other is
    kept, since only its owner knows when to move it. Raises UsageError for a digest, which is the old version for good.
    """
    if before == now:
        return image
    if "@" in image:
        raise UsageError(f"image {image} is version {before or 'unknown'} for good; name one of {now} with --image")
    place, _, tag = image.rpartition(":")
    return f"{place}:{tag.removesuffix(before)}{now}" if before and tag in (before, f"v{before}") else image
