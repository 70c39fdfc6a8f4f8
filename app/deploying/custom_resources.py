"""The custom resources that the platform uses, read from the rights that it asks for, and what for."""

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from app.deploying.routes import KNOWS
from atrium.settings import CHECKOUT
from workflows.clusters.detecting import MONITORS

RIGHTS = CHECKOUT / "deploy" / "project"
ARGO, GATEWAY, PROMETHEUS = "Argo Workflows v3.7", "a Gateway API v1", "a Prometheus operator, v1"
USES: dict[str, tuple[str, str, str]] = {  # plural: of what, what for, pages
    "workflows": (ARGO, "every run", "Overview, Pipelines, runs, Monitoring"),
    "cronworkflows": (ARGO, "schedules of Argo's own: `argo cron create`, Hera's `CronWorkflow`", "–"),
    "workflowtemplates": (ARGO, "templates that runs name, kept by `argo template create` and the canvas", "Pipelines"),
    "workflowtasksets": (ARGO, "http templates: their requests, and what they answered", "a run's graph"),
    "workflowtaskresults": (
        ARGO,
        "what a step gives on: parameters, artifacts, its exit code",
        "a run's graph, artifacts",
    ),
    "workflowartifactgctasks": (ARGO, "artifacts that are deleted with their run", "–"),
    "servicemonitors": (
        PROMETHEUS,
        "has a cluster's Prometheus read the platform's figures, where there is an operator",
        "–",
    ),
    "httproutes": (GATEWAY, "a site's Gateway leads to the door: `atrium cluster-route`", "all, by the site's address"),
}
HEAD = "# Custom resources\n\nWhat Atrium uses on a cluster, with the rights that it asks for. Made by `python -m app.documents`.\n\n"


@dataclass(frozen=True)
class Used:
    """One custom resource, by plural and group, and who does what with it."""

    plural: str
    group: str
    rights: dict[str, list[str]]


def used() -> list[Used]:
    """Every custom resource that deploy/project asks rights for, and those that commands make, by name."""
    found: dict[str, Used] = {}
    for account, group, plural, verbs in _asked():
        one = found.setdefault(plural, Used(plural, group, {}))
        one.rights.setdefault(account, []).extend(verb for verb in verbs if verb not in one.rights.get(account, []))
    for name in (KNOWS, MONITORS.resource):
        plural, _, group = name.partition(".")
        found[plural] = Used(plural, group, {"who installs": ["create", "patch"]})
    return [found[name] for name in sorted(found)]


def _asked() -> Iterator[tuple[str, str, str, list[str]]]:
    for path in sorted(RIGHTS.glob("*.yaml")):
        for one in yaml.safe_load_all(path.read_text()):
            for rule in (one or {}).get("rules") or ():
                for group in (group for group in rule["apiGroups"] if "." in group and not group.endswith(".k8s.io")):
                    for plural in rule["resources"]:
                        yield one["metadata"]["name"], group, plural.partition("/")[0], rule["verbs"]


def table() -> str:
    """The text of docs/custom-resources.md."""
    rows = []
    for one in used():
        of, what_for, pages = USES[one.plural]
        who = "; ".join(f"{account}: {', '.join(verbs)}" for account, verbs in one.rights.items())
        rows.append(f"| `{one.plural}.{one.group}` | {of} | {what_for} | {pages} | {who} |")
    return (
        HEAD
        + "| resource | of | what for | pages | rights |\n| --- | --- | --- | --- | --- |\n"
        + "\n".join(rows)
        + "\n"
    )
