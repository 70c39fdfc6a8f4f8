"""Argo's fields one by one, on the state machine alone: what each does, and in which words it is told."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from workflows.engine.labels import VALUE_RULE
from workflows.engine.machine import World, advance, begin_pod, finish_pod
from workflows.engine.state import Workflow

START = datetime(2026, 1, 1, tzinfo=UTC)
POD = {"container": {"image": "busybox", "command": ["true"]}}
FAILED_HOOK = {"template": "work", "expression": 'steps.a.status == "Failed"'}
OK, NO = ("Succeeded", ""), ("Failed", "main: Error (exit code 1)")


class Maps(dict):
    """Config maps by name."""

    def config_map(self, namespace, name):
        return self.get(name)

    def put_config_map(self, namespace, document):
        self[document["metadata"]["name"]] = document


def made(spec, name="wf", created="2026-01-01T00:00:00Z", maps=None):
    metadata = {"name": name, "namespace": "flights", "uid": name, "creationTimestamp": created}
    return Workflow({"metadata": metadata, "spec": {"entrypoint": "main", **spec}, "status": {}})


def play(workflow, outcome=lambda name: OK, outputs=lambda name: {}, maps=None, until=None):
    """Runs to the end, pods in the order in which they are asked for; gives how many seconds it took."""
    world, moment = World.of(maps if maps is not None else Maps()), START
    for _ in range(500):
        effects = advance(workflow, moment, world)
        if workflow.done or (until and until(workflow)):
            return (moment - START).total_seconds()
        moment += timedelta(seconds=1)
        waiting = [
            node
            for node in workflow.pods("Pending", "Running")
            if node["id"] in workflow.work and not node.get("daemoned")
        ]
        if waiting:
            node = waiting[0]
            begin_pod(workflow, node["id"], moment)
            phase, message = outcome(node["displayName"])
            code = {"exitCode": "0" if phase == "Succeeded" else "1"}
            finish_pod(workflow, node["id"], phase, message, code | outputs(node["displayName"]), moment, world)
        elif effects.wake_at:
            moment = max(moment, min(effects.wake_at))
        else:
            raise AssertionError(shown(workflow))
    raise AssertionError("never ended")


def shown(workflow):
    """Phase, and message where there is one, by name."""
    return {
        node["name"]: f"{node['phase']}: {node['message']}" if node.get("message") else node["phase"]
        for node in workflow.nodes.values()
    }


def steps(*groups, **more):
    return {"name": "main", "steps": [list(group) for group in groups], **more}


def dag(*tasks, **more):
    return {"name": "main", "dag": {"tasks": list(tasks), **more}}


def use(name, template="work", **more):
    return {"name": name, "template": template, **more}


def work(name="work", **more):
    return {"name": name, **POD, **more}


# --- depends, continueOn, failFast ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depends", "bad", "phase"),
    [
        ("a", False, "Succeeded"),
        ("a", True, "Omitted"),
        ("a.Failed", True, "Succeeded"),
        ("a.Failed", False, "Omitted"),
        ("a.Succeeded || a.Failed", True, "Succeeded"),
        ("!a.Succeeded", True, "Succeeded"),
        ("a.Skipped || a.Errored || a.Daemoned || a.Omitted", False, "Omitted"),
        ("(a && b) || a.Failed", True, "Succeeded"),
    ],
)
def test_a_task_runs_when_what_it_depends_on_ended_so(depends, bad, phase):
    wf = made({"templates": [dag(use("a"), use("b"), use("c", depends=depends)), work()]})
    play(wf, lambda name: NO if bad and name == "a" else OK)
    assert wf.node("wf.c")["phase"] == phase


def test_any_and_all_of_a_loop_are_told_apart():
    tasks = [use("a", withItems=[1, 2]), use("any", depends="a.AnySucceeded"), use("all", depends="a.AllFailed")]
    wf = made({"templates": [dag(*tasks), work()]})
    play(wf, lambda name: NO if name == "a(0:1)" else OK)
    assert shown(wf)["wf.any"] == "Succeeded"
    assert shown(wf)["wf.all"] == "Omitted: omitted: depends condition not met"


def test_a_dag_that_continues_on_failed_succeeds_and_what_follows_runs():
    wf = made({"templates": [dag(use("a", continueOn={"failed": True}), use("b", dependencies=["a"])), work()]})
    play(wf, lambda name: NO if name == "a" else OK)
    assert (wf.phase, wf.node("wf.b")["phase"]) == ("Succeeded", "Succeeded")


def test_a_template_that_fails_fast_starts_nothing_more():
    wf = made({"templates": [steps([use("a", withItems=[1, 2, 3])], parallelism=1, failFast=True), work()]})
    play(wf, lambda name: NO)
    assert shown(wf)["wf"] == "Failed: template has failed or errored children and failFast enabled"
    assert "wf[0].a(1:2)" not in shown(wf)


# --- loops ----------------------------------------------------------------------------------------------------------------


def test_an_empty_list_is_one_skipped_node():
    wf = made({"templates": [steps([use("a", withParam="[]")]), work()]})
    play(wf)
    assert shown(wf)["wf[0].a"] == "Skipped: Skipped, empty params"
    assert wf.phase == "Succeeded"


def test_a_tasks_list_that_comes_out_as_an_empty_text_has_its_template_run_in_the_groups_own_node():
    given = {"arguments": {"parameters": [{"name": "p", "value": "{{item}}"}]}, "when": "1 == 2"}
    tasks = [use("a"), use("b", withParam="{{tasks.a.outputs.result}}", depends="a", **given), use("c", depends="b")]
    wf = made({"templates": [dag(*tasks), work(inputs={"parameters": [{"name": "p", "default": "d"}]})]})
    play(wf, outputs=lambda name: {"result": ""})
    group = wf.node("wf.b")
    assert (group["type"], group["phase"], group["outputs"]) == (
        "TaskGroup",
        "Succeeded",
        {"exitCode": "0", "result": ""},
    )
    assert "inputs" not in group
    assert group["children"] == [wf.node("wf.c")["id"]]
    assert wf.phase == "Succeeded"


def test_a_steps_list_that_comes_out_as_an_empty_text_is_as_none():
    later = use("c", arguments={"parameters": [{"name": "p", "value": "{{steps.b.outputs.result}}"}]})
    groups = [[use("a")], [use("b", withParam="{{steps.a.outputs.result}}")], [later]]
    wf = made({"templates": [steps(*groups), work(inputs={"parameters": [{"name": "p", "default": "d"}]})]})
    play(wf, outputs=lambda name: {"result": "" if name == "a" else "said"})
    assert (wf.node("wf[1].b")["type"], wf.node("wf[2].c")["inputs"]["parameters"][0]["value"]) == ("Pod", "said")


@pytest.mark.parametrize(
    ("shown_as", "told"),
    [
        ("os-{{inputs.parameters.p}}", "Succeeded"),
        (
            "no {{inputs.parameters.p}}",
            "Error: displayName must match the regex ^[a-zA-Z0-9][a-zA-Z0-9-.]{0,61}[a-zA-Z0-9]$",
        ),
    ],
)
def test_a_templates_annotation_gives_its_nodes_the_name_to_be_shown(shown_as, told):
    step = use("a", withItems=["x"], arguments={"parameters": [{"name": "p", "value": "{{item}}"}]})
    named = work(annotations={"workflows.argoproj.io/display-name": shown_as}, inputs={"parameters": [{"name": "p"}]})
    wf = made({"templates": [steps([step]), named]})
    play(wf)
    assert (wf.node("wf[0].a(0:x)")["displayName"], shown(wf)["wf[0].a(0:x)"]) == (
        "os-x" if told == "Succeeded" else "a(0:x)", told)  # fmt: skip


def test_what_an_item_lacks_is_told_before_anything_runs():
    step = use("a", withItems=[{"x": 1}], arguments={"parameters": [{"name": "p", "value": "{{item.y}}"}]})
    wf = made({"templates": [steps([step]), work(inputs={"parameters": [{"name": "p"}]})]})
    play(wf)
    assert shown(wf)["wf[0]"] == "Error: failed to resolve {{item.y}}"


def test_results_of_a_loop_are_a_list():
    check = use("b", arguments={"parameters": [{"name": "p", "value": "{{steps.a.outputs.result}}"}]})
    wf = made(
        {
            "templates": [
                steps([use("a", "plain", withItems=[1, 2])], [check]),
                work(inputs={"parameters": [{"name": "p"}]}),
                work("plain"),
            ]
        }
    )
    play(wf, outputs=lambda name: {"result": '{"n":1}' if name == "a(0:1)" else "7"})
    assert wf.node("wf[1].b")["inputs"]["parameters"] == [{"name": "p", "value": '[{"n":1},7]'}]


# --- hooks ----------------------------------------------------------------------------------------------------------------


def test_an_exit_hook_gets_what_its_step_gave():
    arguments = {"parameters": [{"name": "p", "value": "{{steps.a.outputs.parameters.out}}"}]}
    step = use("a", hooks={"exit": {"template": "bye", "arguments": arguments}})
    wf = made({"templates": [steps([step], [use("b")]), work(), work("bye", inputs={"parameters": [{"name": "p"}]})]})
    play(wf, outputs=lambda name: {"parameters": [{"name": "out", "value": "given"}]} if name == "a" else {})
    bye = wf.node("wf[0].a.onExit")
    assert bye["inputs"]["parameters"][0]["value"] == "given"
    assert bye["nodeFlag"] == {"hooked": True}
    assert bye["id"] in wf.node("wf[0].a")["children"]


def test_a_hook_runs_while_its_condition_holds_and_its_step_waits_for_it():
    hooks = {
        "running": {"template": "work", "expression": 'steps.a.status == "Running"'},
        "failed": FAILED_HOOK,
    }
    wf = made({"templates": [steps([use("a", hooks=hooks)]), work()]})
    world = World.of(Maps())
    (start,) = advance(wf, START, world).start
    assert begin_pod(wf, start, START) is True, "a condition may come true now"
    advance(wf, START, world)
    assert shown(wf)["wf[0].a.hooks.running"] == "Pending"
    assert "wf[0].a.hooks.failed" not in shown(wf)


def test_a_workflows_hooks_hang_on_its_root_and_its_exit_handler_comes_last():
    hooks = {
        "exit": {"template": "work"},
        "running": {"template": "work", "expression": 'workflow.status == "Running"'},
    }
    wf = made({"hooks": hooks, "templates": [steps([use("a")]), work()]})
    play(wf)
    assert {"wf.hooks.running", "wf.onExit"} <= set(shown(wf))
    assert wf.node("wf.hooks.running")["id"] in wf.node("wf")["children"]


def test_a_failed_exit_handler_fails_a_workflow_that_had_succeeded():
    wf = made({"onExit": "work", "templates": [steps([use("a")]), work()]})
    play(wf, lambda name: NO if name == "wf.onExit" else OK)
    assert (wf.phase, wf.status["message"]) == ("Failed", "main: Error (exit code 1)")


# --- retries --------------------------------------------------------------------------------------------------------------


def test_a_retry_waits_as_its_backoff_says_and_no_longer_than_its_cap():
    backoff = {"duration": "10", "factor": "3", "cap": "50s"}
    wf = made({"templates": [steps([use("a")]), work(retryStrategy={"limit": "3", "backoff": backoff})]})
    play(wf, lambda name: NO, until=lambda one: (one.node("wf[0].a") or {}).get("message"))
    assert shown(wf)["wf[0].a"] == "Running: Backoff for 10 seconds"
    assert play(wf, lambda name: NO) >= 10 + 30 + 50
    assert shown(wf)["wf[0].a"] == "Failed: No more retries left"


@pytest.mark.parametrize(
    ("strategy", "end", "tries", "message"),
    [
        ({"limit": 2}, ("Error", "lost"), 1, "lost"),
        ({"limit": 1, "retryPolicy": "OnError"}, ("Error", "lost"), 2, "No more retries left"),
        (
            {"limit": 5, "expression": "asInt(lastRetry.exitCode) > 1"},
            NO,
            1,
            "retryStrategy.expression evaluated to false",
        ),
        ({"limit": "1", "expression": "asInt(retries) < 3"}, NO, 2, "No more retries left"),
        (
            {"limit": 9, "backoff": {"duration": "60", "maxDuration": "30"}},
            NO,
            1,
            "Backoff would exceed max duration limit",
        ),
        ({"retryPolicy": "Sometimes"}, NO, 1, "Sometimes is not a valid RetryPolicy"),
    ],
)
def test_a_retry_ends_for_a_reason(strategy, end, tries, message):
    wf = made({"templates": [steps([use("a")]), work(retryStrategy=strategy)]})
    play(wf, lambda name: end)
    assert sum(1 for name in shown(wf) if name.startswith("wf[0].a(")) == tries
    assert shown(wf)["wf[0].a"].endswith(message)


def test_a_retried_steps_template_runs_all_its_steps_again():
    wf = made(
        {
            "templates": [
                steps([use("a", "inner")]),
                {"name": "inner", "steps": [[use("x")]], "retryStrategy": {"limit": 1}},
                work(),
            ]
        }
    )
    tries = []
    play(wf, lambda name: (tries.append(name) or NO) if len(tries) < 1 else OK)
    assert shown(wf)["wf[0].a(0)"].startswith("Failed")
    assert (shown(wf)["wf[0].a(1)[0].x"], wf.phase) == ("Succeeded", "Succeeded")


# --- locks ----------------------------------------------------------------------------------------------------------------


def two_with(synchronization, maps=None, **spec):
    """Two workflows of one server that want the same lock, the second more urgent."""
    maps = maps or Maps()
    world = World.of(maps)
    body = {"templates": [steps([use("a")]), work(synchronization=synchronization)]}
    first, second = made(body, "one"), made(body, "two", "2026-01-01T00:00:05Z")
    return world, first, second


def test_a_mutex_is_held_by_one_and_told_to_the_other():
    world, first, second = two_with({"mutexes": [{"name": "m"}]})
    (start,) = advance(first, START, world).start
    assert advance(second, START, world).start == []
    assert shown(second)["two[0].a"] == "Pending: Waiting for flights/Mutex/m lock. Lock status: 0/1"
    holder = f"flights/one/{start}"
    assert first.status["synchronization"] == {"mutex": {"holding": [{"mutex": "flights/Mutex/m", "holder": holder}]}}
    assert second.status["synchronization"] == {"mutex": {"waiting": [{"mutex": "flights/Mutex/m", "holder": holder}]}}
    finish_pod(first, start, *OK, {}, START, world)
    assert advance(first, START, world).wake == {"flights/two"}
    (other,) = advance(second, START, world).start
    assert "message" not in second.nodes[other]


def test_a_semaphore_lets_as_many_run_as_its_config_map_says():
    maps = Maps(limits={"metadata": {"name": "limits"}, "data": {"two": "2"}})
    wf = made(
        {
            "templates": [
                steps([use("a", withSequence={"count": "3"})]),
                work(synchronization={"semaphore": {"configMapKeyRef": {"name": "limits", "key": "two"}}}),
            ]
        }
    )
    assert len(advance(wf, START, World.of(maps)).start) == 2
    assert shown(wf)["wf[0].a(2:2)"] == "Pending: Waiting for flights/ConfigMap/limits/two lock. Lock status: 0/2"


def test_a_semaphore_without_a_limit_is_an_error():
    wf = made(
        {
            "templates": [
                steps([use("a")]),
                work(synchronization={"semaphores": [{"configMapKeyRef": {"name": "no", "key": "k"}}]}),
            ]
        }
    )
    play(wf)
    told = "failed to initialize semaphore flights/ConfigMap/no/k with limit"
    assert shown(wf)["wf[0]"] == f"Error: step group deemed errored due to child wf[0].a error: {told}"


def test_a_workflow_waits_for_its_own_lock_before_it_begins_and_locks_outlive_the_server():
    spec = {"synchronization": {"mutex": {"name": "m"}}, "templates": [steps([use("a")]), work()]}
    world, first, second = World.of(Maps()), made(spec, "one"), made(spec, "two")
    (start,) = advance(first, START, world).start
    world = World.of(Maps())
    world.locks.take_up([first, second])
    advance(second, START, world)
    assert (second.phase, second.status["message"]) == ("Pending", "Waiting for flights/Mutex/m lock. Lock status: 0/1")
    finish_pod(first, start, *OK, {}, START, world)
    assert advance(first, START, world).wake == {"flights/two"}
    assert advance(second, START, world).start
    assert second.phase == "Running"


def test_a_step_that_waits_for_a_lock_longer_than_its_timeout_fails():
    world, first, second = two_with({"mutex": {"name": "m"}})
    second.spec["templates"][1]["timeout"] = "30s"
    advance(first, START, world)
    effects = advance(second, START, world)
    advance(second, min(effects.wake_at) + timedelta(seconds=1), world)
    assert shown(second)["two[0].a"] == "Failed: timeout"
    assert second.phase == "Failed"


# --- memoization, config maps, globals ------------------------------------------------------------------------------------


def test_what_one_workflow_gave_another_finds_until_it_is_too_old():
    maps = Maps()
    memoize = {"key": "k-{{workflow.parameters.x}}", "maxAge": "1h", "cache": {"configMap": {"name": "cache"}}}
    outputs = {"parameters": [{"name": "o", "valueFrom": {"path": "/o"}}]}
    spec = {
        "arguments": {"parameters": [{"name": "x", "value": "1"}]},
        "templates": [steps([use("a")]), work(memoize=memoize, outputs=outputs)],
    }
    first, second = made(spec), made(spec, "again")
    play(first, outputs=lambda name: {"parameters": [{"name": "o", "value": "found"}]}, maps=maps)
    assert maps["cache"]["metadata"]["labels"] == {"workflows.argoproj.io/configmap-type": "Cache"}
    assert json.loads(maps["cache"]["data"]["k-1"])["nodeID"] == first.node("wf[0].a")["id"]
    assert advance(second, START + timedelta(minutes=1), World.of(maps)).start == []
    node = second.node("again[0].a")
    assert node["memoizationStatus"] == {"hit": True, "key": "k-1", "cacheName": "cache"}
    assert (node["type"], node["outputs"]["parameters"][0]["value"]) == ("Pod", "found")
    assert len(advance(made(spec, "late"), START + timedelta(hours=3), World.of(maps)).start) == 1


def test_a_parameter_comes_from_a_config_map_or_its_default():
    label = {"workflows.argoproj.io/configmap-type": "Parameter"}
    maps = Maps(
        good={"metadata": {"name": "good", "labels": label}, "data": {"k": "from the map"}},
        bare={"metadata": {"name": "bare"}, "data": {"k": "v"}},
        cache={"metadata": {"name": "cache", "labels": {**label, next(iter(label)): "Cache"}}, "data": {"k": "v"}},
    )

    def spec(name, **more):
        arguments = {
            "parameters": [{"name": "x", "valueFrom": {"configMapKeyRef": {"name": name, "key": "k"}, **more}}]
        }
        reader = {"name": "work", "container": {"image": "b", "command": ["{{workflow.parameters.x}}"]}}
        return made({"arguments": arguments, "templates": [steps([use("a")]), reader]})

    wf = spec("good")
    (start,) = advance(wf, START, World.of(maps)).start
    assert wf.work[start]["container"]["command"] == ["from the map"]
    wf = spec("none", default="d")
    (start,) = advance(wf, START, World.of(maps)).start
    assert wf.work[start]["container"]["command"] == ["d"]
    for name, told in (("bare", "does not exist. Please make sure"), ("cache", "needs to have the label")):
        wf = spec(name)
        advance(wf, START, World.of(maps))
        assert wf.phase == "Failed"
        assert f"ConfigMap '{name}' {told}" in wf.status["message"]


def test_labels_come_from_expressions_and_are_known_to_templates():
    metadata = {"labels": {"fixed": "a"}, "labelsFrom": {"from": {"expression": "workflow.parameters.x + '-1'"}}}
    spec = {"workflowMetadata": metadata, "arguments": {"parameters": [{"name": "x", "value": "v"}]}}
    wf = made(
        {
            **spec,
            "templates": [
                steps([use("a")]),
                {"name": "work", "container": {"image": "b", "command": ["{{workflow.labels.from}}"]}},
            ],
        }
    )
    (start,) = advance(wf, START).start
    assert wf.metadata["labels"] == {"fixed": "a", "from": "v-1"}
    assert wf.work[start]["container"]["command"] == ["v-1"]


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("1 +", 'Failed to compile function for expression "1 +": unexpected token EOF'),
        ("nobody", 'Failed to compile function for expression "nobody": unknown name nobody (1:1)'),
        ("1 + 1", 'failed to evaluate label "from" expression "1 + 1" evaluted to int but must be a string'),
        ("'a b'", f'invalid label value "a b" for label "from" and expression "\'a b\'": {VALUE_RULE}'),
    ],
)
def test_a_label_that_cannot_be_worked_out_is_told_in_argos_words(expression, told):
    metadata = {"labelsFrom": {"from": {"expression": expression}}}
    wf = made({"workflowMetadata": metadata, "templates": [{**work(), "name": "main"}]})
    advance(wf, START)
    assert wf.phase in ("Failed", "Error")
    assert wf.status["message"].startswith(told)


def test_a_dags_output_becomes_the_workflows():
    outputs = {
        "parameters": [{"name": "o", "globalName": "g", "valueFrom": {"expression": "tasks.a.outputs.result + '!'"}}]
    }
    reader = {"name": "read", "container": {"image": "b", "command": ["{{workflow.outputs.parameters.g}}"]}}
    wf = made({"onExit": "read", "templates": [{**dag(use("a")), "outputs": outputs}, work(), reader]})
    play(wf, outputs=lambda name: {"result": "r"}, until=lambda one: one.node("wf.onExit"))
    assert wf.status["outputs"]["parameters"] == [{"name": "g", "value": "r!"}]
    assert wf.work[wf.node("wf.onExit")["id"]]["container"]["command"] == ["r!"]


# --- suspend, daemons, limits ---------------------------------------------------------------------------------------------


def test_a_suspended_node_takes_defaults_when_its_time_is_over():
    outputs = {"parameters": [{"name": "o", "valueFrom": {"supplied": {}, "default": "d"}}]}
    wf = made(
        {"templates": [steps([use("a", "ask")]), {"name": "ask", "suspend": {"duration": "1m"}, "outputs": outputs}]}
    )
    assert play(wf) == 60
    assert wf.node("wf[0].a")["outputs"] == {"parameters": [{"name": "o", "value": "d"}]}


def test_a_daemon_lets_the_next_go_on_and_ends_with_what_is_around_it():
    asks = use("a", "ask", arguments={"parameters": [{"name": "ip", "value": "{{steps.server.ip}}"}]})
    ask = work("ask", inputs={"parameters": [{"name": "ip"}]})
    wf = made({"templates": [steps([use("server", "serve")], [asks]), work("serve", daemon=True), ask]})
    (server,) = advance(wf, START).start
    begin_pod(wf, server, START, "10.0.0.7")
    (asking,) = advance(wf, START).start
    assert wf.nodes[asking]["inputs"]["parameters"] == [{"name": "ip", "value": "10.0.0.7"}]
    finish_pod(wf, asking, *OK, {}, START)
    assert advance(wf, START).end == [server]
    assert (wf.phase, wf.nodes[server]["phase"], "daemoned" in wf.nodes[server]) == ("Succeeded", "Succeeded", False)


def test_a_workflow_past_its_deadline_fails_what_runs_and_still_says_goodbye():
    wf = made({"activeDeadlineSeconds": 10, "onExit": "work", "templates": [steps([use("a")]), work()]})
    effects = advance(wf, START)
    assert effects.wake_at == [START + timedelta(seconds=10)]
    late = advance(wf, START + timedelta(seconds=10))
    assert late.end == effects.start
    assert shown(wf)["wf[0].a"] == "Failed: Step exceeded its deadline"
    assert shown(wf)["wf.onExit"] == "Pending"


def test_templates_that_call_themselves_end_at_argos_depth():
    wf = made({"templates": [steps([use("again", "main")])]})
    advance(wf, START)
    deepest = max(wf.nodes.values(), key=lambda node: len(node["name"]))
    assert deepest["message"].startswith("Maximum recursion depth exceeded. See https://argo-workflows.readthedocs.io")
    assert wf.phase == "Failed"


def test_template_defaults_lie_under_every_template():
    defaults = {"timeout": "30s", "container": {"image": "default", "env": [{"name": "A", "value": "1"}]}}
    body = {"name": "work", "container": {"command": ["true"], "env": [{"name": "B", "value": "2"}]}}
    wf = made({"templateDefaults": defaults, "templates": [steps([use("a")]), body]})
    (start,) = advance(wf, START).start
    assert wf.work[start]["container"] == {
        "image": "default",
        "command": ["true"],
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
    }
    assert wf.work[start]["timeout"] == "30s"


@pytest.mark.parametrize(
    ("template", "told"),
    [
        (
            "none",
            "step group deemed errored due to child wf[0].a error: template none not found in workflow template wf",
        ),
        ("wanting", "step group deemed errored due to child wf[0].a error: inputs.parameters.p was not supplied"),
        ("mounts", "step group deemed errored due to child wf[0].a error: volume 'v' not found in workflow spec"),
    ],
)
def test_a_step_that_cannot_be_used_says_so_up_to_the_top(template, told):
    mounts = {"name": "mounts", "container": {"image": "busybox", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}}
    wanting = work("wanting", inputs={"parameters": [{"name": "p"}]})
    wf = made({"templates": [steps([use("a", template)]), wanting, mounts]})
    play(wf)
    assert shown(wf)["wf[0]"] == f"Error: {told}"
    assert (wf.phase, wf.status["message"]) == ("Failed", told)


def test_a_groups_progress_and_resources_are_those_of_what_is_in_it():
    wf = made(
        {
            "templates": [
                steps([use("a", withItems=[1, 2], continueOn={"failed": True})], [use("b", "inner")]),
                dag(use("x")) | {"name": "inner"},
                work(),
            ]
        }
    )
    world, moment = World.of(Maps()), START
    while not wf.done:
        for start in advance(wf, moment, world).start:
            wf.nodes[start]["resourcesDuration"] = {"cpu": 2, "memory": 1}
            finish_pod(wf, start, *(NO if "1:2" in wf.nodes[start]["name"] else OK), {}, moment, world)
    assert {key: wf.node("wf")[key] for key in ("progress", "resourcesDuration")} == {
        "progress": "2/3",
        "resourcesDuration": {"cpu": 6, "memory": 3},
    }
    assert (wf.node("wf[0]")["progress"], wf.node("wf[1].b")["progress"], wf.status["progress"]) == (
        "1/2",
        "1/1",
        "2/3",
    )
