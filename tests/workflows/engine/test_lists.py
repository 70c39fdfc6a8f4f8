"""Lists, selectors, pages, masks, watching and the archive, by REST."""

import json
import socket
import time

import pytest

from workflows.engine.state import Workflow
from workflows.engine.store import Store

WHERE = "/api/v1/workflows/flights"
MAIN = {"name": "main", "container": {"image": "busybox", "command": ["sh", "-c", "exit {{workflow.parameters.code}}"]}}


def workflow(code: int = 0, **metadata) -> dict:
    arguments = {"parameters": [{"name": "code", "value": str(code)}]}
    return {
        "metadata": {"generateName": "row-", **metadata},
        "spec": {"entrypoint": "main", "arguments": arguments, "templates": [MAIN]},
    }


@pytest.fixture(scope="module")
def rows(engine_server):
    """Five that ended, one of them badly, labelled by number."""
    made = [
        engine_server.submit(
            workflow(3 if number == 4 else 0, labels={"suite": "rows", "number": str(number), "odd": str(number % 2)})
        )
        for number in range(5)
    ]
    return [engine_server.ended(one["metadata"]["name"]) for one in made]


def names(server, **query) -> list[str]:
    answer = server.http.get(WHERE, params={key.replace("_", "."): value for key, value in query.items()})
    assert answer.status_code == 200, answer.text
    return [one["metadata"]["labels"]["number"] for one in answer.json()["items"] or []]


@pytest.mark.parametrize(
    ("selector", "numbers"),
    [
        ("suite=rows,number==2", "2"), ("suite=rows,number!=2", "0134"), ("suite=rows,number in (0, 3)", "03"),
        ("suite=rows,number notin (0,3)", "124"), ("suite=rows,odd", "01234"), ("suite=rows,!odd", ""), ("suite=rows,number>2", "34"),
        ("suite=rows,workflows.argoproj.io/phase=Failed", "4"),
    ],
)  # fmt: skip
def test_a_label_selector_keeps_what_it_names(engine_server, rows, selector, numbers):
    assert "".join(sorted(names(engine_server, listOptions_labelSelector=selector))) == numbers


@pytest.mark.parametrize(
    ("selector", "count"), [("metadata.namespace=flights", 5), ("spec.startedAt>2000-01-01T00:00:00Z", 5), ("spec.startedAt<2000-01-01T00:00:00Z", 0)]
)  # fmt: skip
def test_a_field_selector_keeps_what_it_names(engine_server, rows, selector, count):
    query = {"listOptions_labelSelector": "suite=rows", "listOptions_fieldSelector": selector}
    assert len(names(engine_server, **query)) == count


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("workflows/flights", "unsupported requirement status.phase=Failed"), ("archived-workflows", "unsupported requirement status.phase=Failed"),
        *((path, f'Unable to find "argoproj.io/v1alpha1, Resource={kind}" that match label selector "a=b", field selector '
           '"status.phase=Failed": field label not supported: status.phase')
          for path, kind in (("workflow-events/flights", "workflows"), ("workflow-templates/flights", "workflowtemplates"))),
    ],
)  # fmt: skip
def test_a_field_by_which_argo_selects_nothing_is_refused_in_its_words(engine_server, path, told):
    query = {"listOptions.fieldSelector": "status.phase=Failed", "listOptions.labelSelector": "a=b"}
    answer = engine_server.http.get(f"/api/v1/{path}", params=query)
    assert told in answer.text.replace("\\", "") and answer.status_code in (200, 400)


def test_a_selector_that_cannot_be_read_is_refused(engine_server):
    answer = engine_server.http.get(WHERE, params={"listOptions.labelSelector": "a b c"})
    assert (answer.status_code, answer.json()["code"]) == (400, 3)
    assert "unable to parse requirement" in answer.json()["message"]


