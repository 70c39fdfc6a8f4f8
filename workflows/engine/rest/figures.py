"""The workflow server's own metrics, under Argo's names, in Prometheus' text format; for the platform's administrator."""

from prometheus_client import Metric
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from atrium.identity import Verb
from atrium.metrics import CONTENT_TYPE, gauge, written
from workflows.engine.rest.desk import Desk
from workflows.engine.runner import Runner
from workflows.engine.state import PENDING, RUNNING


def families(runner: Runner) -> list[Metric]:
    """Live workflows and their pods by phase, and how many steps run at once."""
    workflows = gauge("argo_workflows_gauge", "Workflows that are live, by phase.")
    pods = gauge("argo_workflows_pods_gauge", "Pods of live workflows, by phase.")
    slots = gauge("atrium_step_slots", "Steps that the workflow server runs at once.")
    live = list(runner.live.values())
    for phase in (PENDING, RUNNING):
        workflows.add_sample(workflows.name, {"phase": phase}, sum(one.phase == phase for one in live))
        pods.add_sample(pods.name, {"phase": phase}, sum(1 for one in live for _ in one.pods(phase)))
    slots.add_sample(slots.name, {}, runner.slot_count)
    return [workflows, pods, slots]


class FiguresRoutes:
    """`/metrics`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def metrics(self, request: Request) -> Response:
        """GET /metrics."""
        self.desk.who(request, Verb.ADMINISTER, None)
        return PlainTextResponse(written(families(self.desk.runner)), headers={"content-type": CONTENT_TYPE})

    def routes(self) -> list[Route]:
        """The path that Prometheus expects."""
        return [Route("/metrics", self.metrics)]
