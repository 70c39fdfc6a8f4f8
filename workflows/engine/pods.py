"""A pod here: what it is made of, from its filled template to containers that can be started."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from atrium.home import Home
from atrium.settings import get_settings
from workflows.engine.beneath import Spot
from workflows.engine.environments import find_image
from workflows.engine.files import Artifacts
from workflows.engine.sandbox import SCRIPT, Container, Limits, Mount
from workflows.engine.state import Json, Workflow, quantity_seconds, stamp
from workflows.engine.variables import Known, environment, expanded, pod_fields
from workflows.engine.volumes import Volumes, inside

TOKEN = "/atrium/token"  # noqa: S105  a path
BYTES = {
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "k": 10**3,
    "K": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
}
MAIN = "main"


@dataclass(frozen=True)
class Place:
    """Where a workflow's files lie."""

    home: Home
    workflow: Workflow

    def folder(self, pod: str) -> Path:
        """Folder of one pod."""
        return Path(f"{self.home.engine}/steps/{self.workflow.namespace}/{self.workflow.uid}/{pod}")

    @property
    def artifacts(self) -> Artifacts:
        """The project's artifacts."""
        return Artifacts(self.home.engine / "artifacts", self.workflow.namespace)

    @property
    def token_file(self) -> Path:
        """File of the run's token, outside every step."""
        return Path(f"{self.home.engine}/tokens/{self.workflow.uid}")

    @property
    def claims(self) -> Path:
        """Folder of the project's volume claims."""
        return self.home.project(self.workflow.namespace) / "claims"

    @property
    def run_claims(self) -> Path:
        """Folder of the claims that the workflow's claim templates make."""
        return self.home.engine / "steps" / self.workflow.namespace / self.workflow.uid / "claims"

    def address(self, pod: str) -> str:
        """A loopback address that is the pod's own, now and after a restart: 127.16.0.0 to 127.254.255.255, hashed from the names."""
        one, two, three = hashlib.sha256(f"{self.workflow.uid}/{pod}".encode()).digest()[:3]
        return f"127.{16 + one % 239}.{two}.{1 + three % 254}"

    def token(self) -> str:
        """The run's token; empty once it has ended."""
        try:
            return self.token_file.read_text()
        except FileNotFoundError:
            return ""

    def key(self, pod: str) -> str:
        """Where a pod's artifacts stand in the store."""
        return f"{self.workflow.namespace}/{self.workflow.name}/{pod}"


def quantity_bytes(text: str) -> int | None:
    """Bytes of a quantity like `64Mi`, `1G`, `1000`; None for one that is none."""
    for unit, factor in BYTES.items():
        if text.endswith(unit):
            text, times = text.removesuffix(unit), factor
            break
    else:
        times = 1
    try:
        return int(float(text) * times)
    except ValueError:
        return None


def quantity_millicores(text: str) -> int | None:
    """Thousandths of a CPU of a quantity like `500m`, `0.5`, `2`; None for one that is none."""
    try:
        return int(float(text.removesuffix("m"))) if text.endswith("m") else int(float(text) * 1000)
    except ValueError:
        return None


def seconds_left(work: Json, now: datetime) -> float | None:
    """Seconds that the pod may still be active; None where nothing bounds it."""
    bounds = []
    if active := work.get("activeDeadlineSeconds"):
        bounds.append(quantity_seconds(active))
    if ends := work.get("endsAt"):
        bounds.append(max(0.0, (datetime.fromisoformat(ends) - now).total_seconds()))
    elif timeout := work.get("timeout"):
        bounds.append(quantity_seconds(timeout))
    return min(bounds, default=None)


def main_bodies(work: Json) -> list[Json]:
    """The pod's main containers, each with a name: one unless it is a set, none where it makes a request or the platform acts for it."""
    if "http" in work or "plugin" in work or "resource" in work:
        return []
    if "containerSet" in work:
        return list(work["containerSet"]["containers"])
    return [{**(work.get("script") or work.get("container") or {}), "name": MAIN}]


def all_bodies(work: Json) -> list[Json]:
    """Every container of the pod."""
    return [*(work.get("initContainers") or []), *main_bodies(work), *(work.get("sidecars") or [])]


