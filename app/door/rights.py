"""Who may ask which model: files that Envoy watches, written again whenever tokens, members or projects change.

A token is a JWT with `sub`, `jti` and `projects`. A model's name is `<project>--<service>`. HTTP requests carry it in their
path; gRPC requests in the message, from which Envoy's `grpc_field_extraction` takes it. A file is replaced by rename: the
change holds within milliseconds and drains no connection.
"""

import json
import os
import time
from pathlib import Path

import tenancy
from app.door.envoy import TYPE, Config
from atrium.home import get_home
from atrium.identity import platform_actor
from atrium.jobs import Job

EVERY_SECONDS = 0.3
WHOLE_SECONDS = 60.0  # so that entries of tokens that have expired go, and what was changed around us is seen
JWT, GRPC = "envoy.filters.http.jwt_authn", "envoy.filters.http.grpc_field_extraction"
RBAC = f"{TYPE}.extensions.filters.http.rbac.v3.RBAC"
SERVICE = "inference.GRPCInferenceService"
# ModelStreamInfer is left out on purpose: each message of a stream may name another model.
NAME_FIELDS = {
    "ModelInfer": "model_name",
    "ModelReady": "name",
    "ModelMetadata": "name",
    "ModelConfig": "name",
    "ModelStatistics": "name",
}
OPEN_METHODS = ("ServerLive", "ServerReady", "ServerMetadata")
OPEN_PATHS = r"/v2(/health/(live|ready))?/?"


def _claim(filter_name: str, *path: str, match: Config) -> Config:
    where = {"filter": filter_name, "path": [{"key": key} for key in path], "value": match}
    return {"sourced_metadata": {"metadata_matcher": where}}


def _one_of(**string_match: str) -> Config:
    return {"list_match": {"one_of": {"string_match": string_match}}}


def _path(pattern: str, method: str) -> Config:
    asked = {"url_path": {"path": {"safe_regex": {"regex": pattern}}}}
    return {"and_rules": {"rules": [asked, {"header": {"name": ":method", "string_match": {"exact": method}}}]}}


def _rpc(method: str) -> Config:
    return {"url_path": {"path": {"exact": f"/{SERVICE}/{method}"}}}


def _own_models(project: str) -> list[Config]:
    own = f"{project}--"  # unambiguous, because no project's or service's name holds `--`
    model = f"/v2/models/{own}[a-z0-9]+(-[a-z0-9]+)*(/versions/[0-9]+)?"
    by_message: list[Config] = [
        {"and_rules": {"rules": [_rpc(method), _claim(GRPC, field, match=_one_of(prefix=own))]}}
        for method, field in NAME_FIELDS.items()
    ]
    return [_path(f"{model}/infer", "POST"), _path(f"{model}(/ready|/stats|/config)?", "GET"), *by_message]


def _allowed(projects: list[str]) -> Config:
    policies: Config = {
        f"project-{project}": {
            "permissions": _own_models(project),
            "principals": [_claim(JWT, "jwt", "projects", match=_one_of(exact=project))],
        }
        for project in projects
    }
    health = [_path(OPEN_PATHS, "GET"), *(_rpc(method) for method in OPEN_METHODS)]
    return policies | {"health": {"permissions": health, "principals": [{"any": True}]}}


def _denied(revocations: tenancy.Revocations) -> Config:
    policies: Config = {}
    matches = [
        *({"exact": jti} for jti in sorted(revocations.tokens)), *({"prefix": one} for one in sorted(revocations.beginnings))
    ]  # fmt: skip
    if matches:
        ids = [_claim(JWT, "jwt", "jti", match={"string_match": match}) for match in matches]
        policies["revoked"] = {"permissions": [{"any": True}], "principals": ids}
    for owner, project in sorted(revocations.left):
        who = _claim(JWT, "jwt", "sub", match={"string_match": {"exact": owner}})
        policies[f"left-{owner}-{project}"] = {"permissions": _own_models(project), "principals": [who]}
    return policies


def _write(name: str, action: str, policies: Config) -> None:
    rules = {"rules": {"action": action, "policies": policies}} if policies else {}
    resource: Config = {
        "@type": f"{TYPE}.config.core.v3.TypedExtensionConfig",
        "name": name,
        "typed_config": {"@type": RBAC, **rules},
    }
    write_resource(name, resource)


def write_resource(name: str, resource: Config) -> None:
    """Replaces the watched file `name` where it says something else."""
    folder = rights_folder()
    text = json.dumps({"resources": [resource]}, sort_keys=True)
    path = folder / f"{name}.json"
    if path.exists() and path.read_text() == text:
        return
    fresh = folder / f".{name}.new"
    fresh.write_text(text)
    os.replace(fresh, path)


def rights_folder() -> Path:
    """Folder of the files that Envoy watches."""
    folder = get_home().door / "rights"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def write_rights() -> None:
    """Brings the files up to what the database says; writes only what changed."""
    _write("revoked", "DENY", _denied(tenancy.revocations()))
    projects = [project.name for project in tenancy.list_projects(platform_actor("door"))]
    _write("projects", "ALLOW", _allowed(projects))


class Watch:
    """Looks whether rights have changed, which costs one row, and only then reads them all."""

    def __init__(self) -> None:
        self.version, self.due = -1, 0.0

    def look(self) -> None:
        """Brings the files up to a change, and without one once a minute."""
        version = tenancy.rights_version()
        if version == self.version and time.monotonic() < self.due:
            return
        write_rights()
        self.version, self.due = version, time.monotonic() + WHOLE_SECONDS


def watched_file(name: str) -> Config:
    """A source that Envoy reads from `rights/<name>.json`, again whenever that file is replaced."""
    folder = rights_folder()
    watch = {"path": str(folder / f"{name}.json"), "watched_directory": {"path": str(folder)}}
    return {"path_config_source": watch, "resource_api_version": "V3"}


def watched(name: str) -> Config:
    """A filter whose settings Envoy reads from a watched file."""
    return {"name": name, "config_discovery": {"config_source": watched_file(name), "type_urls": [RBAC]}}


def jobs() -> list[Job]:
    """The worker's part: a change of rights reaches the door within about 0.3 seconds."""
    return [Job("door.rights", EVERY_SECONDS, Watch().look)]
