"""What a template gets and gives: parameters and artifacts."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from workflows.engine.expressions import ExpressionInvalid, Value, compact, evaluate, go_json_error, printed, text_of
from workflows.engine.machine.world import ConfigMapInvalid
from workflows.engine.state import Json
from workflows.engine.templating import fill

LOCATIONS = {"s3": "key", "http": "url", "git": "repo", "artifactory": "url"}  # with the field without which it is none
MapValue = Callable[[str, str], str]


class ArgumentsInvalid(ValueError):
    """A parameter or artifact is missing or not allowed; the text is Argo's."""


def _given(arguments: Json, kind: str, name: str) -> Json | None:
    return next((one for one in arguments.get(kind) or [] if one["name"] == name), None)


def filled_inputs(template: Json, arguments: Json, names: Mapping[str, Value], map_value: MapValue) -> Json:
    """A template's inputs with their values: from the arguments, else the default, else a config map's key.

    Raises:
        ArgumentsInvalid: a value is missing.
    """
    wanted = template.get("inputs") or {}
    parameters = [_parameter(one, arguments, names, map_value) for one in wanted.get("parameters") or []]
    own = input_names({"parameters": parameters})
    found = [_artifact(one, arguments, names) for one in wanted.get("artifacts") or []]
    artifacts = [filled for one in found if _is_located(filled := fill(one, own))]
    return ({"parameters": parameters} if parameters else {}) | ({"artifacts": artifacts} if artifacts else {})


def _parameter(wanted: Json, arguments: Json, names: Mapping[str, Value], map_value: MapValue) -> Json:
    made = dict(wanted)
    if made.get("value") is None and made.get("default") is not None:
        made["value"] = made["default"]
    if given := _given(arguments, "parameters", wanted["name"]):
        for key in ("value", "valueFrom"):
            made.pop(key, None)
        made |= {key: given[key] for key in ("value", "valueFrom") if given.get(key) is not None}
        if "value" in made:
            made.pop("valueFrom", None)
    if made.get("default") is not None:
        made["default"] = fill(made["default"], names)
    source = made.get("valueFrom") or {}
    if reference := source.get("configMapKeyRef"):
        made["value"] = _map_parameter(wanted["name"], fill(reference, names), source, map_value)
    elif made.get("value") is None and "expression" in source:
        made = {"name": made["name"], "value": evaluate(str(source["expression"]), names)}
    if made.get("value") is None:
        raise ArgumentsInvalid(f"inputs.parameters.{wanted['name']} was not supplied")
    made["value"] = text_of(fill(made["value"], names))
    return made


def _map_parameter(name: str, reference: Json, source: Json, map_value: MapValue) -> str:
    try:
        return map_value(reference["name"], reference["key"])
    except ConfigMapInvalid as error:
        if error.missing and source.get("default") is not None:
            return text_of(source["default"])
        raise ArgumentsInvalid(f"unable to retrieve inputs.parameters.{name} from ConfigMap: {error}") from error


def _is_located(artifact: Json) -> bool:
    return "raw" in artifact or any((artifact.get(kind) or {}).get(key) for kind, key in LOCATIONS.items())


def _artifact(wanted: Json, arguments: Json, names: Mapping[str, Value]) -> Json:
    given, name = _given(arguments, "artifacts", wanted["name"]), wanted["name"]
    if not wanted.get("optional") and not _is_located(wanted):
        if given is None:
            raise ArgumentsInvalid(f"inputs.artifacts.{name} was not supplied")
        if not _is_located(given):
            raise ArgumentsInvalid(f"inputs.artifacts.{name} missing location information")
    place: Json = {key: wanted[key] for key in ("path", "mode", "recurseMode", "optional", "archive") if key in wanted}
    return fill({**given, "name": name, **place} if given else wanted, names)


def with_absent(inputs: Json, template: Json) -> Json:
    """A template's filled inputs with the optional artifacts that nobody gave, which may be named and handed on all the same."""
    given = inputs.get("artifacts") or []
    names = {one["name"] for one in given}
    absent = [one for one in (template.get("inputs") or {}).get("artifacts") or [] if one["name"] not in names]
    return {**inputs, "artifacts": [*given, *absent]}