class Pod:
    """One pod to be carried out."""

    def __init__(
        self, place: Place, work: Json, secrets: Mapping[str, str], config_map: Callable[[str], Json | None]
    ) -> None:
        self.place, self.work = place, work
        self.name = str(work["pod"])
        self.folder = place.folder(self.name)
        workflow, metadata = place.workflow, work.get("metadata") or {}
        labels = {"workflows.argoproj.io/workflow": workflow.name, **(metadata.get("labels") or {})}
        account = str(work.get("serviceAccountName") or workflow.spec.get("serviceAccountName") or "default")
        fields = pod_fields(workflow.namespace, self.name, workflow.uid, account, place.address(self.name))
        self.known = Known(secrets, config_map, fields, labels, metadata.get("annotations") or {})
        templates = workflow.spec.get("volumeClaimTemplates") or []
        run_claims = {one["metadata"]["name"]: place.run_claims / one["metadata"]["name"] for one in templates}
        defined = [*(workflow.spec.get("volumes") or []), *(work.get("volumes") or [])]
        self.volumes = Volumes(defined, self.folder / "volumes", place.claims, run_claims, self.known)

    def container(self, body: Json, root: Path, more_mounts: Iterable[Json] = ()) -> Container:
        """A container that can be started, its folders laid out below `root`.

        Raises:
            ReferenceMissing, VolumeInvalid: what it asks for is not to be had; ImageUnknown: nothing stands for its image.
        """
        name, files = str(body["name"]), {}
        image = find_image(str(body.get("image") or "busybox"))
        variables = environment(body, self.known, self._own(), self._added(body))
        words = [*(body.get("command") or []), *(body.get("args") or [])]
        command = [expanded(str(word), variables) for word in words]
        if "source" in body:
            command = [*command, SCRIPT] if command else ["sh", SCRIPT]
            files[SCRIPT] = expanded(str(body["source"]), self._before_script())
        elif not command:
            command = list(image.command)
        if (body.get("command") or "source" in body) and image.entrypoint:
            image = replace(image, entrypoint=())
        data = self.place.home.data(self.place.workflow.namespace)
        mounts = [Mount(data, str(data)), Mount(self.place.token_file, TOKEN, writable=False)]
        shared = (self.work.get("containerSet") or {}).get("volumeMounts") or []
        mounts += self.volumes.mounts(body, [*shared, *more_mounts])
        folder = str(body.get("workingDir") or image.workdir)
        if folder != "/":
            inside(root, folder).mkdir(parents=True, exist_ok=True)
        return Container(
            self.folder, name, root, command, dict(image.environment) | variables, image, folder, tuple(mounts), self._limits(body),
            bool(self.work.get("wantsResult")) and name == MAIN, files,
        )  # fmt: skip

    def _limits(self, body: Json) -> Limits:
        limits = (body.get("resources") or {}).get("limits") or {}
        return Limits(
            seconds_left(self.work, datetime.now(UTC)),
            quantity_bytes(str(limits.get("memory") or "")),
            quantity_millicores(str(limits.get("cpu") or "")),
        )

    def _added(self, body: Json) -> dict[str, str]:
        """What Argo's controller adds to a container's variables; most of it only where the container speaks of it, so that others can share a sandbox."""
        name = {"ARGO_CONTAINER_NAME": str(body["name"])}
        if "ARGO_" not in str(body):
            return name
        workflow, ends = self.place.workflow, [self.work["endsAt"]] if self.work.get("endsAt") else []
        if (seconds := workflow.spec.get("activeDeadlineSeconds")) and not self.work.get("exiting"):
            ends.append(stamp(datetime.fromisoformat(workflow.status["startedAt"]) + timedelta(seconds=int(seconds))))
        return name | {
            "ARGO_NODE_ID": str(self.work.get("node", "")),
            "ARGO_INCLUDE_SCRIPT_OUTPUT": "true" if self.work.get("wantsResult") else "false",
            "ARGO_DEADLINE": min(ends, default="0001-01-01T00:00:00Z"),
        }

    def _before_script(self) -> dict[str, str]:
        """What a script's text may name by `$(NAME)`: on Argo it reaches the init container in a variable after these."""
        workflow = self.place.workflow
        return {
            "ARGO_POD_NAME": self.name,
            "ARGO_WORKFLOW_NAME": workflow.name,
            "ARGO_WORKFLOW_UID": workflow.uid,
            "ARGO_CONTAINER_NAME": "init",
        }

    def _own(self) -> dict[str, str]:
        settings, workflow = get_settings(), self.place.workflow
        return {
            "ATRIUM_URL": settings.local_url,
            "ATRIUM_PROJECT": workflow.namespace,
            "ATRIUM_RUN": workflow.name,
            "ATRIUM_DATA": str(self.place.home.data(workflow.namespace)),
            "ATRIUM_TOKEN_FILE": TOKEN,
            "MLFLOW_TRACKING_URI": f"{settings.local_url}/mlflow",
            "MLFLOW_TRACKING_TOKEN": self.place.token(),
            "MLFLOW_WORKSPACE": workflow.namespace,
        }

    def locate(self, container: Container, path: str) -> Spot:
        """Where a path of the container lies on this machine: in a volume that it mounts, else below its root. Raises `VolumeInvalid`."""
        plain = "/" + path.strip("/")
        best = max(
            (one for one in container.mounts if plain == one.target or plain.startswith(f"{one.target}/")),
            key=lambda one: len(one.target),
            default=None,
        )
        if best is None:
            return Spot(container.root, str(inside(container.root, plain).relative_to(container.root)))
        found = inside(best.path, plain.removeprefix(best.target)).resolve()
        return Spot(best.source, str(found.relative_to(best.source.resolve())), shared=True)
