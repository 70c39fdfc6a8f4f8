"""Argo Server's REST, as its clients speak it: a module a noun."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from starlette.applications import Starlette

from atrium.home import Home
from atrium.settings import get_settings
from workflows.engine.cron import CronScheduler
from workflows.engine.resources import OwnServer
from workflows.engine.rest.about import About
from workflows.engine.rest.acting import Acting
from workflows.engine.rest.archive import Archive
from workflows.engine.rest.artifacts import Artifacts
from workflows.engine.rest.config_maps import ConfigMaps
from workflows.engine.rest.cron import Cron
from workflows.engine.rest.desk import Desk
from workflows.engine.rest.errors import HANDLERS
from workflows.engine.rest.figures import FiguresRoutes
from workflows.engine.rest.inside import inside
from workflows.engine.rest.nothere import NotHere
from workflows.engine.rest.streams import Streams
from workflows.engine.rest.sync import Sync
from workflows.engine.rest.templates import Templates
from workflows.engine.rest.workflows import Workflows
from workflows.engine.runner import Runner
from workflows.engine.store import Store


def create_app(home: Home) -> Starlette:
    """The workflow server for a home; takes up its live workflows when it starts."""
    store = Store(home.engine / "engine.db", get_settings().power_safe)
    runner = Runner(home, store)
    desk, scheduler = Desk(home, store, runner), CronScheduler(store, runner)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await runner.resume_all()
        scheduling = asyncio.create_task(scheduler.run())
        yield
        scheduling.cancel()
        await runner.launcher.close()

    workflows = Workflows(desk)
    acting = Acting(desk, workflows)
    nouns = (
        workflows, Streams(desk), acting, Artifacts(desk), Templates(desk, "WorkflowTemplate"),
        Templates(desk, "ClusterWorkflowTemplate"), Cron(desk, scheduler), ConfigMaps(desk), Sync(desk), About(), Archive(desk, acting),
        NotHere(desk), FiguresRoutes(desk),
    )  # fmt: skip
    routes = [route for noun in nouns for route in noun.routes()]
    app = Starlette(routes=routes, exception_handlers=HANDLERS, lifespan=lifespan)
    runner.kit = replace(runner.kit, own=OwnServer(inside(app), runner.watchers))
    return app
