"""Lines that pods wrote, kept or live."""

import asyncio
import os
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from workflows.engine.expressions.patterns import matches
from workflows.engine.pods import MAIN, Place
from workflows.engine.runner import Runner
from workflows.engine.state import FULFILLED, Json, Workflow, pod_name

POLL_SECONDS = 0.1
LONGEST_LINE = 64 * 1024
CHUNK_LINES = 1000
BLOCK_BYTES = 64 * 1024


@dataclass(frozen=True)
class Asked:
    """What of the logs is wanted: `grep` a regular expression, `tail` the last lines of each container, `since` a moment."""

    follow: bool = False
    grep: str = ""
    tail: int | None = None
    container: str = MAIN
    timestamps: bool = False
    since: datetime | None = None


def pods_of(workflow: Workflow, pod: str) -> list[tuple[str, Json]]:
    """Names and nodes of the workflow's pods in order of their start; only `pod` where it is given."""
    found = []
    for node in workflow.nodes.values():
        if node["type"] == "Pod":
            template = node.get("templateName") or (node.get("templateRef") or {}).get("template", "")
            name = pod_name(workflow.name, template, node["name"])
            if pod in ("", name, node["id"]):
                found.append((name, node))
    return sorted(found, key=lambda pair: pair[1]["startedAt"])


def _containers(workflow: Workflow, node: Json, asked: str) -> list[str]:
    """Names of the pod's containers whose lines are wanted: the one asked for, or those of a set in place of a main one."""
    children = [workflow.nodes[one] for one in node.get("children") or [] if one in workflow.nodes]
    if asked not in ("", MAIN) or not any(one["type"] == "Container" for one in children):
        return [asked or MAIN]
    start = f"{node['name']}."
    inside = (one for one in workflow.nodes.values() if one["type"] == "Container" and one["name"].startswith(start))
    return [one["name"].removeprefix(start) for one in inside]


class _Tail:
    """Reads a growing file by whole lines."""

    def __init__(self, folder: Path, pod: str, container: str, asked: Asked, began: str) -> None:
        self.path, self.times = folder / f"{container}.log", folder / f"{container}.times"
        self.pod, self.asked, self.offset = pod, asked, 0
        self.began = datetime.fromisoformat(began).timestamp()
        self.fresh = True
        self.dated = asked.timestamps or asked.since is not None

    def lines(self, ended: bool) -> Iterator[Json]:
        """What came since the last time."""
        if not self.path.exists():
            return
        marks = self._marks() if self.dated else []
        with self.path.open("rb") as file:
            if self.fresh and self.asked.tail is not None:
                self.offset = _last_lines(file, self.asked.tail)
            self.fresh = False
            file.seek(self.offset)
            for line in iter(partial(file.readline, LONGEST_LINE), b""):  # a longer one comes in pieces
                if not line.endswith(b"\n") and len(line) < LONGEST_LINE and not ended:
                    break
                moment = self._moment(marks) if self.dated else 0.0
                self.offset += len(line)
                if self.asked.since and moment < self.asked.since.timestamp():
                    continue
                text = line.decode(errors="replace").rstrip("\n")
                yield {"content": f"{_written(moment)} {text}" if self.asked.timestamps else text, "podName": self.pod}

    def _marks(self) -> list[tuple[int, float]]:
        """Offsets and moments of what came later than half a second after the start, as the keeper noted them."""
        try:
            pairs = (line.split() for line in self.times.read_text().splitlines())
            return [(int(offset), float(moment)) for offset, moment in pairs]
        except (FileNotFoundError, ValueError):
            return []

    def _moment(self, marks: list[tuple[int, float]]) -> float:
        place = bisect_right(marks, (self.offset, float("inf")))
        return marks[place - 1][1] if place else self.began


def _last_lines(file: BinaryIO, count: int) -> int:
    """Where the last `count` lines of a file begin."""
    place = file.seek(0, os.SEEK_END)
    if count == 0:
        return place
    found = -1 if place and _at(file, place - 1, 1) == b"\n" else 0
    while place > 0:
        start = max(0, place - BLOCK_BYTES)
        block = _at(file, start, place - start)
        while (cut := block.rfind(b"\n")) >= 0:
            found += 1
            if found == count:
                return start + cut + 1
            block = block[:cut]
        place = start
    return 0


def _at(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place)
    return file.read(size)


def _written(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


async def stream_logs(runner: Runner, place: Place, pod: str, asked: Asked) -> AsyncIterator[Json]:
    """The lines of a workflow's pods, `{content, podName}` each; with `follow` until the workflow, or the pod, has ended.

    Raises `ExpressionInvalid` where the pattern is none, or takes more than a second on a line.
    """
    tails: dict[tuple[str, str], _Tail] = {}
    uid = place.workflow.uid
    while True:
        workflow = runner.live.get(uid)
        over = workflow is None
        now = workflow or runner.store.by_uid(uid) or place.workflow
        pods = pods_of(now, pod)
        for name, node in pods:
            for container in _containers(now, node, asked.container):
                reader = tails.get((name, container)) or _Tail(
                    place.folder(name), name, container, asked, node["startedAt"]
                )
                tails[name, container] = reader
                for number, line in enumerate(reader.lines(over or node["phase"] in FULFILLED), 1):
                    if not asked.grep or matches(asked.grep, line["content"]):
                        yield line
                    if number % CHUNK_LINES == 0:  # others have their turn
                        await asyncio.sleep(0)
        if over or not asked.follow or (pod and pods and all(node["phase"] in FULFILLED for _, node in pods)):
            return
        await asyncio.sleep(POLL_SECONDS)
