"""What Argo's engine says of runs and steps, and what is kept of services, in the visitor's language; an unknown sentence stands as it is."""

import re
from functools import lru_cache
from typing import Final

from portal.words import _, message

SENTENCES: Final = (
    "Stopped with strategy 'Terminate'", "Stopped with strategy 'Stop'", "workflow shutdown with strategy:  {strategy}",
    "workflow shutdown with strategy: {strategy}", "{container}: Error (exit code {code})", "{container}: Error (exit code {code}): {rest}",
    "{container}: OOMKilled (exit code {code})", "{container}: OOMKilled (exit code {code}): {rest}", "No more retries left",
    "Pod was active on the node longer than the specified deadline", "Step exceeded its deadline", "Max duration limit exceeded",
    "Backoff would exceed max duration limit", "Backoff for {time}", "omitted: depends condition not met", "when '{condition}' evaluated false",
    "child '{name}' failed", "child '{name}' errored", "template has failed or errored children and failFast enabled",
    "retryStrategy.expression evaluated to false", "Skipped, empty params", "Workflow operation error", "pod deleted",
    "raw output parameter '{name}' has not been set and does not have a default value", "failed to resolve {name}", "Unable to resolve: {name}",
    "error in entry template execution: {rest}", "step group deemed errored due to child {name} error: {rest}", "invalid spec: {rest}",
    "original pod: {name}", "Resumed by: map[User:{who}]", "Resumed by: map[{who}]", "ImagePullBackOff: {rest}", "ErrImagePull: {rest}",
    "ImagePullBackOff", "ErrImagePull", "ContainerCreating", "PodInitializing", "CrashLoopBackOff: {rest}",
    "Unschedulable: {rest}", "Insufficient {what}: {rest}", "Waiting for {what} lock. Lock status: {state}", "cannot go on: {rest}",
    "workflow in waiting for {what}", "Workflow processing has been postponed because too many workflows are already running",
    "Workflow processing has been postponed due to max parallelism limit", "GET {address} answered {code}", "age of worker.beat: {age}",
)  # fmt: skip
STILL: Final = re.compile(r" Version (\S+) still serves\.$")
NESTED: Final = ("rest",)  # values that are sentences themselves


@lru_cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    found = []
    for one in sorted(SENTENCES, key=lambda text: -len(re.sub(r"\{\w+\}", "", text))):
        shape = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(one))
        found.append((re.compile(shape, re.DOTALL), one))
    return found


def of_engine(text: str) -> str:
    """A message of a workflow or node in the visitor's language; what is not known stands as it is."""
    for pattern, sentence in _patterns():
        if found := pattern.fullmatch(text.strip()):
            values = {key: of_engine(value) if key in NESTED else value for key, value in found.groupdict().items()}
            return _(sentence).format(**values)
    return text


def of_service(text: str) -> str:
    """A service's message in the visitor's language, with what is said of the version that still serves."""
    found = STILL.search(text)
    if not found:
        return message(text)
    return f"{message(text[: found.start()])} {_('Version {n} still serves.').format(n=found[1])}"
