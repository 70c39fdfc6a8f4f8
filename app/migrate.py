"""The tables of our own database, brought to the newest shape by Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config

# Every table is known once its module is imported.
import atrium.events
import atrium.lineage
import feature_store.models
import model_registry.models
import monitoring.models
import serving.models
import tenancy.models
import tenancy.public_items
import workflows.models
from atrium.database import Base, engine

FOLDER = Path(__file__).parent / "migrations"
MODULES = (
    atrium.events, atrium.lineage, feature_store.models, model_registry.models, monitoring.models, serving.models, tenancy.models,
    tenancy.public_items, workflows.models,
)  # fmt: skip


def configuration() -> Config:
    """Alembic's configuration over our engine."""
    made = Config()
    made.set_main_option("script_location", str(FOLDER))
    made.attributes["engine"] = engine()
    made.attributes["metadata"] = Base.metadata
    return made


def upgrade() -> None:
    """Brings the database to the newest shape; does nothing where it has it."""
    command.upgrade(configuration(), "head")
