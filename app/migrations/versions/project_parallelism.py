"""How many workflows of a project run at once."""

import sqlalchemy as sa
from alembic import op

revision = "project_parallelism"
down_revision = "audit_via"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column."""
    with op.batch_alter_table("projects") as table:
        table.add_column(sa.Column("parallelism", sa.Integer, nullable=True))


def downgrade() -> None:
    """Drops it."""
    with op.batch_alter_table("projects") as table:
        table.drop_column("parallelism")
