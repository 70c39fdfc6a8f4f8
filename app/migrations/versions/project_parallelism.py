"""How many workflows of a project run at once."""

import sqlalchemy as sa
from alembic import op

revision = "project_parallelism"
down_revision = "audit_via"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column."""
    op.add_column("projects", sa.Column("parallelism", sa.Integer, nullable=True))


def downgrade() -> None:
    """Drops it in place: other tables refer to this one, so it cannot be made anew."""
    op.drop_column("projects", "parallelism")
