"""What a person can change of experiments and models. MLflow's plugin writes the audit line of each, as for stock clients."""

from atrium.errors import Invalid
from atrium.identity import Actor, Verb, require
from atrium.lineage import Node, NodeKind, trace
from model_registry.models import ModelInUse
from model_registry.service import backend_of
from model_registry.worker import EXPERIMENT, MODEL, RUN, refresh

LONGEST_NAME, LONGEST_TAG, LONGEST_DESCRIPTION = 250, 5000, 5000


def _bounded(text: str, longest: int, what: str, empty: bool = False) -> str:
    if (not text.strip() and not empty) or len(text) > longest:
        raise Invalid(
            f"{what} of {len(text)} characters",
            f"it has {0 if empty else 1} to {longest} characters",
            "shorten it, or give one",
        )
    return text


def create_experiment(who: Actor, project: str, name: str) -> str:
    """Makes an experiment; returns its id. Raises `Forbidden`, `Invalid`, `ModelExists`."""
    backend = backend_of(who, Verb.WRITE, project)
    identifier = str(
        backend.change("POST", "experiments/create", name=_bounded(name, LONGEST_NAME, "a name"))["experiment_id"]
    )
    refresh(who, project, EXPERIMENT, identifier, made=True, by=who.name)
    return identifier


def rename_experiment(who: Actor, project: str, experiment: str, name: str) -> None:
    """Gives an experiment another name. Raises `Forbidden`, `Invalid`, `TrackingRunNotFound`, `ModelExists`."""
    backend = backend_of(who, Verb.WRITE, project)
    backend.change(
        "POST", "experiments/update", experiment_id=experiment, new_name=_bounded(name, LONGEST_NAME, "a name")
    )
    refresh(who, project, EXPERIMENT, experiment)


def delete_experiment(who: Actor, project: str, experiment: str) -> None:
    """Deletes an experiment with its runs; `restore_experiment` brings them back. Raises `Forbidden`, `TrackingRunNotFound`."""
    backend_of(who, Verb.WRITE, project).change("POST", "experiments/delete", experiment_id=experiment)
    refresh(who, project, EXPERIMENT, experiment, action="delete")


def restore_experiment(who: Actor, project: str, experiment: str) -> None:
    """Brings a deleted experiment and its runs back. Raises `Forbidden`, `TrackingRunNotFound`."""
    backend_of(who, Verb.WRITE, project).change("POST", "experiments/restore", experiment_id=experiment)
    refresh(who, project, EXPERIMENT, experiment, action="restore")


def rename_tracking_run(who: Actor, project: str, run_id: str, name: str) -> None:
    """Gives a run another name. Raises `Forbidden`, `Invalid`, `TrackingRunNotFound`."""
    backend = backend_of(who, Verb.WRITE, project)
    backend.change("POST", "runs/update", run_id=run_id, run_name=_bounded(name, LONGEST_NAME, "a name"))
    refresh(who, project, RUN, run_id)


def tag_tracking_run(who: Actor, project: str, run_id: str, key: str, value: str) -> None:
    """Sets a tag of a run. Raises `Forbidden`, `Invalid`, `TrackingRunNotFound`."""
    backend = backend_of(who, Verb.WRITE, project)
    if key.startswith("mlflow."):
        raise Invalid(f"tag {key!r}", "tags that begin with mlflow. are MLflow's own", "choose another name")
    given = {
        "key": _bounded(key, LONGEST_NAME, "a tag's name"),
        "value": _bounded(value, LONGEST_TAG, "a tag", empty=True),
    }
    backend.change("POST", "runs/set-tag", run_id=run_id, **given)


def delete_tracking_run(who: Actor, project: str, run_id: str) -> None:
    """Deletes a run; MLflow keeps it where `restore_tracking_run` finds it. Raises `Forbidden`, `TrackingRunNotFound`."""
    backend_of(who, Verb.WRITE, project).change("POST", "runs/delete", run_id=run_id)
    refresh(who, project, RUN, run_id)


