"""What pods are made of, on a real server: several containers, volumes, variables, artifacts of every kind."""

import json
import socket

import pytest
from servers import free_port, wait_until
from test_running import container, node, steps_workflow


def log_of(server, name: str, **options: str) -> str:
    query = {f"logOptions.{key}": value for key, value in options.items()}
    answer = server.http.get(f"/api/v1/workflows/flights/{name}/log", params=query)
    return answer.text


def single(template: dict, **spec: object) -> dict:
    return {
        "metadata": {"generateName": "p-"},
        "spec": {"entrypoint": template["name"], "templates": [template], **spec},
    }


def said(server, template: dict, **spec: object) -> str:
    """Runs one template and returns what it printed."""
    done = server.run(single(template, **spec))
    assert done["status"]["phase"] == "Succeeded", done["status"]
    return log_of(server, done["metadata"]["name"])


def test_init_containers_main_and_sidecars_share_volumes_and_come_in_order(engine_server):
    mount = [{"name": "shared", "mountPath": "/shared"}]
    sidecar = "echo side >>/shared/a; trap 'echo asked >>/shared/asked; exit 0' TERM; while :; do sleep 0.05; done"
    template = {
        "name": "main",
        "initContainers": [
            {"name": f"i{n}", "image": "alpine", "command": ["sh", "-c", f"echo i{n} >>/shared/a"], "mirrorVolumeMounts": True} for n in (1, 2)
        ],
        "container": {"image": "alpine", "command": ["sh", "-c", "until grep -q side /shared/a; do sleep 0.05; done; cat /shared/a"], "volumeMounts": mount},
        "sidecars": [{"name": "side", "image": "alpine", "command": ["sh", "-c", sidecar], "mirrorVolumeMounts": True}],
        "volumes": [{"name": "shared", "emptyDir": {}}],
    }  # fmt: skip
    text = said(engine_server, template)
    assert [text.index(word) for word in ("i1", "i2", "side")] == sorted(
        text.index(word) for word in ("i1", "i2", "side")
    )


def test_a_failed_init_container_ends_the_pod_before_main(engine_server):
    template = container(
        "main", "echo never", initContainers=[{"name": "i", "image": "alpine", "command": ["sh", "-c", "exit 5"]}]
    )
    done = engine_server.run(single(template))
    assert (done["status"]["phase"], done["status"]["message"]) == ("Failed", "i: Error (exit code 5)")
    assert "never" not in log_of(engine_server, done["metadata"]["name"])


def test_a_set_runs_its_graph_over_one_volume_and_retries(engine_server):
    def part(name: str, script: str, *needs: str) -> dict:
        return {"name": name, "image": "alpine", "command": ["sh", "-c", script], "dependencies": list(needs)}

    template = {
        "name": "main",
        "volumes": [{"name": "w", "emptyDir": {"medium": "Memory"}}],
        "containerSet": {
            "volumeMounts": [{"name": "w", "mountPath": "/w"}],
            "retryStrategy": {"retries": "2", "duration": "50ms"},
            "containers": [
                part("flaky", "echo try >>/w/tries; [ -e here ] || { touch here; exit 1; }"),
                part("main", "echo out >/w/out; cat /w/tries", "flaky"),
            ],
        },
        "outputs": {"parameters": [{"name": "out", "valueFrom": {"path": "/w/out"}}]},
    }
    done = engine_server.run(single(template))
    assert done["status"]["phase"] == "Succeeded", done["status"]
    pod = node(done, done["metadata"]["name"])
    assert (pod["outputs"]["exitCode"], pod["outputs"]["parameters"][0]["value"]) == ("0", "out")
    assert {one["name"] for one in pod["outputs"]["artifacts"]} == {"flaky-logs", "main-logs"}
    assert log_of(engine_server, done["metadata"]["name"], container="main").count("try") == 2


def test_a_container_of_a_set_that_fails_is_named(engine_server):
    good = {"name": "good", "image": "alpine", "command": ["true"]}
    bad = {"name": "bad", "image": "alpine", "command": ["sh", "-c", "exit 3"]}
    never = {"name": "never", "image": "alpine", "command": ["true"], "dependencies": ["bad"]}
    done = engine_server.run(single({"name": "main", "containerSet": {"containers": [good, bad, never]}}))
    assert (done["status"]["phase"], done["status"]["message"]) == ("Failed", "bad: Error (exit code 3)")


