"""Cron workflows: what each slot runs, and who sees to it that it runs once."""

from workflows.engine.cron.documents import checked, schedules_of, slot_workflow
from workflows.engine.cron.scheduler import CronScheduler

__all__ = ["CronScheduler", "checked", "schedules_of", "slot_workflow"]
