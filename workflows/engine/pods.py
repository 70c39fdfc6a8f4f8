"""A pod here: one step's folder, from its filled template to its outputs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from atrium.home import Home
from atrium.settings import get_settings
from workflows.engine.files import LONGEST_RESULT, OutputMissing, inside, put_artifact, take_artifact, take_parameter
from workflows.engine.images import find_image
from workflows.engine.sandbox import Container, Limits, Mount
from workflows.engine.state import Json, Workflow, quantity_seconds

SCRIPT = "/argo/staging/script"
TOKEN = "/atrium/token"  # noqa: S105  a path
MEMORY_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "K": 10**3, "M": 10**6, "G": 10**9}


class SecretMissing(ValueError):
    """A step asks for a secret that its project does not have."""


@dataclass(frozen=True)
class Place:
    """Where a workflow's files lie."""

    home: Home
    workflow: Workflow

    def folder(self, pod: str) -> Path:
        """Folder of one pod."""
        return self.home.engine / "steps" / self.workflow.namespace / self.workflow.uid / pod

    @property
    def artifacts(self) -> Path:
        """The artifact store."""
        return self.home.engine / "artifacts"

    @property
    def token_file(self) -> Path:
        """File of the run's token, outside every step."""
        return self.home.engine / "tokens" / self.workflow.uid

    def token(self) -> str:
        """The run's token; empty once it has ended."""
        try:
            return self.token_file.read_text()
        except FileNotFoundError:
            return ""

    def key(self, pod: str) -> str:
        """Where a pod's artifacts stand in the store."""
        return f"{self.workflow.namespace}/{self.workflow.name}/{pod}"


def memory_limit_bytes(work: Json) -> int | None:
    """The step's memory limit in bytes, or None."""
    body = work.get("container") or work.get("script") or {}
    text = str(((body.get("resources") or {}).get("limits") or {}).get("memory") or "")
    for unit, factor in MEMORY_UNITS.items():
        if text.endswith(unit):
            return int(float(text.removesuffix(unit)) * factor)
    return int(text) if text.isdigit() else None


def _environment(body: Json, place: Place, secrets: Mapping[str, str]) -> dict[str, str]:
    settings, workflow = get_settings(), place.workflow
    environment = {
        "ATRIUM_URL": settings.local_url,
        "ATRIUM_PROJECT": workflow.namespace,
        "ATRIUM_RUN": workflow.name,
        "ATRIUM_DATA": str(place.home.data(workflow.namespace)),
        "ATRIUM_TOKEN_FILE": TOKEN,
        "MLFLOW_TRACKING_URI": f"{settings.local_url}/mlflow",
        "MLFLOW_TRACKING_TOKEN": place.token(),
        "MLFLOW_WORKSPACE": workflow.namespace,
        "ARGO_TEMPLATE": "{}",
    }
    for one in body.get("env") or []:
        environment[one["name"]] = _value(one, secrets)
    return environment


def _value(variable: Json, secrets: Mapping[str, str]) -> str:
    reference = (variable.get("valueFrom") or {}).get("secretKeyRef")
    if not reference:
        return str(variable.get("value", ""))
    for name in (f"{reference['name']}.{reference['key']}", reference["key"]):
        if name in secrets:
            return secrets[name]
    if reference.get("optional"):
        return ""
    raise SecretMissing(
        f"secret {reference['name']}.{reference['key']} is not in this project: an admin adds it under Settings, Secrets"
    )


def make_container(place: Place, work: Json, root: Path, secrets: Mapping[str, str]) -> Container:
    """Lays out a pod's folder: its inputs, script and token; returns what is to be run.

    Raises:
        OutputMissing, SecretMissing: an input is not to be had; ImageUnknown: nothing stands for its image.
    """
    body = work.get("script") or work["container"]
    image = find_image(str(body.get("image") or "busybox"))
    command = [*map(str, body.get("command") or []), *map(str, body.get("args") or [])]
    files = {}
    if "script" in work:
        command = [*command, SCRIPT] if command else ["sh", SCRIPT]
        files[SCRIPT] = str(work["script"].get("source") or "")
    if body.get("command") and image.entrypoint:
        image = replace(image, entrypoint=())
    data = place.home.data(place.workflow.namespace)
    timeout = work.get("activeDeadlineSeconds") or work.get("timeout")
    container = Container(
        place.folder(work["pod"]),
        "main",
        root,
        command,
        _environment(body, place, secrets),
        image,
        str(body.get("workingDir") or "/"),
        (Mount(data, str(data)), Mount(place.token_file, TOKEN, writable=False)),
        Limits(quantity_seconds(timeout) if timeout else None, memory_limit_bytes(work)),
        bool(work.get("wantsResult")),
        files,
    )
    _lay_out(container, place, work)
    return container


def wants_secrets(work: Json) -> bool:
    """Whether the pod asks for secrets of its project."""
    body = work.get("script") or work.get("container") or {}
    return any("secretKeyRef" in (one.get("valueFrom") or {}) for one in body.get("env") or [])


def _lay_out(container: Container, place: Place, work: Json) -> None:
    root = container.root
    inside(root, container.workdir).mkdir(parents=True, exist_ok=True)
    for artifact in (work.get("inputs") or {}).get("artifacts") or []:
        if artifact.get("path"):
            put_artifact(root, place.artifacts, artifact)
    for mount in (work.get("container") or work.get("script") or {}).get("volumeMounts") or []:
        inside(root, str(mount["mountPath"])).mkdir(parents=True, exist_ok=True)
    for artifact in (work.get("outputs") or {}).get("artifacts") or []:
        if artifact.get("path"):
            (root / artifact["path"].lstrip("/")).parent.mkdir(parents=True, exist_ok=True)


def _keep_log(place: Place, pod: str) -> Json:
    """The step's log as the artifact `main-logs`, by a second name of the same file."""
    source, key = place.folder(pod) / "main.log", f"{place.key(pod)}/main.log"
    target = place.artifacts / key
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.hardlink_to(source)
    return {"name": "main-logs", "s3": {"key": key}}


def collect(place: Place, work: Json, end: Json) -> tuple[str, str, Json]:
    """Phase, message and outputs of a pod whose container ended like `end`."""
    folder, root, exit_code = place.folder(work["pod"]), Path(end["root"]), int(end["code"])
    outputs: Json = {"exitCode": str(exit_code)}
    wanted = work.get("outputs") or {}
    phase, message = ("Succeeded", "") if exit_code == 0 else ("Failed", f"main: Error (exit code {exit_code})")
    try:
        parameters = [take_parameter(root, one) for one in wanted.get("parameters") or []]
        kept = [
            take_artifact(root, place.artifacts, place.key(work["pod"]), one) for one in wanted.get("artifacts") or []
        ]
    except (OutputMissing, OSError) as error:
        if exit_code == 0:
            phase, message = "Error", f"Error (exit code 64): {error}"
        parameters, kept = [], []
    if end["printed"]:
        kept.append(_keep_log(place, work["pod"]))
    stdout = folder / "main.out"
    if work.get("wantsResult") and stdout.exists():
        with stdout.open(errors="replace") as file:
            outputs["result"] = file.read(LONGEST_RESULT).removesuffix("\n")
    if parameters:
        outputs["parameters"] = parameters
    if artifacts := [one for one in kept if one]:
        outputs["artifacts"] = artifacts
    return phase, message, outputs
