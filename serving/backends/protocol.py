"""The seam between a service and what serves it."""

from dataclasses import dataclass
from typing import Any, Protocol

from serving.repository import ModelFiles


@dataclass(frozen=True)
class Counters:
    """Since the model server started: requests answered well and badly, rows, nanoseconds of the good ones."""

    succeeded: int
    failed: int
    rows: int
    total_nanoseconds: int


class ModelServer(Protocol):
    """Puts models in place and answers with them."""

    def put(self, name: str, version: int, files: ModelFiles) -> None:
        """Serves this version in place of another; the other serves on where this fails. Raises `ModelServerFailed`."""

    def remove(self, name: str) -> None:
        """Serves the model no more; nothing happens where it is not there."""

    def live_version(self, name: str) -> int | None:
        """The version that answers now, or None."""

    def infer(self, name: str, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """KServe v2's answer to v2's inputs. Raises `RowsRefused` with the model's own words, `ModelServerFailed`."""

    def counters(self, name: str) -> Counters | None:
        """What it answered since its start, or None where it does not serve the model."""