def test_variables_come_from_secrets_config_maps_fields_and_each_other(engine_server):
    env = [
        {"name": "A", "value": "one"},
        {"name": "B", "value": "$(A)-$(NONE)-$$(A)"},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "LABEL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['kind']"}}},
        {"name": "LIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}},
        {"name": "ABSENT", "valueFrom": {"secretKeyRef": {"name": "none", "key": "k", "optional": True}}},
    ]
    body = {
        "image": "busybox", "command": ["sh", "-c"], "args": ["env; echo arg $(A)"], "env": env,
        "envFrom": [{"secretRef": {"name": "my-secret"}, "prefix": "S_"}], "resources": {"limits": {"memory": "64Mi"}},
    }  # fmt: skip
    text = said(engine_server, {"name": "main", "container": body, "metadata": {"labels": {"kind": "red"}}})
    for line in ("B=one-$(NONE)-$(A)", "LABEL=red", "LIMIT=64Mi", "S_password=hush-hush", "arg one", "POD=p-"):
        assert line in text, line
    assert "ABSENT" not in text


def test_a_secret_that_is_missing_is_named(engine_server):
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "none", "key": "k"}}}]
    done = engine_server.run(
        single({"name": "main", "container": {"image": "busybox", "command": ["true"], "env": env}})
    )
    assert "secret none.k is not in this project" in done["status"]["message"]


def test_volumes_are_claims_secrets_and_facts(engine_server):
    volumes = [
        {"name": "claim", "persistentVolumeClaim": {"claimName": "kept"}},
        {"name": "secret", "secret": {"secretName": "my-secret", "defaultMode": 0o400}},
        {
            "name": "facts",
            "downwardAPI": {"items": [{"path": "deep/ns", "fieldRef": {"fieldPath": "metadata.namespace"}}]},
        },
    ]
    mounts = [
        {"name": "claim", "mountPath": "/claim", "subPath": "sub"},
        {"name": "secret", "mountPath": "/claim/secret"},
        {"name": "facts", "mountPath": "/facts"},
    ]
    script = (
        "echo x >>/claim/f; cat /claim/f | wc -l; cat /claim/secret/password /facts/deep/ns; stat -L -c %a /claim/secret/password; "
        "echo y >/facts/z || echo read-only"
    )
    template = {
        "name": "main",
        "container": {"image": "busybox", "command": ["sh", "-c", script], "volumeMounts": mounts},
    }
    first, second = said(engine_server, template, volumes=volumes), said(engine_server, template, volumes=volumes)
    for word in ("hush-hush", "flights", "400", "read-only"):
        assert word in second
    assert ('"1"' in first, '"2"' in second) == (True, True), "the claim outlives the run"


