"""A version's card, after Mitchell et al., Model Cards for Model Reporting (2019): use, data, figures, limits, origin."""

import json
from collections.abc import Mapping
from typing import Any

from model_registry.models import ModelCard, ModelVersionView, ModelView, TrackingRunView


def _columns(signature: Mapping[str, Any], side: str) -> list[dict[str, Any]]:
    found = signature.get(side)
    columns: list[dict[str, Any]] = json.loads(found) if isinstance(found, str) else found or []
    return columns


def lacks(described: Mapping[str, Any]) -> str:
    """What a version lacks to be served (`signature`, `ONNX flavour`, `input example`), or an empty text."""
    if not (described.get("signature") or {}).get("inputs"):
        return "signature"
    if "onnx" not in (described.get("flavors") or {}):
        return "ONNX flavour"
    return "" if (described.get("saved_input_example_info") or {}).get("artifact_path") else "input example"


def write_card(
    model: ModelView,
    version: ModelVersionView,
    described: Mapping[str, Any],
    metadata: Mapping[str, Any],
    run: TrackingRunView | None,
) -> ModelCard:
    """The card of `version` from its MLmodel file, what its makers say of its inputs, and the run that made it."""
    signature = described.get("signature") or {}
    said = metadata.get("inputs") or {}
    inputs = {
        str(one.get("name") or "input"): {"type": one.get("type", ""), **(said.get(one.get("name")) or {})}
        for one in _columns(signature, "inputs")
    }
    outputs = [str(one.get("name") or "output") for one in _columns(signature, "outputs")]
    metrics, params = (dict(run.metrics), dict(run.params)) if run else ({}, {})
    datasets = list(run.inputs) if run else []
    text = _markdown(model, version, inputs, outputs, metrics, datasets)
    return ModelCard(model, version, inputs, outputs, metrics, params, datasets, lacks(described), text)


def _markdown(
    model: ModelView,
    version: ModelVersionView,
    inputs: Mapping[str, Any],
    outputs: list[str],
    metrics: Mapping[str, float],
    datasets: list[str],
) -> str:
    lines = [
        f"# {model.name}, version {version.version}",
        "",
        version.description or model.description or "No description yet.",
        "",
    ]
    lines += [
        "## Figures",
        "",
        "| metric | value |",
        "| --- | --- |",
        *(f"| {n} | {v:.4g} |" for n, v in metrics.items()),
        "",
    ]
    lines += ["## Inputs", "", "| input | type | allowed |", "| --- | --- | --- |"]
    lines += [f"| {name} | {about.get('type', '')} | {allowed(about)} |" for name, about in inputs.items()]
    lines += ["", "## Outputs", "", *(f"- {name}" for name in outputs), "", "## Origin", ""]
    lines += [f"- made {version.created_at:%Y-%m-%d %H:%M} UTC by run {version.run_id or '–'}"]
    lines += [f"- from dataset {name}" for name in datasets]
    lines += [f"- alias {alias}" for alias in version.aliases]
    return "\n".join(lines) + "\n"


def allowed(about: Mapping[str, Any]) -> str:
    """What an input may be, as its makers say: its categories, or its bounds and unit."""
    if about.get("categories"):
        return ", ".join(str(one) for one in about["categories"])
    bounds = [str(about.get(name, "")) for name in ("minimum", "maximum")]
    return f"{bounds[0] or '–'} … {bounds[1] or '–'} {about.get('unit', '')}".strip() if any(bounds) else "–"
