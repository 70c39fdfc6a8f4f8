"""What a cluster's pods tell of a step, as sentences with the next step."""

from collections.abc import Mapping

from monitoring.models import Evidence, Said, Step
from workflows import Cause, PodReason

WORDS: Mapping[Cause, tuple[Said, Said]] = {
    Cause.RESOURCE: (
        Said("Step {step} waits for {resource}: {nodes} of {of} nodes have too little of it free"),
        Said("Ask for less of it (resources.requests), or wait until others end; an administrator can add nodes"),
    ),
    Cause.TAINT: (
        Said("Step {step} waits: {nodes} of {of} nodes are kept for others by a taint ({taint})"),
        Said("Tolerate the taint (tolerations) if the step may run there"),
    ),
    Cause.SELECTOR: (
        Said("Step {step} waits: {nodes} of {of} nodes lack the labels that its nodeSelector or affinity asks for"),
        Said("Correct nodeSelector or affinity, or have an administrator label a node"),
    ),
    Cause.VOLUME: (
        Said("Step {step} waits for its volume: {problem}"),
        Said("See whether the claim exists and its storage class can make a volume"),
    ),
    Cause.UNSCHEDULABLE: (
        Said("Step {step} waits: no node of the cluster can take it"), Said("Change what the step asks for"),
    ),
    Cause.GATED: (
        Said("Step {step} waits in the cluster's queue until it is admitted"), Said("Wait, or ask for another queue or priority"),
    ),
    Cause.IMAGE_NAME: (
        Said("Step {step} waits: {image} is no image reference"), Said("Correct the image's name in the manifest"),
    ),
    Cause.IMAGE_MISSING: (
        Said("Step {step} waits: the image {image} is not there under this name and tag"),
        Said("Correct name and tag, or push the image"),
    ),
    Cause.IMAGE_RIGHTS: (
        Said("Step {step} waits: the registry refused the image {image}"),
        Said("Give the namespace's service account a pull secret for that registry (imagePullSecrets), or correct the name"),
    ),
    Cause.IMAGE_REACH: (
        Said("Step {step} waits: the registry of the image {image} cannot be reached from the node"),
        Said("Check the registry's name, network and certificate, or use an image that the nodes have"),
    ),
    Cause.IMAGE: (
        Said("Step {step} waits: the image {image} cannot be fetched"), Said("Read what the cluster says, and correct the image"),
    ),
    Cause.CONFIG: (
        Said("Step {step} waits: something that its container {container} is set up with is missing"),
        Said("Make the secret, config map or key that is named"),
    ),
    Cause.MOUNT: (
        Said("Step {step} waits: a volume cannot be mounted"), Said("Make what is named, or stop the pod that holds the volume"),
    ),
    Cause.COMMAND: (
        Said("Step {step}: its command could not be started in the image {image}"),
        Said("Correct command or image: the program must be there, and made for the node's processor"),
    ),
    Cause.MEMORY: (
        Said("Step {step}: container {container} used all the memory that it may, {limit}, and was ended (OOMKilled)"),
        Said("Give the step more memory (resources.limits.memory) or less data"),
    ),
    Cause.EVICTED: (
        Said("Step {step}: the node ended its pod ({reason})"),
        Said("Name what the step needs (requests, limits, ephemeral-storage), and have it tried again (retryStrategy)"),
    ),
    Cause.DEADLINE: (
        Said("Step {step} ran longer than its deadline"),
        Said("Give the step more time (activeDeadlineSeconds), or find out what it waits for"),
    ),
    Cause.QUOTA: (
        Said("Step {step} waits: the namespace's quota {quota} is full: {requested} asked, {used} used, of {limited}"),
        Said("Wait until others end, ask for less, or have the quota raised"),
    ),
    Cause.LIMIT_RANGE: (
        Said("Step {step}: the namespace's limits refuse it: {problem}"), Said("Set requests and limits that the namespace allows"),
    ),
    Cause.SECURITY: (
        Said("Step {step}: the namespace's Pod Security {level} refuses it: {problem}"),
        Said("Set the securityContext that is named"),
    ),
    Cause.WEBHOOK: (
        Said("Step {step}: the cluster's rule {webhook} refuses it: {problem}"),
        Said("Change what it names, or ask who keeps that rule"),
    ),
    Cause.RIGHTS: (
        Said("Step {step}: its service account may not do that: {problem}"),
        Said("Bind a role with that verb to the workflow's service account in the namespace"),
    ),
    Cause.DELETED: (
        Said("Step {step}: its pod was deleted from outside"), Said("Retry the run; what succeeded stays"),
    ),
}  # fmt: skip
SHOWN = {"taint": "?", "limit": "–", "of": "?", "image": "?", "container": "?"}


def said_pod(reason: PodReason) -> Evidence:
    """The sentence, and what the cluster itself said."""
    values = {**SHOWN, **{key: value for key, value in reason.values.items() if value}, "step": reason.step}
    return Evidence(Said(WORDS[reason.cause][0].text, values), reason.said)


def step_of(reason: PodReason) -> Step:
    """What to do about it."""
    return Step(WORDS[reason.cause][1])
