"""What a person does to a workflow: suspend, resume, set, stop, terminate, retry, resubmit, update."""

from workflows.engine.control.errors import NotPossible
from workflows.engine.control.resubmitting import resubmitted
from workflows.engine.control.retrying import retry
from workflows.engine.control.stopping import shut_down
from workflows.engine.control.suspending import Change, resume, set_nodes, suspend
from workflows.engine.control.updating import update

__all__ = ["Change", "NotPossible", "resubmitted", "resume", "retry", "set_nodes", "shut_down", "suspend", "update"]
