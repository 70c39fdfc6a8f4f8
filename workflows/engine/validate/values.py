"""Arguments, inputs and outputs: what each may hold."""

import posixpath
from collections.abc import Callable

from workflows.engine.state import Json
from workflows.engine.validate.errors import WorkflowInvalid
from workflows.engine.validate.names import argument_faults, check_names, is_variable

LOCATIONS = ("artifactory", "azure", "gcs", "git", "hdfs", "http", "oss", "plugin", "raw", "s3")
NEEDED = {"http": "url", "git": "repo", "artifactory": "url"}  # without which it says nothing
SOURCES = ("path", "jqFilter", "jsonPath", "parameter", "expression")
LEAVES = ("container", "containerSet", "script", "resource", "data", "http", "plugin")
RULE_OF_VALUE_FROM = "valueFrom only allows: default, configMapKeyRef and supplied"


def parameters(side: Json | None) -> list[Json]:
    """The parameters of arguments, inputs or outputs."""
    return (side or {}).get("parameters") or []


def artifacts(side: Json | None) -> list[Json]:
    """The artifacts of arguments, inputs or outputs."""
    return (side or {}).get("artifacts") or []


def has_location(artifact: Json) -> bool:
    """Whether it says where its file is kept."""
    found = [kind for kind in LOCATIONS if artifact.get(kind) is not None]
    return any(kind not in NEEDED or artifact[kind].get(NEEDED[kind]) for kind in found)


def is_leaf(template: Json) -> bool:
    """Whether it is no group of others."""
    return any(template.get(kind) is not None for kind in LEAVES)


def check_arguments(place: str, arguments: Json | None, may_be_empty: bool) -> None:
    """Arguments of a workflow, step or task have names of their own and values; `place` ends with a dot."""
    check_names(f"{place}parameters", parameters(arguments), arguments=True)
    check_names(f"{place}artifacts", artifacts(arguments), arguments=True)
    for one in parameters(arguments):
        if _check_value(f"{place}{one['name']}", one, may_be_empty):
            return
    for one in artifacts(arguments):
        if not one.get("from") and not has_location(one):
            raise WorkflowInvalid(f"{place}{one['name']}.from, artifact location, or key is required")
        if one.get("from") and one.get("fromExpression"):
            raise WorkflowInvalid(f"{place}{one['name']} shouldn't have both `from` and `fromExpression` in Artifact")


def _check_value(place: str, one: Json, may_be_empty: bool) -> bool:
    """Whether the rest need not be looked at, as Argo leaves off at an enum that waits for its value."""
    value, source = one.get("value"), one.get("valueFrom")
    if value is None and source is None and not may_be_empty:
        raise WorkflowInvalid(f"{place}.value or {place}.valueFrom is required")
    if source is not None:
        known = source.get("configMapKeyRef") is not None or source.get("event") or source.get("supplied") is not None
        if not known or any(source.get(kind) for kind in ("path", "jsonPath", "parameter", "expression")):
            raise WorkflowInvalid(f"{place}.{RULE_OF_VALUE_FROM}")
    allowed = one.get("enum")
    if not allowed:  # an empty list is as none, since Argo's server drops it
        return False
    if value is None:
        if may_be_empty:
            return True
        raise WorkflowInvalid(f"{place}.value is required")
    if str(value) not in [str(each) for each in allowed]:
        raise WorkflowInvalid(f"{place}.value should be present in {place}.enum list")
    return False


def check_inputs(template: Json) -> None:
    """Inputs of a template: names, and where artifacts may lie."""
    name, inputs = template.get("name") or "", template.get("inputs")
    check_names(f"templates.{name}.inputs.parameters", parameters(inputs), arguments=True)
    check_names(f"templates.{name}.inputs.artifacts", artifacts(inputs), arguments=True)
    for one in artifacts(inputs):
        place = f"templates.{name}.inputs.artifacts.{one['name']}"
        if is_leaf(template):
            _check_path(place, one)
        elif one.get("path"):
            raise WorkflowInvalid(f"{place}.path only valid in container/script templates")
        if one.get("from"):
            raise WorkflowInvalid(f"{place}.from not valid in inputs")
        check_location(place, one)


def check_location(place: str, location: Json) -> None:
    """A place of an artifact says what its kind needs."""
    if location.get("git") is not None and not location["git"].get("repo"):
        raise WorkflowInvalid(f"{place}.git.repo is required")
    if location.get("hdfs") is not None:
        _check_hdfs(f"{place}.hdfs", location["hdfs"])


def _check_hdfs(place: str, hdfs: Json) -> None:
    if not hdfs.get("addresses"):
        raise WorkflowInvalid(f"{place}.addresses is required")
    if not hdfs.get("path"):
        raise WorkflowInvalid(f"{place}.path is required")
    if not str(hdfs["path"]).startswith("/"):
        raise WorkflowInvalid(f"{place}.path must be a absolute file path")
    cache, keytab = hdfs.get("krbCCacheSecret") is not None, hdfs.get("krbKeytabSecret") is not None
    if not hdfs.get("hdfsUser") and not cache and not keytab:
        kinds = f"{place}.hdfsUser, {place}.krbCCacheSecret or {place}.krbKeytabSecret"
        raise WorkflowInvalid(f"either {kinds} is required")
    both = hdfs.get("krbServicePrincipalName") and hdfs.get("krbConfigConfigMap") is not None
    if keytab and not (both and hdfs.get("krbUsername") and hdfs.get("krbRealm")):
        kinds = f"{place}.krbServicePrincipalName, {place}.krbConfigConfigMap, {place}.krbUsername and {place}.krbRealm"
        raise WorkflowInvalid(f"{kinds} are required with {place}.krbKeytabSecret")
    if cache and not both:
        kinds = f"{place}.krbServicePrincipalName and {place}.krbConfigConfigMap"
        raise WorkflowInvalid(f"{kinds} are required with {place}.krbCCacheSecret")


