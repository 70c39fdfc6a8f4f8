"""List options in a request's query, as Argo's clients send them."""

import json
from datetime import UTC, datetime

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException

from workflows.engine.expressions import ExpressionInvalid
from workflows.engine.expressions.patterns import matches
from workflows.engine.listing import Query, read_token
from workflows.engine.masks import Mask
from workflows.engine.selectors import SelectorInvalid, Term, check_listed, check_watched, parse_fields, parse_labels
from workflows.engine.state import Json, Workflow, stamp
from workflows.engine.store import Store

MOST_LISTED = 500
REMAINING = "ext.showRemainingItemCount"


def number(query: QueryParams, name: str) -> int:
    """A whole number of the query, 0 where it is not there. Raises `SelectorInvalid`."""
    text = query.get(name) or "0"
    if not text.isdigit():
        raise SelectorInvalid(f"{name} {text!r} is no number; it is a whole number, 0 or more")
    return int(text)


def pattern(query: QueryParams, name: str) -> str:
    """A regular expression of the query, empty where it is not there. Raises `SelectorInvalid` in Argo's words."""
    text = query.get(name) or ""
    try:
        matches(text, "")
    except ExpressionInvalid as error:
        raise SelectorInvalid(str(error)) from error
    return text


def moment(query: QueryParams, name: str) -> str:
    """A time of the query as Kubernetes writes it, empty where it is not there. Raises `SelectorInvalid`."""
    text = query.get(name) or ""
    if not text:
        return ""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise SelectorInvalid(f"{name} {text!r} is no time; write it as 2026-01-31T12:00:00Z") from error
    return stamp(found.astimezone(UTC))


def list_query(
    query: QueryParams, namespaces: list[str] | None, archive: bool = False, watched: bool = False
) -> tuple[Query, bool]:
    """What a list request asks for, and whether it wants to know how many remain; `watched` for a stream. Raises `SelectorInvalid`."""
    limit = min(number(query, "listOptions.limit") or MOST_LISTED, MOST_LISTED)
    terms = watched_fields(query, "workflows") if watched else _listed_fields(query)
    remaining = any(term.key == REMAINING and term.values == ("true",) for term in terms)
    prefix = query.get("namePrefix") or ""
    found = Query(
        namespaces, parse_labels(query.get("listOptions.labelSelector") or ""),
        [term for term in terms if term.key != REMAINING], *_named(query, prefix),
        moment(query, "createdAfter"), moment(query, "finishedBefore"), archive, archive, 0,
        read_token(query["listOptions.continue"]) if query.get("listOptions.continue") else None, limit,
    )  # fmt: skip
    return _compared(found, query.get("nameFilter") or ""), remaining


def watched_fields(query: QueryParams, kind: str) -> list[Term]:
    """The field selector of a request that Kubernetes itself answers. Raises `SelectorInvalid`."""
    labels, fields = (query.get(f"listOptions.{one}Selector") or "" for one in ("label", "field"))
    terms = parse_fields(fields)
    check_watched(terms, kind, (labels, fields))
    return terms


def _listed_fields(query: QueryParams) -> list[Term]:
    selector = query.get("listOptions.fieldSelector") or ""
    check_listed(selector)
    return parse_fields(selector)


def is_to_be_deleted(query: QueryParams, metadata: Json) -> bool:
    """Whether a DELETE of the object with this metadata is meant, not only tried (`deleteOptions.dryRun`).

    Raises:
        HTTPException: 409 where its uid or version is not what the request presupposes.
    """
    for key, title, fate in (
        ("uid", "UID", "deleted and then recreated"),
        ("resourceVersion", "ResourceVersion", "modified"),
    ):
        wanted, found = query.get(f"deleteOptions.preconditions.{key}"), str(metadata.get(key, ""))
        if wanted and wanted != found:
            raise HTTPException(
                409, f'Operation cannot be fulfilled on  "{metadata["name"]}": the {title} in the precondition ({wanted}) does not match '
                f"the {title} in record ({found}). The object might have been {fate}",
            )  # fmt: skip
    return is_meant(query.getlist("deleteOptions.dryRun"))


def is_meant(dry_run: object) -> bool:
    """Whether a change is to be made, not only tried, by its options' `dryRun`. Raises `SelectorInvalid`."""
    if dry_run in (None, [], "", [""]):
        return True
    if dry_run not in (["All"], "All"):
        raise SelectorInvalid(f'dryRun: Invalid value: {dry_run}: supported values: "All"')
    return False


def check_namespace(query: Query, namespace: str) -> None:
    """Raises `SelectorInvalid` where a field selector names another namespace than the path."""
    for term in query.fields:
        if term.key == "metadata.namespace" and term.operator == "in" and namespace and term.values != (namespace,):
            raise SelectorInvalid(
                f"'namespace' query param (\"{namespace}\") and fieldselector 'metadata.namespace' (\"{term.values[0]}\") "
                "are both specified and contradict each other"
            )


def _named(query: QueryParams, prefix: str) -> tuple[str, str]:
    """The name that is asked for and how it is compared; Argo sends it as the value of a field selector on the name."""
    kind = query.get("nameFilter") or ""
    if kind not in ("", "Contains", "Prefix", "Exact"):
        raise SelectorInvalid(f"nameFilter {kind!r} is not known; it is Contains, Prefix or Exact")
    return (prefix, kind or "Prefix") if prefix else ("", kind or "Exact")


def _compared(found: Query, kind: str) -> Query:
    """The query with its field selector on the name compared by `nameFilter`."""
    if kind not in ("Contains", "Prefix"):
        return found
    named = [term for term in found.fields if term.key == "metadata.name" and term.operator == "in"]
    rest: list[Term] = [term for term in found.fields if term not in named]
    return (
        Query(**{**found.__dict__, "fields": rest, "name": named[0].values[0], "name_filter": kind}) if named else found
    )


def shown(store: Store, live: Workflow | None, uid: str, mask: Mask) -> str | None:
    """A workflow's JSON with the parts that a mask keeps; None where it is gone."""
    nodes = mask.keeps("items.status.nodes")
    workflow = live or (store.by_uid(uid) if nodes else _bare(store.document(uid)))
    if workflow is None:
        return None
    return workflow.text() if not mask.fields else masked(workflow, mask, nodes, "items")


def masked(workflow: Workflow, mask: Mask, nodes: bool, prefix: str = "") -> str:
    """A workflow's JSON with what a mask keeps of it; `prefix` is where it lies in the answer."""
    document = workflow.rendered(nodes=nodes)
    if not prefix:
        return json.dumps(mask.applied(document))
    return json.dumps(mask.applied({prefix: document}).get(prefix, {}))


def _bare(document: Json | None) -> Workflow | None:
    return Workflow(document) if document else None
