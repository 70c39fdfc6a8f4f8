"""Lines that pods wrote, kept or live."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator

from workflows.engine.pods import Place
from workflows.engine.runner import Runner
from workflows.engine.state import FULFILLED, Json, Workflow, pod_name

POLL_SECONDS = 0.1
LONGEST_LINE = 64 * 1024


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


class _Tail:
    """Reads a growing file by whole lines."""

    def __init__(self, place: Place, pod: str) -> None:
        self.path, self.pod, self.offset = place.folder(pod) / "main.log", pod, 0

    def lines(self, ended: bool) -> Iterator[Json]:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self.offset)
            for line in file:
                if not line.endswith(b"\n") and not ended:
                    break
                self.offset += len(line)
                yield {"content": line[:LONGEST_LINE].decode(errors="replace").rstrip("\n"), "podName": self.pod}


async def stream_logs(
    runner: Runner, place: Place, pod: str, follow: bool, grep: str, tail: int
) -> AsyncIterator[Json]:
    """The lines of a workflow's pods, `{content, podName}` each; `follow` goes on until the workflow has ended.

    `grep` is a regular expression that lines must hold; `tail` keeps the last that many of each pod, 0 all.
    """
    wanted = re.compile(grep) if grep else None
    tails: dict[str, _Tail] = {}
    uid = place.workflow.uid
    while True:
        workflow = runner.live.get(uid)
        over = workflow is None
        now = workflow or runner.store.by_uid(uid) or place.workflow
        for name, node in pods_of(now, pod):
            reader = tails.setdefault(name, _Tail(place, name))
            lines = list(reader.lines(over or node["phase"] in FULFILLED))
            for line in lines[-tail:] if tail else lines:
                if wanted is None or wanted.search(line["content"]):
                    yield line
        if (
            over
            or not follow
            or (
                pod
                and now.nodes
                and all(node["phase"] in FULFILLED for _, node in pods_of(now, pod))
                and pods_of(now, pod)
            )
        ):
            return
        await asyncio.sleep(POLL_SECONDS)
