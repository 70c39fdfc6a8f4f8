"""The seam between a service and what serves it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from serving.repository import ModelFiles

Probe = Callable[[str], None]


@dataclass(frozen=True)
class Counters:
    """Since the model server started: requests answered, their rows and nanoseconds."""

    succeeded: int
    rows: int
    total_nanoseconds: int


class ModelServer(Protocol):
    """Puts models in place and answers with them."""

    def put(self, name: str, version: int, files: ModelFiles, probe: Probe) -> None:
        """Serves this version in place of another, once `probe` passed with the name of a trial of it.

        Whoever asks `name` meanwhile gets the version before, which also serves on where this fails.
        Raises `ModelServerFailed` where it does not load, and what the probe raises.
        """

    def restore(self, name: str) -> bool:
        """Serves what was put last, after a restart of the model server; whether there was something to serve."""

    def remove(self, name: str) -> None:
        """Serves the model no more; nothing happens where it is not there."""

    def live_version(self, name: str) -> int | None:
        """The version that answers now, or None."""

    def infer(self, name: str, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """KServe v2's answer to v2's inputs. Raises `RowsRefused` with the model's own words, `ModelServerFailed`."""

    def counters(self, name: str) -> Counters | None:
        """What it answered since its start, or None where it does not serve the model."""
