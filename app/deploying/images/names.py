"""What images an overlay's objects name, read from the objects themselves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.deploying.kubectl import Json
from app.deploying.plan import label
from workflows.clusters.images import containers, full_name

STARTS = "atrium.io/starts-images"  # of a Deployment: IMAGE or IMAGE=CONTAINER, what its pods start, and which of their own it equals


@dataclass(frozen=True)
class Image:
    """An image that an object names; `started` where its pods start it. `same_as` is the image whose content it has, else empty."""

    named: str
    used_by: str
    policy: str = ""
    same_as: str = ""
    started: bool = False

    @property
    def full(self) -> str:
        """Its name with registry and tag or digest."""
        return full_name(self.named)


def images_of(objects: Sequence[Json]) -> list[Image]:
    """Every image that the objects' pods name or start, each once for each object, by name."""
    found = {(one.named, one.used_by): one for item in objects for one in _of(item)}
    return sorted(found.values(), key=lambda one: (one.full, one.used_by))


def _of(item: Json) -> Iterator[Image]:
    here = list(containers(item))
    for one in here:
        yield Image(str(one["image"]), label(item), str(one.get("imagePullPolicy") or ""))
    by_name = {one.get("name"): str(one["image"]) for one in here}
    for text in ((item.get("metadata") or {}).get("annotations") or {}).get(STARTS, "").split():
        named, _, same_as = text.partition("=")
        yield Image(named, label(item), same_as=by_name.get(same_as, ""), started=True)
