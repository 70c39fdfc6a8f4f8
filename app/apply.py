"""`atrium apply`: brings the platform to what a folder declares, after telling what will change. It deletes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import yaml

import serving
import tenancy
import workflows
from app.declared import KINDS, Declared, DemoFile, Json, present
from atrium.identity import Actor


class Change(StrEnum):
    """What a step does."""

    CREATE = "create"
    CHANGE = "change"
    NOTHING = "unchanged"
    MISSING = "missing"  # a secret whose value only a person can give
    BEYOND = "not declared"  # is there, and stays


@dataclass(frozen=True)
class Step:
    """One object of the plan; `object` is like `flights/services/flight-delay`."""

    change: Change
    project: str
    kind: str
    name: str

    @property
    def object(self) -> str:
        """Its place in the folder."""
        return f"{self.project}/{self.kind}/{self.name}" if self.name else f"{self.project}/{self.kind}"


def _compared(wanted: object, found: object) -> Change:
    return Change.NOTHING if wanted == found else Change.CREATE if found is None else Change.CHANGE


def _of_project(declared: Declared, now: Declared, exists: bool) -> Iterator[Step]:
    name, wanted, found = declared.name, declared.project, now.project
    yield Step(Change.NOTHING if exists else Change.CREATE, name, "project", "")
    for user, role in sorted(wanted.members.items()):
        yield Step(_compared(role, found.members.get(user)), name, "members", user)
    for secret in sorted(wanted.secrets):
        yield Step(Change.NOTHING if secret in found.secrets else Change.MISSING, name, "secrets", secret)


def plan(who: Actor, declared: list[Declared]) -> list[Step]:
    """What `apply` would do, in its order; reads only. Raises `Forbidden`, `BackEndUnavailable`."""
    steps: list[Step] = []
    for one in declared:
        now = present(who, one.name)
        steps += _of_project(one, now, tenancy.project_exists(one.name))
        for kind in KINDS:
            for name in sorted(name for place, name in one.objects if place == kind):
                change = _compared(_plain(kind, one.objects[kind, name]), _plain(kind, now.objects.get((kind, name))))
                steps.append(Step(change, one.name, kind, name))
        beyond = sorted(set(now.objects) - set(one.objects))
        steps += [Step(Change.BEYOND, one.name, kind, name) for kind, name in beyond]
    return steps


def _plain(kind: str, content: Json | None) -> Json | None:
    """What counts when two are compared: a template's name stands in its file's name, defaults may be left out."""
    if content is None:
        return None
    if kind == "templates":
        metadata = {
            key: value for key, value in content.get("metadata", {}).items() if key not in ("name", "namespace")
        }
        return {"spec": content["spec"], "metadata": metadata}
    if kind == "services":
        return {"model": content["model"], "version": str(content["version"])}
    if kind == "demos":
        return {"title": "", "public": False} | content
    return content


def apply(who: Actor, declared: list[Declared], steps: list[Step]) -> None:
    """Does the steps of a plan that create or change something.

    Raises:
        what the areas' services raise; the steps before it are done, and applying again goes on.
    """
    by_name = {one.name: one for one in declared}
    for step in steps:
        if step.change in (Change.CREATE, Change.CHANGE):
            _do(who, by_name[step.project], step)


def _do(who: Actor, declared: Declared, step: Step) -> None:
    project = step.project
    if step.kind == "project":
        tenancy.create_project(who, project, declared.project.title)
        return
    if step.kind == "members":
        tenancy.add_member(who, project, step.name, declared.project.members[step.name])
        return
    content = declared.objects[step.kind, step.name]
    if step.kind == "templates":
        workflows.save_template(who, project, step.name, content)
    elif step.kind == "pipelines":
        workflows.save_pipeline(who, project, step.name, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    elif step.kind == "services":
        serving.deploy(who, project, step.name, content["model"], str(content["version"]))
    else:
        demo = DemoFile.model_validate(content)
        serving.publish_demo(who, project, step.name, demo.service, demo.title, demo.public)
