"""What a workflow leaves behind and when it goes: artifacts by `artifactGC`, claims by `volumeClaimGC`, what its pods wrote beside logs."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from workflows.engine.files import Artifacts
from workflows.engine.outside import is_outside
from workflows.engine.roots import remove
from workflows.engine.state import SUCCEEDED, Json, Workflow
from workflows.engine.volumes import VolumeInvalid

ON_COMPLETION, ON_DELETION = "OnWorkflowCompletion", "OnWorkflowDeletion"
LOGS = (".log", ".times")


def _strategy(workflow: Workflow, artifact: Json) -> str:
    """An artifact's own strategy, else the workflow's."""
    own = str((artifact.get("artifactGC") or {}).get("strategy") or "")
    return own or str((workflow.spec.get("artifactGC") or {}).get("strategy") or "Never")


def let_go(workflow: Workflow, strategy: str) -> list[str]:
    """Marks the output artifacts that go with this strategy as deleted; returns their keys in the project's store."""
    keys = list[str]()
    for node in workflow.nodes.values():
        for one in (node.get("outputs") or {}).get("artifacts") or []:
            key = (one.get("s3") or {}).get("key")
            if key and not is_outside(one) and not one.get("deleted") and _strategy(workflow, one) == strategy:
                one["deleted"] = True
                workflow.touch(node)
                keys.append(str(key))
    if keys:
        workflow.status.setdefault("artifactGCStatus", {}).setdefault("strategiesProcessed", {})[strategy] = True
    return keys


def delete_keys(store: Artifacts, keys: Iterable[str]) -> None:
    """Deletes artifacts from the project's store; those that are gone, or lead elsewhere, are passed over."""
    for key in keys:
        try:
            path = store.path(key)
        except VolumeInvalid:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def claims_go(workflow: Workflow) -> bool:
    """Whether the claims of its claim templates go with its end: with success, or always where `volumeClaimGC` says so."""
    strategy = (workflow.spec.get("volumeClaimGC") or {}).get("strategy")
    return bool(workflow.spec.get("volumeClaimTemplates")) and (
        strategy == ON_COMPLETION or workflow.phase == SUCCEEDED
    )


def tidy_pod(folder: Path) -> None:
    """Removes what a pod that has ended kept for its containers, volumes and fetched artifacts; its logs stay."""
    for one in folder.iterdir() if folder.is_dir() else ():
        if one.suffix not in LOGS:
            remove(one) if one.is_dir() and not one.is_symlink() else one.unlink(missing_ok=True)