def test_claims_of_a_run_are_its_own(engine_server):
    def use(script: str, name: str) -> dict:
        body = {
            "image": "busybox",
            "command": ["sh", "-c", script],
            "volumeMounts": [{"name": "work", "mountPath": "/work"}],
        }
        return {"name": name, "container": body}

    claims = [
        {
            "metadata": {"name": "work"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
    ]
    both = steps_workflow(
        use("ls /work | wc -l; echo 42 >/work/f", "write"), use("cat /work/f", "read"),
        steps=[[{"name": "w", "template": "write"}], [{"name": "r", "template": "read"}]], volumeClaimTemplates=claims,
    )  # fmt: skip
    for _ in range(2):
        done = engine_server.run(both)
        text = log_of(engine_server, done["metadata"]["name"])
        assert done["status"]["phase"] == "Succeeded", done["status"]
        assert ('"0"' in text, '"42"' in text) == (True, True)


@pytest.mark.parametrize(
    ("archive", "ending"),
    [({"none": {}}, ""), ({"tar": {"compressionLevel": 9}}, ".tgz"), ({"zip": {}}, ".zip"), (None, ".tgz")],
)
def test_artifacts_pass_packed_and_plain_with_modes_and_subpaths(engine_server, archive, ending):
    made = {"name": "d", "path": "/tmp/d"} | ({"archive": archive} if archive else {})
    make = container(
        "make", "mkdir -p /tmp/d/in && echo deep >/tmp/d/in/f && echo top >/tmp/d/g", outputs={"artifacts": [made]}
    )
    taken = {"name": "d", "path": "/got", "mode": 0o700, "recurseMode": True} | (
        {"archive": archive} if archive else {}
    )
    use = container("use", "cat /got/in/f /got/g; stat -c mode-%a /got/g", inputs={"artifacts": [taken]})
    given = {"artifacts": [{"name": "d", "from": "{{steps.make.outputs.artifacts.d}}"}]}
    steps = [[{"name": "make", "template": "make"}], [{"name": "use", "template": "use", "arguments": given}]]
    done = engine_server.run(steps_workflow(make, use, steps=steps))
    assert done["status"]["phase"] == "Succeeded", done["status"]
    key = node(done, "make")["outputs"]["artifacts"][0]["s3"]["key"]
    assert key.endswith(f"/d{ending}")
    text = log_of(engine_server, done["metadata"]["name"])
    assert [word in text for word in ("deep", "top", "mode-700")] == [True] * 3


def test_an_artifact_of_a_key_is_the_projects_own(engine_server):
    make = container(
        "make",
        "echo mine >/tmp/f",
        outputs={"artifacts": [{"name": "f", "path": "/tmp/f", "s3": {"key": "own/f.txt"}, "archive": {"none": {}}}]},
    )
    use = container("use", "cat /in", inputs={"artifacts": [{"name": "f", "path": "/in", "s3": {"key": "own/f.txt"}}]})
    steps = [[{"name": "make", "template": "make"}], [{"name": "use", "template": "use"}]]
    done = engine_server.run(steps_workflow(make, use, steps=steps))
    assert "mine" in log_of(engine_server, done["metadata"]["name"])


@pytest.mark.parametrize("key", ["../../../keys/master.key", "../other/x", "/etc/passwd", "flights/../../engine.db"])
def test_a_key_leads_to_nothing_outside_the_projects_artifacts(engine_server, key):
    use = container("use", "cat /in", inputs={"artifacts": [{"name": "f", "path": "/in", "s3": {"key": key}}]})
    done = engine_server.run(single(use))
    assert done["status"]["phase"] == "Error"
    assert "leads out" in done["status"]["message"] or "key does not exist" in done["status"]["message"]


def test_outputs_that_are_missing_are_told_in_argos_words_and_optional_ones_are_not(engine_server):
    outputs = {
        "parameters": [{"name": "p", "valueFrom": {"path": "/tmp/none", "default": "else"}}],
        "artifacts": [{"name": "a", "path": "/tmp/none", "optional": True}],
    }
    done = engine_server.run(single(container("main", "true", outputs=outputs)))
    assert done["status"]["phase"] == "Succeeded"
    missing = {"parameters": [{"name": "p", "valueFrom": {"path": "/tmp/none"}}]}
    done = engine_server.run(single(container("main", "true", outputs=missing)))
    assert (done["status"]["phase"], done["status"]["message"]) == (
        "Error", "wait: Error (exit code 64): open /var/run/argo/outputs/parameters/tmp/none: no such file or directory",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("script", "code"), [("kill -TERM $$$$", 143), ("kill -KILL $$$$", 137), ("exit 200", 200), ("nonesuch", 127)]
)
def test_exit_codes_are_those_of_the_shell(engine_server, script, code):
    done = engine_server.run(single(container("main", script)))
    assert done["status"]["message"] == f"main: Error (exit code {code})"


def test_lines_can_be_dated_and_the_last_ones_asked_for(engine_server):
    name = engine_server.run(single(container("main", "for i in 1 2 3 4; do echo line $i; sleep 0.3; done")))[
        "metadata"
    ]["name"]
    assert [word in log_of(engine_server, name, tailLines="2") for word in ("line 2", "line 3", "line 4")] == [
        False,
        True,
        True,
    ]
    dated = [line for line in log_of(engine_server, name, timestamps="true").splitlines() if line]
    assert all("T" in line and "Z line " in line for line in dated)
    assert dated[0].split('"')[5] < dated[-1].split('"')[5]


def test_a_daemon_is_waited_for_until_it_is_ready_and_ends_with_what_is_around_it(engine_server):
    port = free_port()
    serve = (
        "import os, time, http.server; time.sleep(1)\n"
        f"http.server.HTTPServer((os.environ['IP'], {port}), http.server.SimpleHTTPRequestHandler).serve_forever()"
    )
    own_ip = {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    probe = {"httpGet": {"path": "/", "port": port}, "periodSeconds": 1}
    server = {
        "name": "server",
        "daemon": True,
        "container": {
            "image": "python:3.11",
            "command": ["python", "-c", serve],
            "readinessProbe": probe,
            "env": [own_ip],
        },
    }
    ask = {"name": "ask", "inputs": {"parameters": [{"name": "address"}]}, "script": {
        "image": "python:3.11", "command": ["python"],
        "source": f"import urllib.request; print(urllib.request.urlopen('http://{{{{inputs.parameters.address}}}}:{port}/').status)"}}  # fmt: skip
    given = {"parameters": [{"name": "address", "value": "{{steps.server.ip}}"}]}
    steps = [[{"name": "server", "template": "server"}], [{"name": "ask", "template": "ask", "arguments": given}]]
    done = engine_server.run(steps_workflow(server, ask, steps=steps), seconds=120)
    assert done["status"]["phase"] == "Succeeded", done["status"]
    assert "200" in log_of(engine_server, done["metadata"]["name"])
    assert node(done, "server")["phase"] == "Succeeded"

    def gone() -> bool:
        with socket.socket() as probe_socket:
            return probe_socket.connect_ex((node(done, "server")["podIP"], port)) != 0

    wait_until(gone, "the daemon has ended")


def test_two_daemons_on_one_port_have_addresses_of_their_own(engine_server):
    def serve(text: str) -> dict:
        script = f"echo {text} >/tmp/x; cd /tmp; exec python3 -m http.server 18090 --bind $POD_IP"
        ip = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
        body = {"image": "python:3.11", "command": ["sh", "-c", script], "env": [ip]}
        return {
            "name": text,
            "daemon": True,
            "container": body | {"readinessProbe": {"httpGet": {"path": "/x", "port": 18090}}},
        }

    source = (
        "import urllib.request\n"
        "for ip in ('{{inputs.parameters.a}}', '{{inputs.parameters.b}}'):\n"
        "    print(urllib.request.urlopen(f'http://{ip}:18090/x').read().decode().strip())\n"
    )
    values = [{"name": one, "value": f"{{{{steps.{one}.ip}}}}"} for one in ("a", "b")]
    steps = [[{"name": one, "template": one} for one in ("a", "b")],
             [{"name": "ask", "template": "ask", "arguments": {"parameters": values}}]]  # fmt: skip
    ask = {"name": "ask", "inputs": {"parameters": [{"name": "a"}, {"name": "b"}]},
           "script": {"image": "python:3.11", "command": ["python"], "source": source}}  # fmt: skip
    templates = [{"name": "main", "steps": steps}, serve("a"), serve("b"), ask]
    done = engine_server.run(
        {"metadata": {"generateName": "d-"}, "spec": {"entrypoint": "main", "templates": templates}}
    )
    assert done["status"]["phase"] == "Succeeded", done["status"]
    said_by_all = log_of(engine_server, done["metadata"]["name"])
    assert [one for one in ("a", "b") if f'"content":"{one}"' in said_by_all.replace(": ", ":")] == ["a", "b"]


NAMED = "$(ARGO_NODE_ID) $(ARGO_CONTAINER_NAME) $(ARGO_DEADLINE) $(ARGO_INCLUDE_SCRIPT_OUTPUT) $(ARGO_POD_NAME) $(PATH)"


def test_commands_and_scripts_name_what_argo_adds_to_their_variables_each_its_own(engine_server):
    body = {"image": "busybox", "command": ["echo", NAMED], "env": [{"name": "X", "value": "$(ARGO_NODE_ID)"}]}
    done = engine_server.run(single({"name": "main", "container": body}))
    name = done["metadata"]["name"]
    told = f"{name} main 0001-01-01T00:00:00Z false $(ARGO_POD_NAME) $(PATH)"
    assert json.loads(log_of(engine_server, name))["result"]["content"] == told
    body |= {"command": ["sh"], "source": f"echo '{NAMED}' $ARGO_NODE_ID '$X' $X"}
    done = engine_server.run(single({"name": "main", "script": body}))
    name = done["metadata"]["name"]
    told = (
        f"$(ARGO_NODE_ID) init $(ARGO_DEADLINE) $(ARGO_INCLUDE_SCRIPT_OUTPUT) {name} $(PATH) {name} $X $(ARGO_NODE_ID)"
    )
    assert json.loads(log_of(engine_server, name))["result"]["content"] == told
