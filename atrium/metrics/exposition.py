"""What is measured, in Prometheus' text format (version 0.0.4)."""

import math
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def gauge(name: str, help: str) -> Metric:
    """An empty gauge; `add_sample` fills it."""
    return Metric(name, help, "gauge")


def counter(name: str, help: str) -> Metric:
    """An empty counter; its samples' names end in `_total`."""
    return Metric(name, help, "counter")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(float(value))


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in sorted(labels.items()))
    return f"{name}{{{inside}}} {_number(value)}" if inside else f"{name} {_number(value)}"


def written(families: Iterable[Metric], **everywhere: str) -> str:
    """The families as text, each once by name, with the labels `everywhere` on every sample.

    A counter keeps the names that its source gave its samples, with or without `_total`.
    """
    by_name: dict[str, Metric] = {}
    for family in families:
        if family.name in by_name:
            by_name[family.name].samples.extend(family.samples)
        else:
            by_name[family.name] = family
    lines: list[str] = []
    for name, family in by_name.items():
        total = family.type == "counter" and any(one.name.endswith("_total") for one in family.samples)
        full = name + ("_total" if total else "")
        documentation = family.documentation.replace("\\", "\\\\").replace("\n", "\\n")
        kind = "untyped" if family.type == "unknown" else family.type
        lines += [f"# HELP {full} {documentation}", f"# TYPE {full} {kind}"]
        lines += [_line(one.name, {**one.labels, **everywhere}, one.value) for one in family.samples]
    return "\n".join(lines) + "\n"


def read(text: str) -> Iterator[Metric]:
    """The families in a text, with their samples' names as they stand there (the parser adds `_total` to counters)."""
    for family in text_string_to_metric_families(text):
        if family.type == "counter" and f"# TYPE {family.name} counter" in text:
            family.samples = [one._replace(name=one.name.removesuffix("_total")) for one in family.samples]
        yield family


def samples(families: Iterable[Metric]) -> Iterator[tuple[str, Mapping[str, str], float]]:
    """Name, labels and value of every sample, as the sampler keeps them."""
    for family in families:
        for one in family.samples:
            yield one.name, one.labels, float(one.value)
