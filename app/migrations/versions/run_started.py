"""When a run was last started: a retry starts it anew."""

import sqlalchemy as sa
from alembic import op

from atrium.database import UtcDateTime

revision = "run_started"
down_revision = "project_parallelism"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; runs of before keep it empty."""
    op.add_column("run_summaries", sa.Column("started_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    """Drops it."""
    op.drop_column("run_summaries", "started_at")
