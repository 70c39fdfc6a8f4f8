"""Where a thing comes from and what came from it, as a short path with links; and what depends on a thing that shall go."""

from collections.abc import Iterable, Mapping

import streamlit as st

import model_registry
from atrium.lineage import Node, NodeKind, lineage_of
from portal.session import project, who
from portal.ui import Thing, address_of, card, go_to, guard, path
from portal.words import _

MOST_SHOWN = 4
SHORT_ID = 8


def kind_title(kind: NodeKind) -> str:
    """What a kind of thing is called."""
    titles = {
        NodeKind.SOURCE: _("Source"), NodeKind.DATASET: _("Dataset"), NodeKind.FEATURE_VIEW: _("Feature view"), NodeKind.RUN: _("Run"),
        NodeKind.MODEL_VERSION: _("Model version"), NodeKind.SERVICE: _("Service"), NodeKind.DEMO: _("Demo"),
    }  # fmt: skip
    return titles[kind]


def _words(node: Node, runs: Mapping[str, str] | None = None) -> str:
    """A thing's name with its version; a tracked run's is its name in `runs` with the beginning of its id."""
    if node.kind is NodeKind.RUN:
        short = node.name[:SHORT_ID]
        return f"{runs[node.name]} · {short}" if runs and runs.get(node.name) else short
    return f"{node.name} v{node.version}" if node.version else node.name


def _run_names(nodes: Iterable[Node]) -> dict[str, str]:
    ids = [one.name for one in nodes if one.kind is NodeKind.RUN]
    return model_registry.tracking_run_names(who(), project(), ids) if ids else {}


def _target(node: Node) -> tuple[str, dict[str, str]] | None:
    """The page that shows a node, and what is asked of it."""
    version = {"version": node.version} if node.version else {}
    return {
        NodeKind.DATASET: ("datasets", {"dataset": node.name} | version), NodeKind.FEATURE_VIEW: ("features", {"view": node.name}),
        NodeKind.RUN: ("experiments", {"tracking": node.name}), NodeKind.MODEL_VERSION: ("models", {"model": node.name} | version),
        NodeKind.SERVICE: ("services", {"service": node.name}), NodeKind.DEMO: ("demos", {}),
    }.get(node.kind)  # fmt: skip


def levels(nodes: Iterable[Node]) -> list[tuple[NodeKind, list[Node]]]:
    """Nodes by kind, in the order in which kinds come from each other."""
    known = list(dict.fromkeys(nodes))
    return [(kind, found) for kind in NodeKind if (found := [one for one in known if one.kind is kind])]


def path_card(node: Node) -> None:
    """The path that leads to a node and on from it; nothing is drawn where nothing is known."""
    with guard():
        found = lineage_of(who(), project(), node)
        edges = [*found.upstream, *found.downstream]
        if not edges:
            st.caption(_("Nothing is known yet of where this comes from or what uses it."))
            return
        nodes = list(dict.fromkeys(end for edge in edges for end in (edge.source, edge.target)))
        nodes.sort(key=lambda one: not _is(one, node))
        with card(_("Where it comes from, and what uses it")):
            _path(node, nodes)


def _is(one: Node, node: Node) -> bool:
    return (one.kind, one.name) == (node.kind, node.name) and node.version in ("", one.version)


def _path(node: Node, nodes: list[Node]) -> None:
    runs, drawn = _run_names(nodes), []
    for kind, known in levels(nodes):
        things = []
        for one in known:
            target = _target(one)
            href = address_of(target[0], **target[1]) if target else ""
            things.append(Thing(str(nodes.index(one)), _words(one, runs), one.name, href, _is(one, node)))
        drawn.append((kind_title(kind), things))
    clicked = path(f"path-{node.kind}-{node.name}", drawn, _("Where it comes from, and what uses it"))
    if clicked and (target := _target(nodes[int(clicked.row)])):
        go_to(target[0], **target[1])


def depend_words(nodes: Iterable[Node]) -> str:
    """A sentence for questions: what depends on a thing, or that nothing does."""
    known = list(nodes)
    runs = _run_names(known)
    found = []
    for kind, things in levels(known):
        more = f" (+{len(things) - MOST_SHOWN})" if len(things) > MOST_SHOWN else ""
        found.append(f"{kind_title(kind)}: {', '.join(_words(one, runs) for one in things[:MOST_SHOWN])}{more}")
    if not found:
        return _("Nothing that is known depends on it.")
    return _("Made from it, and staying as they are: {things}.").format(things="; ".join(found))