def _check_path(place: str, artifact: Json) -> None:
    """A path is there, and what follows a `/../` in it (a parameter, say) cannot leave the folder before it."""
    path = str(artifact.get("path") or "")
    if not path:
        raise WorkflowInvalid(f"error in {place}: Artifact '{artifact['name']}' did not specify a path")
    if "/../" not in path and not path.endswith("/.."):
        return
    safe = path[: path.index("/..")]
    cleaned = posixpath.normpath(path)
    if safe and (not cleaned.startswith(f"{safe}/") or len(cleaned) <= len(safe) + 1):
        raise WorkflowInvalid(
            f"error in {place}: Artifact '{artifact['name']}' attempted to use a path containing '..'. "
            "Directory traversal is not permitted"
        )


def supplied_inputs(template: Json, arguments: Json | None, placeholder: Callable[[], str]) -> Json:
    """The template's inputs with their values: from the arguments (None: any are given), a default, or a location.

    Raises:
        WorkflowInvalid: one has none.
    """
    inputs, place = template.get("inputs") or {}, f"templates.{template.get('name') or ''} inputs"
    given = {one["name"]: one for one in parameters(arguments)}
    filled = []
    for one in parameters(inputs):
        value = one.get("value") if one.get("value") is not None else one.get("default")
        argument = {"value": placeholder()} if arguments is None else given.get(one["name"])
        found = {**one, "value": value}
        if argument is not None:
            source = argument.get("valueFrom") if argument.get("value") is None else None
            found |= {"value": argument.get("value"), "valueFrom": source}
        if found["value"] is None and (found.get("valueFrom") or {}).get("configMapKeyRef") is None:
            raise WorkflowInvalid(f"{place}.parameters.{one['name']} was not supplied")
        filled.append(found)
    files = {one["name"]: one for one in artifacts(arguments)}
    brought = []
    for one in artifacts(inputs):
        artifact = {"name": one["name"]} if arguments is None else files.get(one["name"])
        if artifact is None and not one.get("optional") and not has_location(one):
            raise WorkflowInvalid(f"{place}.artifacts.{one['name']} was not supplied")
        own = {key: one.get(key) for key in ("path", "mode", "recurseMode")}
        brought.append(one if artifact is None else artifact | own)
    return {**inputs, **({"parameters": filled} if filled else {}), **({"artifacts": brought} if brought else {})}


def check_outputs(template: Json, kind: str) -> None:
    """Outputs of a template of that kind: paths, sources and global names."""
    name, outputs = template.get("name") or "", template.get("outputs")
    for one in artifacts(outputs):
        place = f"templates.{name}.outputs.artifacts.{one['name']}"
        if is_leaf(template):
            _check_path(place, one)
        elif one.get("path"):
            raise WorkflowInvalid(f"{place}.path only valid in container/script templates")
        _check_global_name(place, one)
    for one in parameters(outputs):
        place = f"templates.{name}.outputs.parameters.{one['name']}"
        _check_source(place, one)
        if one.get("valueFrom") is not None:
            _check_source_fits(place, one["valueFrom"], kind)
        _check_global_name(place, one)


def _check_global_name(place: str, one: Json) -> None:
    wanted = one.get("globalName")
    if wanted and not is_variable(wanted) and (faults := argument_faults(wanted)):
        raise WorkflowInvalid(f"{place}.globalName: {faults}")


def _check_source(place: str, one: Json) -> None:
    source = one.get("valueFrom")
    if source is not None and one.get("value") is not None:
        raise WorkflowInvalid(f"{place} has both valueFrom and value specified. Choose one.")
    if one.get("value") is not None:
        return
    if source is None:
        raise WorkflowInvalid(f"{place} does not have valueFrom or value specified")
    kinds = sum(bool(source.get(kind)) for kind in SOURCES) + (source.get("supplied") is not None)
    if kinds == 0:
        raise WorkflowInvalid(
            "valueFrom type unspecified. choose one of: path, jqFilter, jsonPath, parameter, raw, expression"
        )
    if kinds > 1:
        raise WorkflowInvalid(
            "multiple valueFrom types specified. choose one of: path, jqFilter, jsonPath, parameter, raw"
        )


def _check_source_fits(place: str, source: Json, kind: str) -> None:
    title = {"steps": "Steps", "dag": "DAG", "container": "Container", "containerSet": "ContainerSet",
             "script": "Script", "resource": "Resource"}.get(kind, kind)  # fmt: skip
    if kind in ("container", "containerSet", "script") and not source.get("path"):
        raise WorkflowInvalid(f"{place}.path must be specified for {title} templates")
    if kind == "resource" and not source.get("jqFilter") and not source.get("jsonPath"):
        raise WorkflowInvalid(f"{place} .jqFilter or jsonPath must be specified for {title} templates")
    if kind in ("steps", "dag"):
        if not source.get("parameter") and not source.get("expression"):
            raise WorkflowInvalid(f"{place}.parameter or expression must be specified for {title} templates")
        if source.get("parameter") and source.get("expression"):
            raise WorkflowInvalid(
                f"{place} shouldn't have both `from` and `expression` specified in `ValueFrom` for {title} templates"
            )
