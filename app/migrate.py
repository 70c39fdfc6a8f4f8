"""The tables of our own database, brought to the newest shape by Alembic."""

import logging
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

# Every table is known once its module is imported.
import atrium.events
import atrium.lineage
import feature_store.models
import model_registry.models
import monitoring.models
import serving.models
import tenancy.models
import tenancy.public_items
import workflows.clusters.models
import workflows.models
from atrium.clock import now
from atrium.database import Base, dialect, engine, in_words
from atrium.errors import Conflict, NotFound
from atrium.home import get_home
from atrium.identity import Actor, Verb, require

FOLDER = Path(__file__).parent / "migrations"
MODULES = (
    atrium.events, atrium.lineage, feature_store.models, model_registry.models, monitoring.models, serving.models, tenancy.models,
    tenancy.public_items, workflows.models, workflows.clusters.models,
)  # fmt: skip
KEPT_COPIES = 5
log = logging.getLogger(__name__)


class DatabaseNewer(Conflict):
    """The database has a shape that this version does not know."""


class RevisionUnknown(NotFound):
    """No such older shape of the database."""


def configuration() -> Config:
    """Alembic's configuration over our engine."""
    made = Config()
    made.set_main_option("script_location", str(FOLDER))
    made.attributes["engine"] = engine()
    made.attributes["metadata"] = Base.metadata
    return made


def present_revision() -> str:
    """The revision of the database; empty where it has no tables yet."""
    with in_words(), engine().connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def known_revisions() -> set[str]:
    """Every revision that this version can bring to the newest shape; the empty one is a database without tables."""
    return {"", *(one.revision for one in ScriptDirectory.from_config(configuration()).walk_revisions())}


def _newest() -> str:
    return ScriptDirectory.from_config(configuration()).get_current_head() or ""


def upgrade() -> None:
    """Brings the database to the newest shape, after a copy of it as it was; does nothing where it has it.

    Several replicas may do so at once: one changes the shape in one transaction, the others wait and find it done.

    Raises:
        DatabaseNewer: a newer version of Atrium wrote it; DatabaseSilent, DatabaseRefuses.
    """
    _change(_newest(), command.upgrade)


def step_back(who: Actor, revision: str) -> None:
    """Takes the database back to an older `revision`, after a copy of it as it was; for going back to an older version of Atrium.

    Raises:
        Forbidden: not the administrator.
        RevisionUnknown: there is none of that name below the present one.
    """
    require(who, Verb.MANAGE)
    older = [
        one.revision
        for one in ScriptDirectory.from_config(configuration()).iterate_revisions(present_revision(), "base")
    ]
    if revision not in older[1:]:
        raise RevisionUnknown(
            f"revision {revision!r} of the database", f"an older one than {older[0]!r}: {', '.join(older[1:]) or 'there is none'}",
            "name one of these",
        )  # fmt: skip
    _change(revision, command.downgrade)


def _change(to: str, by: Callable[[Config, str], None]) -> None:
    at = present_revision()
    if at not in known_revisions():
        raise DatabaseNewer(
            f"the database is at revision {at!r}",
            "one that this version of Atrium knows",
            "install the version that wrote it, or restore a backup",
        )
    if at == to:
        return
    if at:
        _keep_copy(at)
    with in_words():
        by(configuration(), to)


def _keep_copy(revision: str) -> None:
    folder = get_home().root / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    if dialect().keep_copy(folder, f"atrium-{now():%Y%m%dT%H%M%S%f}-{revision}") is None:
        log.warning("%s changes its shape without a copy: there is no pg_dump on this machine", dialect().shown)
    for old in sorted(folder.glob("atrium-*"))[:-KEPT_COPIES]:
        old.unlink()
