"""Why an object fails, waits or is silent: one function for every kind, with evidence and the next step."""

from collections.abc import Callable, Mapping

from atrium.identity import Actor
from monitoring.models import ObjectUnknown, Why
from monitoring.why.alert import why_alert
from monitoring.why.component import why_component
from monitoring.why.run import why_run
from monitoring.why.service import why_service

KINDS: Mapping[str, Callable[[Actor, str, str], Why]] = {
    "run": why_run,
    "service": why_service,
    "component": why_component,
    "alert": why_alert,
}


def why(who: Actor, project: str, object: str) -> Why:
    """Why `object` (run/NAME, service/NAME, component/NAME, alert/NUMBER) is as it is.

    Raises:
        ObjectUnknown: another kind, or no name; Forbidden, NotFound: what the object's own area says; BackEndUnavailable.
    """
    kind, _, name = object.partition("/")
    if kind not in KINDS or not name:
        raise ObjectUnknown(
            f"why {object!r}",
            f"objects are {', '.join(f'{one}/NAME' for one in KINDS)}",
            "name one, like run/flight-delay-x7",
        )
    return KINDS[kind](who, project, name)