def restore_tracking_run(who: Actor, project: str, run_id: str) -> None:
    """Brings a deleted run back. Raises `Forbidden`, `TrackingRunNotFound`."""
    backend_of(who, Verb.WRITE, project).change("POST", "runs/restore", run_id=run_id)
    refresh(who, project, RUN, run_id)


def run_dependents(who: Actor, project: str, run_id: str) -> list[Node]:
    """The model versions, services and demos that came from a run. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    return _away(project, Node(NodeKind.RUN, run_id))


def _away(project: str, node: Node) -> list[Node]:
    return list(dict.fromkeys(edge.target for edge in trace(project, node, upstream=False)))


def describe_model(who: Actor, project: str, model: str, description: str) -> None:
    """Says what a model is for. Raises `Forbidden`, `Invalid`, `ModelNotFound`."""
    text = _bounded(description, LONGEST_DESCRIPTION, "a description", empty=True)
    backend_of(who, Verb.WRITE, project).change("PATCH", "registered-models/update", name=model, description=text)
    refresh(who, project, MODEL, model)


def describe_model_version(who: Actor, project: str, model: str, version: str, description: str) -> None:
    """Says what is special about a version. Raises `Forbidden`, `Invalid`, `ModelNotFound`."""
    text = _bounded(description, LONGEST_DESCRIPTION, "a description", empty=True)
    backend = backend_of(who, Verb.WRITE, project)
    backend.change("PATCH", "model-versions/update", name=model, version=version, description=text)
    refresh(who, project, MODEL, model, version=version)


def tag_model_version(who: Actor, project: str, model: str, version: str, key: str, value: str) -> None:
    """Sets a tag of a version. Raises `Forbidden`, `Invalid`, `ModelNotFound`."""
    given = {
        "key": _bounded(key, LONGEST_NAME, "a tag's name"),
        "value": _bounded(value, LONGEST_TAG, "a tag", empty=True),
    }
    backend_of(who, Verb.WRITE, project).change("POST", "model-versions/set-tag", name=model, version=version, **given)
    refresh(who, project, MODEL, model, version=version)


def set_alias(who: Actor, project: str, model: str, alias: str, version: str, expected: str | None = None) -> None:
    """Moves an alias to a version in one step; where `expected` is given, only if it leads there now ("": to none).

    Raises:
        Forbidden, ModelNotFound; AliasMoved: somebody else moved it meanwhile, with where it leads now.
    """
    backend_of(who, Verb.WRITE, project).set_alias(model, alias, version, expected)
    refresh(who, project, MODEL, model)


def delete_alias(who: Actor, project: str, model: str, alias: str) -> None:
    """Takes an alias away. Raises `Forbidden`, `ModelNotFound`."""
    backend_of(who, Verb.WRITE, project).change("DELETE", "registered-models/alias", name=model, alias=alias)
    refresh(who, project, MODEL, model)


def version_dependents(who: Actor, project: str, model: str, version: str) -> list[Node]:
    """The services and demos that came from a version, by lineage. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    return _away(project, Node(NodeKind.MODEL_VERSION, model, version))


def delete_model_version(who: Actor, project: str, model: str, version: str) -> None:
    """Deletes a version for good. A version with an alias is in use and stays.

    Raises:
        Forbidden, ModelNotFound; ModelInUse: names the aliases.
    """
    backend = backend_of(who, Verb.WRITE, project)
    if aliases := backend.version(model, version).aliases:
        raise ModelInUse(
            f"version {version} of model {model!r}", f"the alias {', '.join(aliases)} leads to it",
            "move the alias to another version first",
        )  # fmt: skip
    backend.change("DELETE", "model-versions/delete", name=model, version=version)
    refresh(who, project, MODEL, model, version=version)


def delete_model(who: Actor, project: str, model: str) -> None:
    """Deletes a model with all its versions for good. Raises `Forbidden`, `ModelNotFound`; `ModelInUse`: an alias leads into it."""
    backend = backend_of(who, Verb.WRITE, project)
    if aliases := backend.model(model).aliases:
        raise ModelInUse(
            f"model {model!r}", f"the alias {', '.join(aliases)} leads into it", "take the alias away first"
        )
    backend.change("DELETE", "registered-models/delete", name=model)
    refresh(who, project, MODEL, model)
