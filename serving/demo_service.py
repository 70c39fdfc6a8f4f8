"""What a person can do with demos and the feedback on them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

import tenancy
from atrium.clock import now
from atrium.database import reading, writing
from atrium.events import emit
from atrium.identity import Actor, Verb, require
from atrium.lineage import Node, NodeKind, connect, forget_node
from atrium.names import check_name
from atrium.pages import Page, page_of, read_page
from atrium.settings import get_settings
from serving.models import DemoNotFound, DemoRow, DemoView, FeedbackRow, FeedbackView
from serving.service import find
from tenancy import audit, set_public

LONGEST_OUTPUT = 300


def view(row: DemoRow) -> DemoView:
    """What is shown of a demo."""
    address = get_settings().content_address(row.name, row.project)
    return DemoView(
        row.project, row.name, row.service, row.title, row.public, address, row.published_by, row.published_at
    )


def publish_demo(who: Actor, project: str, name: str, service: str, title: str = "", public: bool = False) -> DemoView:
    """Puts a demo in front of a service; a public one needs no sign-in and takes who manages the project.

    Raises:
        Forbidden, NameInvalid, ServiceNotFound.
    """
    require(who, Verb.DEPLOY, project)
    check_name(name, "demo")
    with writing() as session:
        find(session, project, service)
        row = DemoRow(
            project=project, name=name, service=service, title=(title or name)[:120], public=public,
            published_by=who.name, published_at=now(),
        )  # fmt: skip
        existing = session.get(DemoRow, (project, name))
        if public or (existing and existing.public):
            set_public(session, who, project, f"{name}--{project}", public)
        row = session.merge(row)
        audit(session, who, "demo.publish", project, name, service)
        made_of = Node(NodeKind.SERVICE, service)
        connect(session, project, [made_of], Node(NodeKind.DEMO, name), "demo/publish", instead=True)
        emit(session, "demo.changed", project, name, {"service": service, "public": public})
        return view(row)


def unpublish_demo(who: Actor, project: str, name: str) -> None:
    """Takes a demo down; the feedback on it is kept. Raises `Forbidden`, `DemoNotFound`."""
    require(who, Verb.DEPLOY, project)
    with writing() as session:
        row = session.get(DemoRow, (project, name))
        if row is None:
            raise DemoNotFound(f"demo {name!r} of project {project!r}", "there is none of this name", "see the demos")
        session.delete(row)
        forget_node(session, project, Node(NodeKind.DEMO, name))
        audit(session, who, "demo.unpublish", project, name)
        emit(session, "demo.changed", project, name, {"gone": True})
    tenancy.end_content_tokens(project, f"demo {name}")


def list_demos(who: Actor, project: str, after: str | None = None, limit: int | None = None) -> Page[DemoView]:
    """The project's demos by name: all, or a page. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    query = select(DemoRow).where(DemoRow.project == project)
    with reading() as session:
        return page_of(read_page(session, query, [DemoRow.name], after, limit), view)


def get_demo(project: str, name: str) -> DemoView:
    """One demo, for the demo host, which judges its visitors itself. Raises `DemoNotFound`."""
    with reading() as session:
        row = session.get(DemoRow, (project, name))
        if row is None:
            raise DemoNotFound(f"demo {name!r} of project {project!r}", "there is none of this name", "see the demos")
        return view(row)


def keep_feedback(user: str, project: str, demo: str, inputs: Mapping[str, Any], output: str, right: bool) -> None:
    """Keeps what a visitor said of an answer; for the demo host."""
    with writing() as session:
        row = FeedbackRow(
            at=now(),
            project=project,
            demo=demo,
            user=user,
            inputs=dict(inputs),
            output=output[:LONGEST_OUTPUT],
            right=right,
        )
        session.add(row)


def list_feedback(
    who: Actor, project: str, demo: str | None = None, limit: int = 50, after: str | None = None
) -> Page[FeedbackView]:
    """What visitors said, newest first, at most 200. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    query = select(FeedbackRow).where(FeedbackRow.project == project)
    if demo:
        query = query.where(FeedbackRow.demo == demo)
    with reading() as session:
        found = read_page(session, query, [FeedbackRow.id], after, limit, newest_first=True)
    return page_of(found, lambda r: FeedbackView(r.at, r.demo, r.user, r.inputs, r.output, r.right))


def feedback_summary(who: Actor, project: str) -> tuple[int, int]:
    """How many answers visitors called right, and wrong. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    query = select(FeedbackRow.right, func.count()).where(FeedbackRow.project == project).group_by(FeedbackRow.right)
    with reading() as session:
        counted = {bool(right): int(count) for right, count in session.execute(query)}
    return counted.get(True, 0), counted.get(False, 0)


def feedback_by_demo(who: Actor, project: str) -> dict[str, tuple[int, int]]:
    """By demo how many answers visitors called right, and wrong, by one query. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    query = (
        select(FeedbackRow.demo, FeedbackRow.right, func.count())
        .where(FeedbackRow.project == project)
        .group_by(FeedbackRow.demo, FeedbackRow.right)
    )
    found: dict[str, tuple[int, int]] = {}
    with reading() as session:
        for demo, right, count in session.execute(query):
            good, bad = found.get(demo, (0, 0))
            found[demo] = (good + count, bad) if right else (good, bad + count)
    return found
