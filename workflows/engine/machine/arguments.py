"""What a template gets and gives: parameters and artifacts."""

import json
from collections.abc import Mapping

from workflows.engine.expressions import Value, compact, evaluate, text_of
from workflows.engine.state import Json
from workflows.engine.templating import fill


class ArgumentsInvalid(ValueError):
    """A parameter or artifact is missing or not allowed."""


def _given(arguments: Json, kind: str, name: str) -> Json | None:
    return next((one for one in arguments.get(kind) or [] if one["name"] == name), None)


def filled_inputs(template: Json, arguments: Json, names: Mapping[str, Value]) -> Json:
    """A template's inputs with their values: from the arguments, else the default.

    Raises:
        ArgumentsInvalid: a value is missing, or is none of an enum's.
    """
    wanted = template.get("inputs") or {}
    parameters = [_parameter(one, arguments, names) for one in wanted.get("parameters") or []]
    artifacts = [made for one in wanted.get("artifacts") or [] if (made := _artifact(one, arguments, names))]
    return ({"parameters": parameters} if parameters else {}) | ({"artifacts": artifacts} if artifacts else {})


def _parameter(wanted: Json, arguments: Json, names: Mapping[str, Value]) -> Json:
    name = wanted["name"]
    given = _given(arguments, "parameters", name) or {}
    value = given.get("value", wanted.get("value", wanted.get("default")))
    source = given.get("valueFrom") or wanted.get("valueFrom") or {}
    if value is None and "expression" in source:
        value = evaluate(str(source["expression"]), names)
    if value is None and "default" in source:
        value = source["default"]
    if value is None:
        raise ArgumentsInvalid(f"inputs.parameters.{name} was not supplied")
    text = text_of(fill(value, names))
    allowed = wanted.get("enum") or []
    if allowed and text not in [text_of(one) for one in allowed]:
        raise ArgumentsInvalid(
            f"inputs.parameters.{name} is '{text}': it must be one of {', '.join(map(text_of, allowed))}"
        )
    return {**{key: one for key, one in wanted.items() if key in ("name", "enum", "description")}, "value": text}


def _artifact(wanted: Json, arguments: Json, names: Mapping[str, Value]) -> Json | None:
    given = _given(arguments, "artifacts", wanted["name"])
    merged = {**wanted, **{key: value for key, value in (given or {}).items() if key != "name"}}
    located = any(key in merged for key in ("s3", "raw", "http", "git", "gcs", "azure", "oss", "hdfs"))
    if not located:
        if wanted.get("optional"):
            return None
        raise ArgumentsInvalid(f"inputs.artifacts.{wanted['name']} was not supplied")
    return fill(merged, names)


def input_names(inputs: Json) -> dict[str, Value]:
    """The names by which a template's own texts reach its inputs."""
    names: dict[str, Value] = {}
    for one in inputs.get("parameters") or []:
        names[f"inputs.parameters.{one['name']}"] = one["value"]
    for one in inputs.get("artifacts") or []:
        names[f"inputs.artifacts.{one['name']}"] = one
        names[f"inputs.artifacts.{one['name']}.path"] = one.get("path", "")
    names["inputs.parameters"] = compact(inputs.get("parameters") or [])
    return names


def result_names(prefix: str, name: str, result: list[Json] | Json | None) -> dict[str, Value]:
    """The names by which later steps reach what `name` gave: `steps.a.outputs.result` and the like; lists for a loop."""
    start = f"{prefix}.{name}"
    if result is None:
        return {}
    if isinstance(result, list):
        return _loop_names(start, result)
    outputs = result.get("outputs") or {}
    names: dict[str, Value] = {
        f"{start}.id": result["id"], f"{start}.status": result["phase"], f"{start}.startedAt": result.get("startedAt", ""),
        f"{start}.finishedAt": result.get("finishedAt") or "",
    }  # fmt: skip
    for key, field in (("exitCode", "exitCode"), ("outputs.result", "result")):
        if field in outputs:
            names[f"{start}.{key}"] = outputs[field]
    for one in outputs.get("parameters") or []:
        names[f"{start}.outputs.parameters.{one['name']}"] = one.get("value", "")
    for one in outputs.get("artifacts") or []:
        names[f"{start}.outputs.artifacts.{one['name']}"] = one
    return names


def _parsed(text: str) -> Value:
    try:
        value: Value = json.loads(text)
    except ValueError:
        return text
    return value


def _listed(texts: list[str]) -> list[Value]:
    """The texts, or what they hold where each is a JSON object or list, as Argo does."""
    parsed = [_parsed(text) for text in texts]
    return parsed if all(isinstance(one, (dict, list)) for one in parsed) else list(texts)


def _loop_names(start: str, nodes: list[Json]) -> dict[str, Value]:
    done = [node for node in nodes if node.get("outputs") and node["phase"] == "Succeeded"]
    results = [_parsed(node["outputs"]["result"]) for node in done if "result" in node["outputs"]]
    tables = [{one["name"]: one.get("value", "") for one in node["outputs"].get("parameters") or []} for node in done]
    names: dict[str, Value] = {f"{start}.outputs.parameters": compact(tables)}
    if results:
        names[f"{start}.outputs.result"] = compact(results)
    for key in {key for table in tables for key in table}:
        names[f"{start}.outputs.parameters.{key}"] = compact(_listed([table[key] for table in tables if key in table]))
    phases = {node["phase"] for node in nodes}
    names[f"{start}.status"] = "Failed" if phases & {"Failed", "Error"} else "Succeeded"
    return names


def output_values(outputs: Json, names: Mapping[str, Value]) -> Json:
    """Outputs of a steps or dag template, taken from what its inner ones gave. Raises `ArgumentsInvalid`."""
    parameters = []
    for one in outputs.get("parameters") or []:
        source = one.get("valueFrom") or {}
        if "expression" in source:
            value: Value = evaluate(str(source["expression"]), names)
        else:
            value = names.get(str(source.get("parameter", "")).strip("{} "), source.get("default", one.get("value")))
        if value is None:
            raise ArgumentsInvalid(f"unable to resolve outputs.parameters.{one['name']}")
        kept = {key: one[key] for key in ("name", "globalName", "description") if key in one}
        parameters.append({**kept, "value": text_of(value)})
    artifacts = []
    for one in outputs.get("artifacts") or []:
        expression = one.get("fromExpression")
        found = evaluate(expression, names) if expression else names.get(str(one.get("from", "")).strip("{} "))
        if isinstance(found, dict):
            artifacts.append({**found, "name": one["name"]})
        elif not one.get("optional"):
            raise ArgumentsInvalid(f"unable to resolve outputs.artifacts.{one['name']}")
    return ({"parameters": parameters} if parameters else {}) | ({"artifacts": artifacts} if artifacts else {})