def input_names(inputs: Json) -> dict[str, Value]:
    """The names by which a template's own texts reach its inputs."""
    names: dict[str, Value] = {}
    for one in inputs.get("parameters") or []:
        names[f"inputs.parameters.{one['name']}"] = one["value"]
    for one in inputs.get("artifacts") or []:
        names[f"inputs.artifacts.{one['name']}"] = one
        if one.get("path"):
            names[f"inputs.artifacts.{one['name']}.path"] = one["path"]
    names["inputs.parameters"] = listed(inputs.get("parameters") or [])
    return names


def listed(parameters: list[Json]) -> str:
    """Parameters as JSON, as Go writes them: keys in the order of Argo's type, absent ones left out."""
    order = ("name", "default", "value", "valueFrom", "globalName", "enum", "description")
    kept = [
        f"{{{','.join(f'{json.dumps(key)}:{compact(one[key])}' for key in order if key in one)}}}" for one in parameters
    ]
    return f"[{','.join(kept)}]"


def path_names(template: Json) -> dict[str, Value]:
    """The names of the paths at which a template must leave its outputs."""
    outputs = template.get("outputs") or {}
    names: dict[str, Value] = {
        f"outputs.artifacts.{one['name']}.path": one["path"]
        for one in outputs.get("artifacts") or []
        if one.get("path")
    }
    for one in outputs.get("parameters") or []:
        if path := (one.get("valueFrom") or {}).get("path"):
            names[f"outputs.parameters.{one['name']}.path"] = path
    return names


def result_names(start: str, node: Json) -> dict[str, Value]:
    """The names by which later steps reach what the node gave, below `start` (`steps.a`)."""
    names: dict[str, Value] = {f"{start}.id": node["id"], f"{start}.status": node["phase"]}
    fields = (
        ("startedAt", "startedAt"),
        ("finishedAt", "finishedAt"),
        ("podIP", "ip"),
        ("hostNodeName", "hostNodeName"),
    )
    for key, name in fields:
        if node.get(key):
            names[f"{start}.{name}"] = node[key]
    return names | output_names(start, node.get("outputs") or {})


def output_names(start: str, outputs: Json) -> dict[str, Value]:
    """The names of outputs alone, below `start`."""
    names: dict[str, Value] = {}
    if start != "workflow":
        for key, name in (("exitCode", "exitCode"), ("result", "outputs.result")):
            if key in outputs:
                names[f"{start}.{name}"] = outputs[key]
    for one in outputs.get("parameters") or []:
        if one.get("value") is not None:
            names[f"{start}.outputs.parameters.{one['name']}"] = text_of(one["value"])
    for one in outputs.get("artifacts") or []:
        names[f"{start}.outputs.artifacts.{one['name']}"] = one
    return names


def _parsed(text: str) -> Value:
    try:
        value: Value = json.loads(text)
    except ValueError:
        return None
    return value


def _aggregated(texts: list[str]) -> str:
    """The texts as a JSON list, or what they hold where each is a JSON object or list, as Argo does."""
    parsed = [_parsed(text) for text in texts]
    return compact(parsed if all(isinstance(one, (dict, list)) for one in parsed) else list(texts))


def loop_names(start: str, nodes: list[Json]) -> dict[str, Value]:
    """The names of what a loop's nodes, in order, gave: lists as JSON. Raises `ArgumentsInvalid`."""
    if not nodes:
        return {}
    done = [node["outputs"] for node in nodes if node.get("outputs") and node["phase"] == "Succeeded"]
    texts: list[str] = []
    for outputs in done:
        if "result" in outputs:
            texts.append(_raw(str(outputs["result"])))
    tables = [
        {one["name"]: text_of(one.get("value", "")) for one in outputs["parameters"]}
        for outputs in done
        if outputs.get("parameters")
    ]
    names: dict[str, Value] = {
        f"{start}.outputs.parameters": compact(tables),
        f"{start}.outputs.result": f"[{','.join(texts)}]",
    }
    for key in {key: None for table in tables for key in table}:
        names[f"{start}.outputs.parameters.{key}"] = _aggregated([table[key] for table in tables if key in table])
    return names


