"""http templates: requests that steps make, and what becomes of the answers; plugins."""

import json

import pytest
from servers import free_port, wait_until
from test_pods import single
from test_running import node


@pytest.fixture
def ask(engine_server):
    """The node of a workflow with this one http template."""

    def run(**http):
        done = engine_server.run(single({"name": "main", "http": http}))
        return node(done, done["metadata"]["name"])

    return run


def test_the_body_of_a_request_is_the_result(ask, web):
    found = ask(url=f"{web.url}/status/200")
    assert (found["type"], found["phase"], found["outputs"], found.get("message")) == (
        "HTTP", "Succeeded", {"result": "as asked"}, None,
    )  # fmt: skip
    assert (found["progress"], "resourcesDuration" in found) == ("1/1", False)


def test_method_headers_secrets_and_body_are_sent(ask, web):
    secret = {"name": "X-Password", "valueFrom": {"secretKeyRef": {"name": "my-secret", "key": "password"}}}
    headers = [{"name": "X-Plain", "value": "one"}, secret, {"name": "Host", "value": "elsewhere.test"}]
    seen = json.loads(ask(url=f"{web.url}/echo", method="POST", headers=headers, body="hello")["outputs"]["result"])
    assert (seen["method"], seen["body"]) == ("POST", "hello")
    assert [seen["headers"][name] for name in ("x-plain", "x-password", "host")] == [
        "one",
        "hush-hush",
        "elsewhere.test",
    ]


def test_bytes_are_sent_as_they_are(ask, web):
    ask(url=f"{web.url}/echo", method="PUT", bodyFrom={"bytes": "AP8="})
    assert web.asked[-1][3] == b"\x00\xff"


def test_a_redirect_is_followed(ask, web):
    seen = json.loads(ask(url=f"{web.url}/moved", method="POST", body="x")["outputs"]["result"])
    assert (seen["method"], seen["body"]) == ("GET", "")


def test_a_status_that_is_not_good_fails_the_node(ask, web):
    found = ask(url=f"{web.url}/status/404")
    assert (found["phase"], found["message"]) == ("Failed", "received non-2xx response code: 404")
    assert found["outputs"] == {"result": "as asked"}


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("response.statusCode == 404", None),
        ('response.body contains "asked" && response.headers["X-Mood"][0] == "calm"', None),
        ("response.statusCode == 200", "successCondition 'response.statusCode == 200' evaluated false"),
        ("response.statusCode", "unable to cast expression result '%!s(int=404)' to bool"),
    ],
)
def test_a_condition_decides_over_success(ask, web, condition, message):
    found = ask(url=f"{web.url}/status/404", successCondition=condition)
    assert (found["phase"], found.get("message")) == ("Failed" if message else "Succeeded", message)


def test_a_server_that_does_not_answer_in_time_is_told_as_by_argo(ask, web):
    found = ask(url=f"{web.url}/slow", timeoutSeconds=1)
    assert (found["phase"], found["message"]) == ("Failed", f'Get "{web.url}/slow": context deadline exceeded')


def test_a_port_where_nobody_listens_is_told_as_by_argo(ask):
    port = free_port()
    found = ask(url=f"http://127.0.0.1:{port}/x", method="DELETE")
    assert found["message"] == (
        f'Delete "http://127.0.0.1:{port}/x": dial tcp 127.0.0.1:{port}: connect: connection refused'
    )


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_other_schemes_than_http_are_refused(ask, url):
    found = ask(url=url)
    assert (found["phase"], url in found["message"]) == ("Failed", True)


def test_a_body_beyond_the_bound_is_refused(ask, web):
    assert "longer than 262144 bytes" in ask(url=f"{web.url}/large")["message"]


def test_a_secret_that_is_not_there_fails_the_node(ask, web):
    header = {"name": "X", "valueFrom": {"secretKeyRef": {"name": "no", "key": "thing"}}}
    found = ask(url=f"{web.url}/echo", headers=[header])
    assert (found["phase"], found["message"]) == ("Failed", 'secrets "no" not found')
    header["valueFrom"]["secretKeyRef"]["name"] = "my-secret"
    found = ask(url=f"{web.url}/echo", headers=[header])
    assert found["message"] == "secret 'my-secret' does not have the key 'thing'"


def test_a_stop_ends_a_request_that_is_under_way(engine_server, web):
    name = engine_server.submit(single({"name": "main", "http": {"url": f"{web.url}/slow"}}))["metadata"]["name"]
    before = len(web.asked)
    wait_until(lambda: engine_server.get(name)["status"].get("nodes"), "the request is made")
    wait_until(lambda: len(web.asked) >= before, "it came")
    engine_server.http.put(f"/api/v1/workflows/flights/{name}/stop", json={"name": name, "namespace": "flights"})
    done = engine_server.ended(name)
    assert node(done, name)["message"] == "Stopped with strategy 'Stop'"


def test_a_request_is_made_once_though_the_server_is_killed(mortal_server, web):
    name = mortal_server.submit(single({"name": "main", "http": {"url": f"{web.url}/slow?once"}}))["metadata"]["name"]
    wait_until(lambda: any(path == "/slow?once" for _, path, _, _ in web.asked), "the request came")
    mortal_server.kill()
    mortal_server.start()
    web.released.set()
    done = mortal_server.ended(name, seconds=120)
    web.released.clear()
    assert (done["status"]["phase"], sum(path == "/slow?once" for _, path, _, _ in web.asked)) == ("Failed", 1)


def test_a_later_step_reads_the_result(engine_server, web):
    steps = [[{"name": "ask", "template": "ask"}], [{"name": "say", "template": "say", "arguments": {"parameters": [
        {"name": "text", "value": "{{steps.ask.outputs.result}}"}]}}]]  # fmt: skip
    say = {"image": "busybox", "command": ["sh", "-c", 'test "$0" = "as asked"', "{{inputs.parameters.text}}"]}
    templates = [
        {"name": "main", "steps": steps},
        {"name": "ask", "http": {"url": "{{workflow.parameters.url}}"}},
        {"name": "say", "inputs": {"parameters": [{"name": "text"}]}, "container": say},
    ]
    parameters = [{"name": "url", "value": f"{web.url}/status/201"}]
    done = engine_server.run({"metadata": {"generateName": "h-"}, "spec": {
        "entrypoint": "main", "arguments": {"parameters": parameters}, "templates": templates}})  # fmt: skip
    assert done["status"]["phase"] == "Succeeded", done["status"]


def test_a_plugin_is_refused_as_by_an_argo_without_one(engine_server):
    done = engine_server.run(single({"name": "main", "plugin": {"hello": {}}}))
    found = node(done, done["metadata"]["name"])
    assert (found["type"], found["phase"], found["message"]) == ("Plugin", "Failed", "no plugin executed the template")
