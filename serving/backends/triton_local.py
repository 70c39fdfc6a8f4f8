"""The model server on one machine: the Triton that the supervisor runs, over its Unix socket."""

import json
import shutil
from typing import Any

import httpx

from atrium.errors import Unavailable
from atrium.identity import platform_actor
from atrium.rpc import client, reaching
from serving.backends.protocol import Counters, Probe
from serving.models import ModelServerFailed, RowsRefused
from serving.repository import ModelFiles, write_model
from serving.triton.launch import models_folder

LOAD_SECONDS = 60
TRIAL = "--trial"  # the front door lets nobody ask a name with two pairs of dashes


class TritonLocal:
    """Writes Triton's repository and tells it to load."""

    def _ask(self, method: str, path: str, body: object = None, seconds: float = 10) -> httpx.Response:
        with reaching("triton-http"), client("triton-http", platform_actor("serving"), seconds) as http:
            content = None if body is None else json.dumps(body)  # NaN, a missing number, stays as Triton takes it
            return http.request(method, f"/v2/{path}", content=content)

    def put(self, name: str, version: int, files: ModelFiles, probe: Probe) -> None:
        """Tries the version under another name first; then Triton loads it in one stroke in place of the other."""
        trial = name + TRIAL
        try:
            write_model(models_folder(), trial, version, files)
            self._load(trial, version)
            probe(trial)
        finally:
            self.remove(trial)
        self._replace(name, version, files)

    def _load(self, name: str, version: int) -> None:
        response = self._ask("POST", f"repository/models/{name}/load", {}, LOAD_SECONDS)
        if not response.is_success:
            raise ModelServerFailed(
                f"model {name.removesuffix(TRIAL)!r} version {version}", f"Triton said: {_said(response)}", "see logs/triton.log"
            )  # fmt: skip

    def _replace(self, name: str, version: int, files: ModelFiles) -> None:
        target, kept = models_folder() / name, models_folder() / f".{name}.kept"
        shutil.rmtree(kept, ignore_errors=True)
        if target.exists():
            shutil.copytree(target, kept)
        write_model(models_folder(), name, version, files)
        try:
            self._load(name, version)
        except Unavailable:
            shutil.rmtree(target, ignore_errors=True)
            if kept.exists():
                kept.rename(target)
                self._ask("POST", f"repository/models/{name}/load", {}, LOAD_SECONDS)
            raise
        shutil.rmtree(kept, ignore_errors=True)

    def restore(self, name: str) -> bool:
        """Loads what the repository still holds."""
        if not (models_folder() / name).exists():
            return False
        return self._ask("POST", f"repository/models/{name}/load", {}, LOAD_SECONDS).is_success

    def remove(self, name: str) -> None:
        """Unloads the model and forgets its files."""
        self._ask("POST", f"repository/models/{name}/unload", {})
        shutil.rmtree(models_folder() / name, ignore_errors=True)

    def live_version(self, name: str) -> int | None:
        """The version that is ready."""
        response = self._ask("GET", f"models/{name}")
        if not response.is_success or not self._ask("GET", f"models/{name}/ready").is_success:
            return None
        return max((int(one) for one in response.json().get("versions", [])), default=None)

    def infer(self, name: str, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """Asks the model."""
        response = self._ask("POST", f"models/{name}/infer", {"inputs": inputs})
        if response.is_success:
            answer: dict[str, Any] = response.json()
            return answer
        if response.status_code == 400:
            asked, _, rest = _said(response).partition(": ")
            allowed, _, step = rest.partition(". Next: ")
            raise RowsRefused(
                asked, allowed or "the model takes other values", step.rstrip(".") or "change it and try again"
            )
        raise ModelServerFailed(f"model {name!r}", f"Triton said: {_said(response)}", "see logs/triton.log")

    def counters(self, name: str) -> Counters | None:
        """Triton's statistics of the model, all versions together."""
        response = self._ask("GET", f"models/{name}/stats")
        if not response.is_success:
            return None
        stats = response.json().get("model_stats", [])
        good = [one["inference_stats"]["success"] for one in stats]
        rows = sum(one.get("inference_count", 0) for one in stats)
        return Counters(sum(one["count"] for one in good), rows, sum(one["ns"] for one in good))


def _said(response: httpx.Response) -> str:
    try:
        return str(response.json().get("error", response.text))[:500]
    except ValueError:
        return response.text[:500]
