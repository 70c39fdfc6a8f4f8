"""Other projects' releases: pinned by checksum, taken from a folder or from an address that holds the files."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import yaml

from app.deploying.images.names import STARTS
from app.deploying.kubectl import Json
from atrium.errors import Invalid, NotFound, Unavailable
from atrium.settings import CHECKOUT

LOCK = CHECKOUT / "deploy" / "releases.lock.yaml"
FETCH_SECONDS = 60.0


class ReleaseMissing(NotFound):
    """A release is needed and is not where it was looked for."""


class ReleaseChanged(Invalid):
    """A release's file is not the one that the lock pins."""


class ReleaseUnreachable(Unavailable):
    """The address of releases does not answer."""


@dataclass(frozen=True)
class Release:
    """One entry of the lock: `knows` is the custom resource by which a cluster shows that it has it; `starts` names the
    image that the pods of a Deployment start.
    """

    name: str
    version: str
    file: str
    sha256: str
    namespace: str
    knows: str
    starts: dict[str, str] = field(default_factory=dict)

    def objects(self, source: str) -> list[Json]:
        """Its objects, from the folder or address `source`. Raises `ReleaseMissing`, `ReleaseUnreachable`, `ReleaseChanged`."""
        content = self._content(source)
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            told = f"deploy/releases.lock.yaml pins {self.sha256}"
            raise ReleaseChanged(
                f"{self.file} of {source} has the checksum {found}",
                told,
                "take the file of that release, or change the lock on purpose",
            )
        objects = [_placed(one, self.namespace) for one in yaml.load_all(content, yaml.CSafeLoader) if one]
        for one in objects:
            if one["kind"] == "Deployment" and (started := self.starts.get(one["metadata"]["name"])):
                one["metadata"]["annotations"] = {**(one["metadata"].get("annotations") or {}), STARTS: started}
        return objects

    def _content(self, source: str) -> bytes:
        if not source:
            told = f"{self.name} {self.version} is not on the cluster, and is installed from a folder or address that holds {self.file}"
            raise ReleaseMissing(
                f"the release {self.name}", told, "make cluster-up RELEASES=FOLDER-OR-ADDRESS, or install it yourself"
            )
        if source.startswith(("http://", "https://")):
            return self._fetched(f"{source.rstrip('/')}/{self.file}")
        path = Path(source) / self.file
        if not path.is_file():
            raise ReleaseMissing(f"{path}", "the folder of releases holds it", f"put {self.file} there")
        return path.read_bytes()

    @staticmethod
    def _fetched(url: str) -> bytes:
        try:
            answer = httpx.get(url, timeout=FETCH_SECONDS, follow_redirects=True).raise_for_status()
        except httpx.HTTPError as error:
            raise ReleaseUnreachable(
                f"{url}: {error}", "it must answer with the file", "name a folder or another address in RELEASES"
            ) from error
        return answer.content


CLUSTER_WIDE = (
    "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "PriorityClass", "Namespace", "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)  # fmt: skip


def _placed(one: Json, namespace: str) -> Json:
    """An object of a release, in its namespace where it names none."""
    if one["kind"] in CLUSTER_WIDE:
        return one
    return {**one, "metadata": {"namespace": namespace, **one["metadata"]}}


def release(name: str) -> Release:
    """The lock's entry of that name."""
    found = yaml.safe_load(LOCK.read_text())[name]
    return Release(name, **found)
