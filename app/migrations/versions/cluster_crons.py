"""Who wrote the cron workflows of the home cluster."""

import sqlalchemy as sa
from alembic import op

revision = "cluster_crons"
down_revision = "refused_requests"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the table up."""
    op.create_table(
        "cluster_crons",
        sa.Column("project", sa.String(30), nullable=False),
        sa.Column("name", sa.String(253), nullable=False),
        sa.Column("uid", sa.String(40), nullable=False),
        sa.Column("owner", sa.String(60), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("project", "name", name=op.f("pk_cluster_crons")),
    )


def downgrade() -> None:
    """Takes the table away."""
    op.drop_table("cluster_crons")
