"""What goes into the machine's moves and what comes out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from workflows.engine.expressions import Value
from workflows.engine.state import Json

DEPTH_TEXT = "Maximum recursion depth exceeded. See https://argo-workflows.readthedocs.io/en/latest/scaling/#maximum-recursion-depth"


@dataclass(frozen=True)
class Effects:
    """What the runner must do once the changes are on disk.

    `start`: run these pods' nodes; `end`: end the processes of these nodes, which count as ended already; `wake_at`: look again
    at the earliest of these; `wake`: look at these other workflows (`namespace/name`), which waited for a lock that is free now.
    """

    start: list[str] = field(default_factory=list)
    end: list[str] = field(default_factory=list)
    wake_at: list[datetime] = field(default_factory=list)
    wake: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Call:
    """One use of a template: where it stands in the tree and what it gets.

    `parent` is the id of the node whose frame makes the call, `boundary` that of the template around, `scope` where names of
    templates are looked up, `flag` Argo's nodeFlag, `known` the names that only this call knows.
    """

    reference: Json
    arguments: Json
    name: str
    boundary: str | None
    scope: str
    parent: str | None = None
    depth: int = 0
    exiting: bool = False
    flag: Json | None = None
    known: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """A call with its template found and filled: what is to be run, with what, and the names that it knows."""

    call: Call
    template: Json
    scope: str
    inputs: Json
    names: Mapping[str, Value]


class CallFailed(Exception):
    """A template could not be used; its node, where one was made, says so. `timeout` and `depth` are told apart by callers."""

    def __init__(self, message: str, node: Json | None, kind: str = "") -> None:
        super().__init__(message)
        self.node, self.kind = node, kind