def test_names_are_compared_as_asked(engine_server, rows):
    name = rows[0]["metadata"]["name"]
    for kind, part in (("Prefix", name[:6]), ("Contains", name[2:]), ("Exact", name)):
        answer = engine_server.http.get(
            WHERE, params={"listOptions.fieldSelector": f"metadata.name={part}", "nameFilter": kind}
        )
        assert name in [one["metadata"]["name"] for one in answer.json()["items"]]


def test_pages_neither_repeat_nor_lose_rows_while_some_come_and_go(engine_server, rows):
    selector = {"listOptions.labelSelector": "suite=rows", "listOptions.limit": "2"}
    first = engine_server.http.get(WHERE, params=selector).json()
    late = engine_server.submit(workflow(labels={"suite": "rows", "number": "9", "late": "yes"}))
    more = engine_server.http.get(
        WHERE, params=selector | {"listOptions.continue": first["metadata"]["continue"]}
    ).json()
    rest = engine_server.http.get(
        WHERE, params=selector | {"listOptions.continue": more["metadata"]["continue"]}
    ).json()
    shown = [one["metadata"]["labels"]["number"] for page in (first, more, rest) for one in page["items"]]
    assert sorted(one for one in shown if one != "9") == [
        "0",
        "1",
        "2",
        "3",
        "4",
    ]  # 9 may share their second, and follow
    assert "continue" not in rest["metadata"]
    engine_server.ended(late["metadata"]["name"])  # so that it changes no more when others watch


def test_a_mask_keeps_or_leaves_out_parts(engine_server, rows):
    only = engine_server.http.get(WHERE, params={"fields": "items.metadata.name,items.status.phase"}).json()["items"][0]
    assert (set(only), set(only["metadata"]), set(only["status"])) == ({"metadata", "status"}, {"name"}, {"phase"})
    one = engine_server.http.get(
        f"{WHERE}/{rows[0]['metadata']['name']}", params={"fields": "-status.nodes,spec"}
    ).json()
    assert "nodes" not in one["status"]
    assert "spec" not in one


def events(server, count: int, **query) -> list[dict]:
    found = []
    accept = {"Accept": "text/event-stream"}
    with server.http.stream(
        "GET", "/api/v1/workflow-events/flights", params=query, headers=accept, timeout=60
    ) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: "))["result"])
            if len(found) == count:
                return found
    return found


def test_a_watcher_sees_what_is_there_and_later_only_what_changed_since(engine_server, rows):
    there = events(engine_server, 1, **{"listOptions.fieldSelector": f"metadata.name={rows[1]['metadata']['name']}"})
    assert (there[0]["type"], there[0]["object"]["status"]["phase"]) == ("ADDED", "Succeeded")
    version = engine_server.http.get(WHERE).json()["metadata"]["resourceVersion"]
    made = engine_server.submit(workflow(labels={"number": "w"}))["metadata"]["name"]
    engine_server.ended(made)
    since = events(engine_server, 1, **{"listOptions.resourceVersion": version})
    assert since[0]["object"]["metadata"]["name"] == made


def test_a_stream_is_a_json_object_a_line_to_who_asks_for_no_events(engine_server, rows):
    name = rows[0]["metadata"]["name"]
    query = {"listOptions.fieldSelector": f"metadata.name={name}", "fields": "result.object.metadata.name"}
    with engine_server.http.stream("GET", "/api/v1/workflow-events/flights", params=query) as stream:
        assert stream.headers["content-type"] == "application/json"
        assert json.loads(next(stream.iter_lines()))["result"]["object"]["metadata"]["name"] == name
    answer = engine_server.http.get(f"{WHERE}/none/log")
    assert (answer.status_code, answer.json()["error"]["http_status"]) == (404, "Not Found")
    asked = engine_server.http.get(f"{WHERE}/none/log", headers={"Accept": "text/event-stream"})
    assert asked.text == f"data: {answer.text}\n"


