"""Why a run failed, or what it waits for."""

import re

import workflows
from atrium.errors import AtriumError
from atrium.identity import Actor
from atrium.metrics import MetricsUnavailable, Query, sampler
from monitoring.models import Evidence, Said, Step, Why
from monitoring.why.pods import said_pod, step_of
from workflows import RunReasons, RunView, Wait

LINES = 15
ONLY_CODE = re.compile(r"(main: )?Error \(exit code \d+\)")  # a message that says nothing but the code
BAD = ("Failed", "Error")
EXIT_CODES = {
    "137": Said("Exit code 137: it ran out of memory, or was killed"),
    "143": Said("Exit code 143: it was asked to end"),
    "127": Said("Exit code 127: its command was not found in the image"),
}


def why_run(who: Actor, project: str, name: str) -> Why:
    """The first failed step with its message, exit code and last lines; or what the run waits for."""
    found = workflows.run_reasons(who, project, name)
    evidence = [Evidence(Said("Run by {owner}", {"owner": found.run.owner or "–"}))]  # fmt: skip
    evidence += _where(found.run)
    if found.run.state == "Stopped":
        return Why(f"run/{name}", found.run.state, Said("Somebody ended it"), [*evidence, Evidence(Said("The run's own message"), found.run.message)],
                   [Step(Said("Retry it: what succeeded stays"), page=f"pipelines?project={project}&run={name}&ask=retry")], fine=True)  # fmt: skip
    if found.run.phase in BAD or (found.failed and found.run.phase != "Succeeded"):
        return _failed(who, project, found, evidence)
    if found.run.finished_at:
        return Why(f"run/{name}", found.run.phase, Said("Nothing failed: the run succeeded"), evidence, [], fine=True)
    return _waiting(found, evidence)


def _where(run: RunView) -> list[Evidence]:
    """On which cluster it runs, and whether that still answers."""
    if not run.cluster:
        return []
    heard = f"{run.heard_at:%Y-%m-%d %H:%M:%S} UTC" if run.heard_at else "–"
    values = {"cluster": run.cluster, "heard": heard}
    if run.problem:
        return [Evidence(Said("Cluster {cluster} was last heard at {heard}", values), run.problem)]
    return [Evidence(Said("It runs on the cluster {cluster}", values))]


def _failed(who: Actor, project: str, found: RunReasons, evidence: list[Evidence]) -> Why:
    run, node = found.run, found.failed
    if run.message and not workflows.passed_on(run):
        evidence.append(Evidence(Said("The run's own message"), run.message))
    if node is None:
        because = Said("The run ended {phase} before a step failed", {"phase": run.phase})
        return Why(
            f"run/{run.name}", run.phase, because, evidence, [Step(Said("Check the manifest"), page="pipelines")]
        )
    values = {"step": node.name, "phase": node.phase, "code": found.exit_code}
    coded, plain = (
        Said("Step {step} ended {phase} with exit code {code}", values),
        Said("Step {step} ended {phase}", values),
    )
    because = coded if found.exit_code else plain
    if node.message and not ONLY_CODE.fullmatch(node.message):
        evidence.append(Evidence(Said("The step's message"), node.message))
    pods = [one for one in found.pods if one.step == node.name]
    if pods:
        because = said_pod(pods[0]).said
        evidence += [said_pod(one) for one in pods]
    if found.exit_code in EXIT_CODES:
        evidence.append(Evidence(EXIT_CODES[found.exit_code]))
    if node.pod:
        evidence += _last_lines(who, project, run.name, node.pod)
    others = [one for one in run.nodes if one.type == "Pod" and one.phase in BAD and one.id != node.id]
    if others:
        evidence.append(Evidence(Said("{n} more steps failed after it", {"n": len(others)})))
    mend = [step_of(one) for one in pods] or _advice(node.message)
    return Why(f"run/{run.name}", run.phase, because, evidence, [*mend, *_go_on(project, run.name, node.id)])


