"""What Argo refuses, in the order and with the words in which it does: the rules of its `workflow/validate`, version 3.7."""

from workflows.engine.validate.errors import WorkflowInvalid
from workflows.engine.validate.templates import Lookup
from workflows.engine.validate.workflow import check_cron, check_template, check_workflow

__all__ = ["Lookup", "WorkflowInvalid", "check_cron", "check_template", "check_workflow"]
