"""What goes into the machine's moves and what comes out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from workflows.engine.expressions import Value
from workflows.engine.state import Json


@dataclass(frozen=True)
class Effects:
    """What the runner must do: start these pods' nodes, and look again at the earliest of `wake_at`."""

    start: list[str] = field(default_factory=list)
    wake_at: list[datetime] = field(default_factory=list)


@dataclass(frozen=True)
class Call:
    """One use of a template: where it stands in the tree and what it gets."""

    reference: Json
    arguments: Json
    name: str
    display: str
    boundary: str | None
    scope: str
    depth: int = 0
    extra: Mapping[str, Value] = field(default_factory=dict)
