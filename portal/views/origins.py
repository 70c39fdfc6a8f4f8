"""Where a thing comes from and what came from it, as a short path with links; and what depends on a thing that shall go."""

from collections.abc import Iterable

import streamlit as st

from atrium.lineage import Node, NodeKind, lineage_of
from portal.session import project, who
from portal.ui import card, guard, link_to
from portal.words import _

ICONS = {
    NodeKind.SOURCE: "input", NodeKind.DATASET: "database", NodeKind.FEATURE_VIEW: "stacks", NodeKind.RUN: "science",
    NodeKind.MODEL_VERSION: "deployed_code", NodeKind.SERVICE: "rocket_launch", NodeKind.DEMO: "co_present",
}  # fmt: skip
MOST_SHOWN = 4
SHORT_ID = 8


def kind_title(kind: NodeKind) -> str:
    """What a kind of thing is called."""
    titles = {
        NodeKind.SOURCE: _("Source"), NodeKind.DATASET: _("Dataset"), NodeKind.FEATURE_VIEW: _("Feature view"), NodeKind.RUN: _("Run"),
        NodeKind.MODEL_VERSION: _("Model version"), NodeKind.SERVICE: _("Service"), NodeKind.DEMO: _("Demo"),
    }  # fmt: skip
    return titles[kind]


def _words(node: Node) -> str:
    name = node.name[:SHORT_ID] if node.kind is NodeKind.RUN else node.name
    return f"{name} v{node.version}" if node.version else name


def _target(node: Node) -> tuple[str, dict[str, str]] | None:
    """The page that shows a node, and what is asked of it."""
    return {
        NodeKind.DATASET: ("datasets", {"dataset": node.name}), NodeKind.FEATURE_VIEW: ("features", {}),
        NodeKind.RUN: ("experiments", {"tracking": node.name}),
        NodeKind.MODEL_VERSION: ("models", {"model": node.name, "version": node.version}),
        NodeKind.SERVICE: ("services", {"service": node.name}), NodeKind.DEMO: ("demos", {}),
    }.get(node.kind)  # fmt: skip


def _show(node: Node) -> None:
    if target := _target(node):
        link_to(target[0], _words(node), ICONS[node.kind], **target[1])
    else:
        st.text(_words(node), width="content")


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
        ends = [end for edge in edges for end in (edge.source, edge.target)]
        with (
            card(_("Where it comes from, and what uses it")),
            st.container(horizontal=True, gap="small", vertical_alignment="top"),
        ):
            for number, (kind, nodes) in enumerate(levels(ends)):
                if number:
                    st.markdown(":gray[:material/arrow_forward:]", width="content")
                _level(kind, nodes)


def _level(kind: NodeKind, nodes: list[Node]) -> None:
    with st.container(gap=None, width="content"):
        st.caption(kind_title(kind), width="content")
        for one in nodes[:MOST_SHOWN]:
            _show(one)
        if len(nodes) > MOST_SHOWN:
            st.caption(_("and {n} more").format(n=len(nodes) - MOST_SHOWN), width="content")


def depend_words(nodes: Iterable[Node]) -> str:
    """A sentence for questions: what depends on a thing, or that nothing does."""
    found = [f"{kind_title(kind)}: {', '.join(_words(one) for one in known[:MOST_SHOWN])}"
             + (f" (+{len(known) - MOST_SHOWN})" if len(known) > MOST_SHOWN else "") for kind, known in levels(nodes)]  # fmt: skip
    if not found:
        return _("Nothing that is known depends on it.")
    return _("Made from it, and staying as they are: {things}.").format(things="; ".join(found))
