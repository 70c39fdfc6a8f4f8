"""Helpers: small programs of ours that act for a pod inside its own walls, with the pod's rights and reach, and never the server's."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workflows.engine.images import RUNTIME
from workflows.engine.sandbox import Mount
from workflows.engine.state import Json
from workflows.engine.volumes import inside

if TYPE_CHECKING:
    from workflows.engine.pods import Pod

TASK = "/argo/staging/task"
ANSWER = "/tmp/answer.json"  # noqa: S108  in the helper's own root
BEGIN = f"""
import json
task = json.load(open({TASK!r}))
def answer(**found):
    json.dump(found, open({ANSWER!r}, "w"))
"""
LONGEST_ANSWER_BYTES = 2 << 20


class HelperFailed(ValueError):
    """A helper ended without an answer."""


@dataclass(frozen=True)
class Helper:
    """`task` gives what the program is to do, secrets included: it reads it from a file that no other process sees."""

    program: str
    task: Callable[["Pod"], Json]
    mounts: tuple[Mount, ...] = ()

    def body(self, name: str) -> Json:
        """The container that runs the program, in the platform's own Python environment."""
        return {"name": name, "image": f"{RUNTIME}:1", "command": ["python", "-c", BEGIN + self.program]}

    def files(self, pod: "Pod") -> dict[str, str]:
        """Its task, by the path at which it reads it. Raises what `task` raises."""
        return {TASK: json.dumps(self.task(pod))}


def answer_of(root: str) -> Json:
    """What a helper left in its root. Raises `HelperFailed`."""
    path = inside(Path(root), ANSWER) if root else None
    if path is None or path.is_symlink() or not path.is_file() or path.stat().st_size > LONGEST_ANSWER_BYTES:
        raise HelperFailed("the helper ended without an answer")
    found = json.loads(path.read_bytes())
    return found if isinstance(found, dict) else {}
