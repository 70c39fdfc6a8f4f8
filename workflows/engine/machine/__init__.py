"""The state machine: from what is, and what happened, to what comes next. No clock of its own."""

from workflows.engine.machine.calls import Effects
from workflows.engine.machine.core import advance, begin_pod, finish_pod, mark_container
from workflows.engine.machine.throttle import Throttle
from workflows.engine.machine.world import ConfigMaps, World

__all__ = ["ConfigMaps", "Effects", "Throttle", "World", "advance", "begin_pod", "finish_pod", "mark_container"]
