"""Memoization: outputs of templates kept in config maps, under the label and in the form of Argo's."""

import json
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from workflows.engine.durations import seconds_in
from workflows.engine.machine.arguments import ArgumentsInvalid
from workflows.engine.machine.world import TYPE_LABEL
from workflows.engine.state import ERROR, SUCCEEDED, Json, stamp

if TYPE_CHECKING:
    from workflows.engine.machine.core import Machine

KEY = re.compile(r"^[a-zA-Z0-9][-a-zA-Z0-9]*$")


def _checked(found: Json) -> Json:
    label = (found.get("metadata", {}).get("labels") or {}).get(TYPE_LABEL)
    if label is None:
        raise ArgumentsInvalid(f"memoization configmap doesn't have {TYPE_LABEL} label, refusing to use it")
    if label != "Cache":
        raise ArgumentsInvalid(f"memoization configmap doesn't have label {TYPE_LABEL} = Cache, refusing to use it")
    return found


def look_up(machine: "Machine", memoize: Json) -> tuple[Json, Json | None]:
    """The node's memoizationStatus, and the outputs where there was a hit. Raises `ArgumentsInvalid`."""
    key, name = str(memoize["key"]), str(memoize["cache"]["configMap"]["name"])
    if not KEY.match(key):
        raise ArgumentsInvalid(f"invalid cache key: {key}")
    found = machine.world.config_maps.config_map(machine.wf.namespace, name)
    text = (_checked(found).get("data") or {}).get(key) if found else None
    entry: Json = _parsed(text) if text else {}
    oldest = _oldest(machine, memoize.get("maxAge"))
    hit = bool(entry.get("nodeID")) and (not oldest or datetime.fromisoformat(entry["creationTimestamp"]) >= oldest)
    if found and entry:
        entry["lastHitTimestamp"] = stamp(machine.now)
        _put(machine, found, key, entry)
    status = {"hit": hit, "key": key, "cacheName": name}
    return status, (entry.get("outputs") or {}) if hit else None


def _parsed(text: str) -> Json:
    try:
        found: Json = json.loads(text)
    except ValueError as error:
        raise ArgumentsInvalid(f"malformed cache entry: could not unmarshal JSON; unable to parse: {error}") from error
    return found


def _oldest(machine: "Machine", longest: str | None) -> datetime | None:
    """The moment since when an entry must have been made."""
    if not longest:
        return None
    try:
        return machine.now - timedelta(seconds=seconds_in(longest))
    except ValueError as error:
        raise ArgumentsInvalid(f"invalid maxAge: {error}") from error


def _put(machine: "Machine", found: Json, key: str, entry: Json) -> None:
    data = {**(found.get("data") or {}), key: json.dumps(entry)}
    machine.world.config_maps.put_config_map(machine.wf.namespace, {**found, "data": data})


def save(machine: "Machine", node: Json) -> None:
    """Keeps what a node gave, where its template is memoized and was not found; a cache that is refused makes it an error."""
    status = node.get("memoizationStatus")
    if not status or status["hit"] or node["phase"] != SUCCEEDED:
        return
    name = status["cacheName"]
    fresh = {"metadata": {"name": name, "labels": {TYPE_LABEL: "Cache"}}, "data": {}}
    found = machine.world.config_maps.config_map(machine.wf.namespace, name)
    now = stamp(machine.now)
    outputs = (
        None if node["type"] == "Steps" else node.get("outputs")
    )  # of steps Argo keeps that they went well, not what they gave
    entry = {"nodeID": node["id"], "outputs": outputs, "creationTimestamp": now, "lastHitTimestamp": now}
    try:
        _put(machine, _checked(found) if found else fresh, status["key"], entry)
    except ArgumentsInvalid:
        machine.graph.change(node, phase=ERROR)