def test_the_archive_keeps_what_was_deleted_until_it_is_deleted_there(engine_server):
    made = engine_server.run(workflow(2, labels={"number": "a", "kept": "here"}))
    name, uid = made["metadata"]["name"], made["metadata"]["uid"]
    assert engine_server.http.put(f"/api/v1/archived-workflows/{uid}/retry", json={}).status_code == 409
    assert engine_server.http.delete(f"{WHERE}/{name}").status_code == 200
    assert engine_server.http.get(f"{WHERE}/{name}").status_code == 404
    assert engine_server.http.get(f"{WHERE}/{name}", params={"uid": uid}).json()["metadata"]["uid"] == uid
    assert engine_server.http.get(f"{WHERE}/other", params={"uid": uid}).status_code == 404
    listed = engine_server.http.get(
        "/api/v1/archived-workflows", params={"listOptions.labelSelector": "kept=here"}
    ).json()
    assert [one["metadata"]["uid"] for one in listed["items"]] == [uid]
    by_name = {
        "namespace": f"metadata.name={name}"
    }  # so the CLI sends the selector of `archive retry --field-selector`
    listed = engine_server.http.get("/api/v1/archived-workflows", params=by_name).json()
    assert [one["metadata"]["uid"] for one in listed["items"]] == [uid]
    assert "kept" in engine_server.http.get("/api/v1/archived-workflows-label-keys").json()["items"]
    values = engine_server.http.get(
        "/api/v1/archived-workflows-label-values", params={"listOptions.labelSelector": "kept"}
    ).json()
    assert values["items"] == ["here"]
    again = engine_server.http.put(f"/api/v1/archived-workflows/{uid}/retry", json={"parameters": ["code=0"]}).json()
    done = engine_server.ended(name)
    assert done["status"]["phase"] == "Succeeded"
    assert done["metadata"]["uid"] == again["metadata"]["uid"] != uid
    assert engine_server.http.get(f"/api/v1/archived-workflows/{uid}").json()["status"]["phase"] == "Failed"
    engine_server.http.delete(f"{WHERE}/{name}")
    assert engine_server.http.delete(f"/api/v1/archived-workflows/{again['metadata']['uid']}").status_code == 200
    assert engine_server.http.delete(f"/api/v1/archived-workflows/{uid}").status_code == 200
    assert engine_server.http.get(f"/api/v1/archived-workflows/{uid}").status_code == 404


@pytest.mark.parametrize("noun", ["workflows", "workflow-templates", "cron-workflows"])
def test_what_is_only_tried_or_presupposes_another_object_changes_nothing(engine_server, noun):
    name, spec = f"tried-{noun}", workflow()["spec"]
    if noun == "cron-workflows":
        spec = {"schedules": ["1 2 3 4 *"], "workflowSpec": spec}
    word = {"workflows": "workflow", "workflow-templates": "template", "cron-workflows": "cronWorkflow"}[noun]
    body, where = {word: {"metadata": {"name": name}, "spec": spec}}, f"/api/v1/{noun}/flights"
    assert engine_server.http.post(where, json=body | {"createOptions": {"dryRun": ["All"]}}).status_code == 200
    assert engine_server.http.get(f"{where}/{name}").status_code == 404
    assert engine_server.http.post(where, json=body).status_code == 200
    other = {"deleteOptions.preconditions.uid": "another"}
    refused = engine_server.http.delete(f"{where}/{name}", params=other)
    assert (refused.status_code, "does not match the UID in record" in refused.json()["message"]) == (409, True)
    assert engine_server.http.delete(f"{where}/{name}", params={"deleteOptions.dryRun": "All"}).status_code == 200
    found = engine_server.http.get(f"{where}/{name}").json()["metadata"]
    this = {"deleteOptions.preconditions.uid": found["uid"]}
    assert engine_server.http.delete(f"{where}/{name}", params=this).status_code == 200
    assert engine_server.http.get(f"{where}/{name}").status_code == 404


