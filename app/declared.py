"""A platform's objects as a folder of YAML, which people keep in git: `atrium export` writes it, `atrium apply` reads it.

<project>/project.yaml            title, members (name: role), secrets (names alone)
<project>/templates/<name>.yaml   an Argo WorkflowTemplate
<project>/pipelines/<name>.yaml   an Argo Workflow or WorkflowTemplate
<project>/services/<name>.yaml    model, version (a number or an alias)
<project>/demos/<name>.yaml       service, title, public
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

import serving
import tenancy
import workflows
from atrium.errors import Invalid
from atrium.identity import Actor, Role
from atrium.names import check_name

KINDS = ("templates", "pipelines", "services", "demos")  # in the order in which each may need the one before
LARGEST_FILE_BYTES = 4 * 1024 * 1024
Json = dict[str, Any]


class DeclarationInvalid(Invalid):
    """A file of the folder cannot be read as what its place says it is."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ProjectFile(_Strict):
    """What project.yaml holds."""

    title: str = ""
    members: dict[str, Role] = {}
    secrets: list[str] = []


class ServiceFile(_Strict):
    """What a service's file holds."""

    model: str
    version: str


class DemoFile(_Strict):
    """What a demo's file holds."""

    service: str
    title: str = ""
    public: bool = False


class ManifestFile(BaseModel):
    """What a pipeline's or template's file must hold at least; the workflow server judges the rest."""

    model_config = ConfigDict(extra="allow")
    kind: str
    spec: Json


SHAPES: dict[str, type[BaseModel]] = {
    "templates": ManifestFile,
    "pipelines": ManifestFile,
    "services": ServiceFile,
    "demos": DemoFile,
}


@dataclass
class Declared:
    """One project: its own file, and its objects by kind and name."""

    name: str
    project: ProjectFile = field(default_factory=ProjectFile)
    objects: dict[tuple[str, str], Json] = field(default_factory=dict)


def _content(path: Path) -> Json:
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise DeclarationInvalid(
            f"{path}", f"a file has at most {LARGEST_FILE_BYTES} bytes", "move data into a dataset"
        )
    try:
        found = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DeclarationInvalid(f"{path}: {error}", "it is one YAML document in UTF-8", "mend the line") from error
    if not isinstance(found, dict):
        raise DeclarationInvalid(f"{path} holds {type(found).__name__}", "it holds a mapping", "see docs/operations.md")
    return found


def _checked(path: Path, shape: type[BaseModel]) -> BaseModel:
    content = _content(path)
    try:
        return shape.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        fields = ", ".join(shape.model_fields)
        raise DeclarationInvalid(f"{path}: {where}: {first['msg']}", f"its fields are {fields}", "mend it") from error


def _project(folder: Path) -> Declared:
    check_name(folder.name, "project")
    made = Declared(folder.name)
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder).parts
        if path.is_dir() or place[-1].startswith("."):
            continue
        if place == ("project.yaml",):
            made.project = ProjectFile.model_validate(_checked(path, ProjectFile).model_dump())
        elif len(place) == 2 and place[0] in KINDS and path.suffix == ".yaml":
            check_name(path.stem, place[0].removesuffix("s"))
            _checked(path, SHAPES[place[0]])
            made.objects[place[0], path.stem] = _content(path)
        else:
            allowed = "project.yaml and " + ", ".join(f"{kind}/<name>.yaml" for kind in KINDS)
            raise DeclarationInvalid(f"file {path}", f"a project's folder holds {allowed}", "move or rename it")
    return made


def read_folder(folder: Path) -> list[Declared]:
    """The projects that a folder declares, by name.

    Raises:
        DeclarationInvalid: names the file, what it may hold; NameInvalid.
    """
    if not folder.is_dir():
        raise DeclarationInvalid(f"folder {folder}", "it must be a folder", "name one that atrium export wrote")
    projects = [one for one in sorted(folder.iterdir()) if not one.name.startswith(".") and one.is_dir()]
    if not projects:
        raise DeclarationInvalid(f"folder {folder}", "it holds a folder for each project", "see docs/operations.md")
    return [_project(one) for one in projects]


def present(who: Actor, project: str) -> Declared:
    """The same of what is there now; empty where there is no such project. Raises `Forbidden`, `BackEndUnavailable`."""
    made = Declared(project)
    if not tenancy.project_exists(project):
        return made
    members = {one.user: one.role for one in tenancy.list_members(who, project)}
    secrets = [one.name for one in tenancy.list_secrets(who, project)]
    made.project = ProjectFile(title=tenancy.get_project(who, project).title, members=members, secrets=secrets)
    for name, manifest in workflows.list_templates(who, project).items():
        made.objects["templates", name] = manifest
    for pipeline in workflows.list_pipelines(who, project):
        text = workflows.get_pipeline(who, project, pipeline.name).manifest
        made.objects["pipelines", pipeline.name] = yaml.safe_load(text)
    for service in serving.list_services(who, project):
        made.objects["services", service.name] = {"model": service.model, "version": service.wanted_version}
    for demo in serving.list_demos(who, project):
        content = {"service": demo.service, "title": demo.title, "public": demo.public}
        made.objects["demos", demo.name] = content
    return made


def _files(declared: Declared) -> Iterator[tuple[Path, Json]]:
    yield Path("project.yaml"), declared.project.model_dump(mode="json")
    for (kind, name), content in sorted(declared.objects.items()):
        yield Path(kind) / f"{name}.yaml", content


def write_folder(folder: Path, projects: list[Declared]) -> list[Path]:
    """Writes projects as files; returns their paths. Objects that are gone leave no file behind."""
    written = []
    for declared in projects:
        base = folder / declared.name
        for path in [one for kind in KINDS for one in (base / kind).glob("*.yaml")]:
            path.unlink()
        for place, content in _files(declared):
            (base / place).parent.mkdir(parents=True, exist_ok=True)
            (base / place).write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120))
            written.append(base / place)
    return written
