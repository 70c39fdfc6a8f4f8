"""What else connected clusters have, and the version of their Argo."""

import sqlalchemy as sa
from alembic import op

revision = "cluster_served"
down_revision = "cluster_crons"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; the worker fills them within a minute."""
    op.add_column("cluster_states", sa.Column("argo_version", sa.String(60), nullable=False, server_default=""))
    op.add_column("cluster_states", sa.Column("served", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Drops them."""
    with op.batch_alter_table("cluster_states") as table:
        table.drop_column("served")
        table.drop_column("argo_version")