def test_what_is_deleted_from_the_archive_alone_stays_listed_and_files_of_its_namesake_stay(engine_server):
    named = {**workflow(labels={"number": "n"}), "metadata": {"name": "namesake"}}
    old = engine_server.run(named)["metadata"]["uid"]
    assert engine_server.http.delete(f"{WHERE}/namesake").status_code == 200
    new = engine_server.run(named)["metadata"]["uid"]
    files = engine_server.home / "engine/artifacts/flights/namesake"
    files.mkdir(parents=True, exist_ok=True)
    assert engine_server.http.delete(f"/api/v1/archived-workflows/{old}").status_code == 200
    assert files.exists()
    assert engine_server.http.delete(f"/api/v1/archived-workflows/{new}").status_code == 200
    assert engine_server.http.get(f"/api/v1/archived-workflows/{new}").status_code == 404
    assert engine_server.get("namesake")["metadata"]["uid"] == new
    assert engine_server.http.delete(f"{WHERE}/namesake").status_code == 200
    assert not files.exists()


@pytest.mark.parametrize("path", ["event-sources/flights", "sensors/flights/x", "stream/sensors/flights"])
def test_what_is_not_here_says_so(engine_server, path):
    answer = engine_server.http.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.json()["code"]) == (501, 12)
    assert "is not served" in answer.json()["message"]


def fill(path, count: int) -> None:
    store = Store(path)
    for number in range(count):
        metadata = {"name": f"old-{number:05}", "namespace": "flights", "uid": f"uid-{number}", "labels": {"number": str(number)},
                    "creationTimestamp": f"2026-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z"}  # fmt: skip
        status = {
            "phase": "Succeeded",
            "startedAt": metadata["creationTimestamp"],
            "finishedAt": metadata["creationTimestamp"],
        }
        document = {**workflow(), "metadata": metadata, "status": status}
        node = {
            "id": metadata["name"],
            "name": metadata["name"],
            "displayName": metadata["name"],
            "type": "Pod",
            "phase": "Succeeded",
        }
        store.save(Workflow(document, {node["id"]: node}, {}, {node["id"]}))
    store.connection.close()