def _last_lines(who: Actor, project: str, run: str, pod: str) -> list[Evidence]:
    try:
        lines = [line for _, line in workflows.run_logs(who, project, run, pod, LINES)]
    except AtriumError as error:
        return [Evidence(Said("Its log could not be read"), str(error))]
    if not lines:
        return [Evidence(Said("The step wrote nothing"))]
    return [Evidence(Said("The last lines that it wrote"), "\n".join(lines[-LINES:]))]


def _advice(message: str) -> list[Step]:
    steps = []
    if "OOMKilled" in message:
        steps.append(Step(Said("Give the step more memory (resources.limits.memory) or less data")))
    if "deadline" in message:
        steps.append(Step(Said("Give the step more time (activeDeadlineSeconds), or find out what it waits for")))
    return steps


def _go_on(project: str, run: str, node: str) -> list[Step]:
    page = f"pipelines?project={project}&run={run}"
    return [
        Step(Said("See everything that it wrote"), f".venv/bin/atrium logs {run} --project {project}", f"{page}&node={node}#step"),
        Step(Said("Mend it, then retry: what succeeded stays"), page=f"{page}&ask=retry"),
    ]  # fmt: skip


def _slots() -> tuple[float, float] | None:
    """Steps that run in the whole platform, and how many may; None where it is not known."""
    try:
        running = sampler().at(Query("argo_workflows_pods_gauge", {"phase": "Running"}))
        most = sampler().at(Query("atrium_step_slots", together="max"))
    except MetricsUnavailable:
        return None
    return (running[0].value, most[0].value) if running and most else None


def _said_wait(wait: Wait) -> Evidence:
    values = {"step": wait.node, "detail": wait.detail, "holders": ", ".join(wait.holders) or "–"}
    if wait.kind == "lock":
        return Evidence(Said("It waits for the lock {detail}, held by {holders}", values))
    if wait.kind == "person":
        return Evidence(Said("Step {step} waits for somebody to resume it, or for its time", values))
    if wait.kind == "parallelism":
        return Evidence(Said("Its parallelism of {detail} is reached; these run: {holders}", values))
    if wait.kind == "retry":
        return Evidence(Said("Step {step} failed and waits before its next try", values), wait.detail)
    if wait.kind == "told":
        return Evidence(Said("Step {step} waits", values), wait.detail)
    slots = _slots()
    if slots and slots[0] >= slots[1]:
        counts = {"step": wait.node, "running": f"{slots[0]:.0f}", "most": f"{slots[1]:.0f}"}
        return Evidence(
            Said("Step {step} waits for a free slot: {running} of {most} steps of the platform run", counts)
        )
    return Evidence(Said("Step {step} waits to be started", values))


def _waiting(found: RunReasons, evidence: list[Evidence]) -> Why:
    run = found.run
    known = {one.step for one in found.pods}
    told = [said_pod(one) for one in found.pods]
    told += [_said_wait(wait) for wait in found.waits if wait.node not in known]
    for node in found.running:
        evidence.append(Evidence(Said("Step {step} runs since {since}", {"step": node.name, "since": node.started_at})))
    if not told and found.running:
        because = Said("It does not wait: {n} steps run", {"n": len(found.running)})
        return Why(f"run/{run.name}", run.phase, because, evidence, [], fine=True)
    because = told[0].said if told else Said("No step has begun yet")
    steps = [Step(Said("Raise the limit, or wait until another step ends"))] if told else []
    if found.pods:
        steps = list({step.said.text: step for step in map(step_of, found.pods)}.values())
    if any(wait.kind == "person" for wait in found.waits):
        steps = [Step(Said("Resume it"), page=f"pipelines?project={run.project}&run={run.name}&ask=resume")]
    if any(wait.kind == "lock" for wait in found.waits):
        steps = [Step(Said("Wait for its holder, or stop that run"))]
    if not told and not found.running and run.cluster:
        steps = [Step(Said("See whether the cluster answers"), f".venv/bin/atrium cluster check {run.cluster}")]
    elif not told and not found.running:
        steps = [Step(Said("See whether the workflow server runs"), ".venv/bin/atrium why component/argo")]
    return Why(f"run/{run.name}", run.phase, because, [*told[1:], *evidence], steps)
