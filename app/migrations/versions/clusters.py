"""Connected clusters, what was last seen on them, and on which of them a run is."""

import sqlalchemy as sa
from alembic import op

from atrium.database import UtcDateTime

revision = "clusters"
down_revision = "rights_version"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the tables up."""
    op.create_table(
        "clusters",
        sa.Column("name", sa.String(30), nullable=False),
        sa.Column("server", sa.String(300), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("argo_url", sa.String(300), nullable=False),
        sa.Column("argo_checked", sa.Boolean(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("projects", sa.JSON(), nullable=False),
        sa.Column("added_by", sa.String(60), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_clusters")),
    )
    op.create_table(
        "cluster_states",
        sa.Column("name", sa.String(30), nullable=False),
        sa.Column("version", sa.String(60), nullable=False),
        sa.Column("heard_at", UtcDateTime(), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("problem", sa.String(1000), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cluster_states")),
    )
    op.create_table(
        "cluster_objects",
        sa.Column("cluster", sa.String(30), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("namespace", sa.String(63), nullable=False),
        sa.Column("name", sa.String(253), nullable=False),
        sa.Column("about", sa.String(253), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("cluster", "kind", "namespace", "name", name=op.f("pk_cluster_objects")),
    )
    with op.batch_alter_table("cluster_objects") as table:
        table.create_index("ix_cluster_objects_about", ["cluster", "kind", "namespace", "about"])
    with op.batch_alter_table("run_summaries") as table:
        table.add_column(sa.Column("cluster", sa.String(30), nullable=False, server_default=""))


def downgrade() -> None:
    """Takes the tables away."""
    with op.batch_alter_table("run_summaries") as table:
        table.drop_column("cluster")
    op.drop_table("cluster_objects")
    op.drop_table("cluster_states")
    op.drop_table("clusters")
