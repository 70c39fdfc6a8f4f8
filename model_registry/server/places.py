"""Places that a client's request names: files are reached through the project's own runs and models, never by an address of choice.

MLflow takes an artifact location for an experiment and a source for a model version. The server would later read there for whoever
asks, so a place outside the project's own artifacts would lend its eyes.
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from atrium.errors import Forbidden

NAMED = re.compile(r"workspaces/+([^/?#\s\"']+)", re.IGNORECASE)
OWN = ("mlflow-artifacts:", "runs:/", "models:/")
PLACES = frozenset({"source", "artifact_location", "artifact_uri", "mlflow.artifactLocation"})
MOST_DECODED = 3


class PlaceRefused(Forbidden):
    """A request names files that are not the project's own."""


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a JSON value, with the key that it stands under (a tag's own key for its value)."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        tag = str(value["key"]) if isinstance(value.get("key"), str) else ""
        for name, one in value.items():
            yield from _texts(one, tag if name == "value" and tag else str(name))
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, key)


def _decoded(text: str) -> str:
    for _ in range(MOST_DECODED):
        text = unquote(text)
    return text


def check_places(project: str, body: bytes) -> None:
    """Passes if a JSON body names no files but the project's own. Raises `PlaceRefused`.

    The check is of the request's own top level (and of tags) for addresses, and of every text for other projects' artifacts.
    """
    try:
        said = json.loads(body) if body else {}
    except ValueError:
        return  # MLflow refuses it itself
    for key, text in _texts(said):
        plain = _decoded(text)
        others = [found for found in NAMED.findall(plain) if found != project]
        if others and "artifacts" in plain:
            raise PlaceRefused(
                f"{key} {text[:200]!r}",
                f"files of project {project!r} alone are in reach",
                "log the files to a run of it",
            )
    for key, text in _top(said):
        if key in PLACES and text and not _decoded(text).startswith(OWN):
            raise PlaceRefused(
                f"{key} {text[:200]!r}", f"the server reads no address that a client names; it begins with {', '.join(OWN)}",
                "log the files to a run, and name them by runs:/<run id>/<path>",
            )  # fmt: skip


def _top(said: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(said, dict):
        return
    yield from ((str(key), value) for key, value in said.items() if isinstance(value, str))
    if isinstance(said.get("key"), str) and isinstance(said.get("value"), str):
        yield said["key"], said["value"]
    for tags in (
        said.get("tags"),
        (said.get("trace") or {}).get("tags") if isinstance(said.get("trace"), dict) else None,
    ):
        if isinstance(tags, dict):
            yield from ((str(key), str(value)) for key, value in tags.items())
        elif isinstance(tags, list):
            yield from ((str(one.get("key")), str(one.get("value"))) for one in tags if isinstance(one, dict))