def test_a_page_of_ten_thousand_runs_takes_no_longer_than_a_tenth_of_a_second(mortal_server):
    mortal_server.kill()
    fill(mortal_server.home / "engine" / "engine.db", 10_000)
    mortal_server.start()
    seconds = []
    for query in (
        {"listOptions.limit": "50"},
        {"listOptions.limit": "50", "listOptions.labelSelector": "number in (17,4000)"},
    ) * 5:
        began = time.perf_counter()
        answer = mortal_server.http.get(WHERE, params=query)
        seconds.append(time.perf_counter() - began)
        assert answer.status_code == 200
    assert sorted(seconds)[len(seconds) // 2] <= 0.1, seconds


def test_a_large_workflow_is_taken_and_shown_while_others_are_answered(engine_server):
    steps = [[{"name": f"s{number}", "template": "main", "when": "false"} for number in range(5000)]]
    document = workflow(labels={"number": "big"})
    document["spec"] |= {"entrypoint": "all", "templates": [MAIN, {"name": "all", "steps": steps}]}
    document["spec"]["arguments"]["parameters"].append({"name": "text", "value": "x" * 2**20})
    name = engine_server.submit(document)["metadata"]["name"]
    found = engine_server.ended(name, seconds=120)
    assert len(found["status"]["nodes"]) > 5000
    began = time.perf_counter()
    assert engine_server.http.get(f"{WHERE}/{name}").status_code == 200
    assert time.perf_counter() - began < 5


def test_an_older_file_becomes_a_newer_one(tmp_path):
    import sqlite3

    path = tmp_path / "engine.db"
    old = sqlite3.connect(path)
    old.execute(
        "CREATE TABLE workflows (uid TEXT PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL, created TEXT NOT NULL, "
        "phase TEXT NOT NULL, labels TEXT NOT NULL, document TEXT NOT NULL, done INTEGER NOT NULL, UNIQUE (namespace, name))"
    )
    metadata = {
        "name": "kept",
        "namespace": "flights",
        "uid": "u",
        "labels": {"a": "b"},
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    document = json.dumps({"metadata": metadata, "spec": {}, "status": {"phase": "Succeeded"}})
    old.execute(
        "INSERT INTO workflows VALUES ('u','flights','kept',?,'Succeeded','{\"a\": \"b\"}',?,1)",
        (metadata["creationTimestamp"], document),
    )
    old.commit()
    old.close()
    store = Store(path)
    assert store.load("flights", "kept").phase == "Succeeded"
    assert store.label_values("a", ["flights"]) == ["b"]


def test_a_limit_is_made_read_changed_and_taken_away_as_argo_sync_does(engine_server):
    where, name = "/api/v1/sync/flights", {"cmName": "limits-of-sync"}
    made = engine_server.http.post(where, json={**name, "key": "gpu", "limit": 2})
    assert (made.status_code, made.json()["limit"]) == (200, 2)
    assert engine_server.http.post(where, json={**name, "key": "gpu", "limit": 2}).status_code == 409
    assert engine_server.http.put(f"{where}/gpu", json={**name, "limit": 3}).json()["limit"] == 3
    assert engine_server.http.get(f"{where}/gpu", params=name).json()["limit"] == 3
    assert engine_server.http.delete(f"{where}/gpu", params=name).status_code == 200
    assert "not found in configmap" in engine_server.http.get(f"{where}/gpu", params=name).json()["message"]
    assert engine_server.http.get(f"{where}/gpu", params={**name, "type": "FILE"}).status_code == 400


def test_a_limit_of_the_database_kind_is_that_of_the_semaphores_of_that_kind(engine_server):
    where, kind = "/api/v1/sync/flights", {"type": 1}  # as the CLI of version 4 writes `--type database`
    assert "not found in namespace" in engine_server.http.get(f"{where}/lane", params=kind).json()["message"]
    made = engine_server.http.post(where, json={**kind, "key": "lane", "limit": 1})
    assert made.json() == {"type": 1, "namespace": "flights", "key": "lane", "limit": 1}
    assert engine_server.http.post(where, json={**kind, "key": "lane", "limit": 1}).status_code == 409
    one = workflow(0)
    one["spec"]["synchronization"] = {
        "semaphores": [{"database": {"key": "lane"}}],
        "mutexes": [{"name": "a"}, {"name": "b"}],
    }
    assert engine_server.run(one)["status"]["phase"] == "Succeeded"
    assert engine_server.http.delete(f"{where}/lane", params=kind).status_code == 200
    assert engine_server.http.delete(f"{where}/lane", params=kind).status_code == 404


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("[", "error parsing regexp"), (r"(x|x)*(?=.y)", "took more than"), ("x{3}$", "xxx"), ("no such", "")],
)
def test_a_pattern_of_logs_is_searched_refused_or_given_up(engine_server, pattern, said):
    line = {"name": "main", "container": {"image": "busybox", "command": ["echo", "x" * 60]}}
    name = engine_server.run(
        {"metadata": {"generateName": "line-"}, "spec": {"entrypoint": "main", "templates": [line]}}
    )["metadata"]["name"]
    asked = {"logOptions.container": "main", "grep": pattern}
    begun = time.monotonic()
    answer = engine_server.http.get(f"{WHERE}/{name}/log", params=asked)
    assert time.monotonic() - begun < 20 and said in answer.text
    assert ("error" in answer.text) is (said.startswith("error") or said.startswith("took"))


def test_the_node_of_a_pod_names_its_machine_which_argo_get_shows_where_it_is_wide(engine_server):
    done = engine_server.run(workflow(0))
    assert [one["hostNodeName"] for one in done["status"]["nodes"].values()] == [socket.gethostname()]