def _raw(text: str) -> str:
    """One result within a JSON list. Raises `ArgumentsInvalid` where it is no JSON, as Argo does."""
    if told := go_json_error(text):
        raise ArgumentsInvalid(told)
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)


def output_values(outputs: Json, names: Mapping[str, Value]) -> Json:
    """Outputs of a steps or dag template, taken from what its inner ones gave. Raises `ArgumentsInvalid`."""
    parameters = [_output(one, names) for one in outputs.get("parameters") or []]
    artifacts = [found for one in outputs.get("artifacts") or [] if (found := _output_artifact(one, names))]
    return ({"parameters": parameters} if parameters else {}) | ({"artifacts": artifacts} if artifacts else {})


def _output(one: Json, names: Mapping[str, Value]) -> Json:
    source = one.get("valueFrom")
    if source is None:
        raise ArgumentsInvalid("output parameters must have a valueFrom specified")
    value: Any = None
    try:
        value = _sourced(source, names)
    except (ArgumentsInvalid, ExpressionInvalid):
        if source.get("default") is None:
            raise
        value = source["default"]
    return {
        **{key: item for key, item in one.items() if key != "valueFrom"},
        "value": printed(value),
    }


def _sourced(source: Json, names: Mapping[str, Value]) -> Value:
    if source.get("expression"):
        return evaluate(str(source["expression"]), names)
    if not source.get("parameter"):
        return ""
    return resolved(str(source["parameter"]), names)


def resolved(reference: str, names: Mapping[str, Value]) -> Value:
    """What `{{name}}` or `{{=expression}}` stands for. Raises `ArgumentsInvalid`."""
    tag = reference.strip().removeprefix("{{").removesuffix("}}").strip()
    if tag.startswith("="):
        try:
            value = evaluate(tag[1:].strip(), names)
        except ExpressionInvalid:
            raise ArgumentsInvalid(f'Invalid expression: "{tag[1:]}"') from None
        if value is not None:
            return value
    elif tag in names:
        return names[tag]
    raise ArgumentsInvalid(f'Unable to resolve: "{tag}"')


def resolved_artifact(artifact: Json, names: Mapping[str, Value]) -> Json:
    """The artifact that `from` or `fromExpression` names, with `subPath` below its key. Raises `ArgumentsInvalid`."""
    expression = artifact.get("fromExpression")
    found = evaluate(str(expression), names) if expression else resolved(str(artifact["from"]), names)
    if not isinstance(found, dict):
        raise ArgumentsInvalid(f"Variable {{{{{artifact.get('from') or expression}}}}} is not an artifact")
    made = {key: value for key, value in found.items() if key not in ("path", "globalName", "from", "fromExpression")}
    if below := artifact.get("subPath"):
        made = _below(made, str(fill(below, names)))
    return {**made, "name": artifact["name"]}


def _below(artifact: Json, part: str) -> Json:
    """The artifact whose key goes on with `part`."""
    for kind in ("s3", "gcs", "azure", "oss", "hdfs"):
        if "key" in (artifact.get(kind) or {}):
            place = artifact[kind]
            return {**artifact, kind: {**place, "key": f"{place['key'].rstrip('/')}/{part.lstrip('/')}"}}
    return artifact


def _output_artifact(one: Json, names: Mapping[str, Value]) -> Json | None:
    if not one.get("from") and not one.get("fromExpression"):
        return None
    try:
        found = resolved_artifact(one, names)
    except (ArgumentsInvalid, ExpressionInvalid) as error:
        if one.get("optional"):
            return None
        raise ArgumentsInvalid(f"unable to resolve outputs from scope: {error}") from error
    return {**found, **({"globalName": one["globalName"]} if one.get("globalName") else {})}
