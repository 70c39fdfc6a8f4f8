"""Which services' requests the front door counts by name: a file of routes, written again whenever services come or go."""

import serving
from app.door.config import route_configuration
from app.door.rights import write_resource
from atrium.identity import platform_actor
from atrium.jobs import Job
from atrium.names import model_name
from atrium.settings import get_settings

EVERY_SECONDS = 1.0


def write_routes() -> None:
    """Brings the file of routes up to the services that there are; writes only what changed."""
    found = serving.service_states(platform_actor("door"))
    models = [model_name(one.project, one.name) for one in found]
    write_resource("routes", route_configuration(models))
    if get_settings().tls_cert:
        write_resource("here", route_configuration(models, "here"))


def jobs() -> list[Job]:
    """The worker's part: a new service's requests are counted from about a second after it was wanted."""
    return [Job("door.routes", EVERY_SECONDS, write_routes)]
