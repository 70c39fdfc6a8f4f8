"""What real Argo did with a workflow, and what this server did, in one form that can be compared."""

import re
from pathlib import Path

import yaml

TEMPLATE_PATHS = {
    "WorkflowTemplate": "/api/v1/workflow-templates/flights",
    "ClusterWorkflowTemplate": "/api/v1/cluster-workflow-templates",
    "ConfigMap": "/api/v1/config-maps/flights",
}


def documents(path: Path) -> list[dict]:
    """The objects in a file."""
    return [one for one in yaml.safe_load_all(path.read_text()) if isinstance(one, dict)]


def as_recorded(value: object) -> object:
    """`value` with the pull policy that the recorder gave everything with an image; Argo then shows it, as of a loop's items."""
    if isinstance(value, dict):
        policy = {"imagePullPolicy": "IfNotPresent"} if isinstance(value.get("image"), str) else {}
        return {**{key: as_recorded(one) for key, one in value.items()}, **policy}
    return [as_recorded(one) for one in value] if isinstance(value, list) else value


def put_support(server, folder: Path) -> list[str]:
    """Puts the templates and config maps that examples refer to in place; what was refused."""
    limits = {"metadata": {"name": "my-config"}, "data": {"workflow": "3", "template": "3"}}
    server.http.post(TEMPLATE_PATHS["ConfigMap"], json={"configMap": limits})
    refused = []
    for path in sorted(folder.rglob("*.yaml")):
        for document in documents(path):
            if where := TEMPLATE_PATHS.get(document.get("kind", "")):
                document["metadata"].pop("namespace", None)
                body = "configMap" if document["kind"] == "ConfigMap" else "template"
                answer = server.http.post(where, json={body: document})
                if answer.status_code not in (200, 409):
                    refused.append(f"{path.name}: {answer.text}")
    return refused


def submit(server, folder: Path, name: str) -> list:
    """What the server answers to each workflow in a file; it keeps those that end."""
    answers = []
    for document in documents(folder / name):
        if document["kind"] == "Workflow":
            document["metadata"].pop("namespace", None)
            document["spec"].pop("ttlStrategy", None)  # each is looked at when its turn comes
            body = {"workflow": as_recorded(document)}
            answers.append(server.http.post("/api/v1/workflows/flights", json=body))
    return answers


def plain(value: object, name: str) -> object:
    """`value` with the run's own name replaced by WF, and hashes of names by ID."""
    if isinstance(value, str):
        return re.sub(r"(WF(?:-[A-Za-z-]+)?)-\d{6,}", r"\1-ID", value.replace(name, "WF"))
    if isinstance(value, list):
        return [plain(one, name) for one in value]
    return {plain(key, name): plain(one, name) for key, one in value.items()} if isinstance(value, dict) else value


def facts(workflow: dict) -> dict:
    """What is compared of a workflow that has ended."""
    name, status = workflow["metadata"]["name"], workflow["status"]
    nodes = status.get("nodes") or {}
    tree = {}
    for node in nodes.values():
        out = node.get("outputs") or {}
        tree[node["name"]] = {
            "type": node["type"], "phase": node.get("phase"), "message": node.get("message") or None,
            "template": node.get("templateName") or (node.get("templateRef") or {}).get("template"),
            "inputs": (node.get("inputs") or {}).get("parameters"), "outputs": out.get("parameters"),
            "artifacts": sorted(one["name"] for one in out.get("artifacts") or []),
            "result": out.get("result"), "exitCode": out.get("exitCode"),
            "children": sorted(nodes[child]["name"] for child in node.get("children", []) if child in nodes),
        }  # fmt: skip
    shown = {"phase": status.get("phase"), "message": status.get("message") or None, "nodes": tree}
    return plain(shown, name)


def differences(ours: dict, theirs: dict, ignored: tuple[str, ...] = ()) -> list[str]:
    """What differs, a line each; `ignored` names fields of nodes that change from run to run."""
    theirs = plain(theirs, "\0")
    found = [
        f"{key}: {ours[key]!r}, Argo {theirs[key] or None!r}"
        for key in ("phase", "message")
        if key not in ignored and ours[key] != (theirs[key] or None)
    ]
    for name in sorted({*ours["nodes"], *theirs["nodes"]}):
        mine, other = ours["nodes"].get(name), theirs["nodes"].get(name)
        if mine is None or other is None:
            found.append(f"{name}: {'missing' if mine is None else 'too many'}")
            continue
        for key in other:
            if key not in ignored and (mine[key] or None) != (other[key] or None):
                found.append(f"{name}.{key}: {mine[key]!r}, Argo {other[key]!r}")
    return found
