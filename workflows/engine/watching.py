"""Who watches workflows, and what each has not been told yet: a workflow stands there once, however often it changed."""

import asyncio
from dataclasses import dataclass, field

from workflows.engine.state import Json, Workflow

ADDED, MODIFIED, DELETED = "ADDED", "MODIFIED", "DELETED"


@dataclass(eq=False)
class Watcher:
    """One client's view of a namespace (or, for None, of all); bounded by the number of workflows, not of changes."""

    namespace: str | None
    pending: dict[str, Json | None] = field(default_factory=dict)
    something: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, workflow: Workflow, deleted: bool = False) -> None:
        """Notes that a workflow changed, or is gone; of one that is gone the last document is kept, without nodes."""
        if self.namespace in (None, workflow.namespace):
            self.pending[workflow.uid] = workflow.document if deleted else None
            self.something.set()

    async def next(self) -> tuple[str, Json | None]:
        """Uid of the next workflow that changed, and its last document where it is gone."""
        while not self.pending:
            self.something.clear()
            await self.something.wait()
        uid = next(iter(self.pending))
        return uid, self.pending.pop(uid)
