"""Each replica has a model server of its own: its counters are kept by replica.

Revision ID: counter_replicas
Revises: component_replicas
"""

import sqlalchemy as sa
from alembic import op

import atrium.database

revision = "counter_replicas"
down_revision = "component_replicas"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Begins anew, as the model server's counters do at the start that follows."""
    op.execute(sa.text("DELETE FROM service_counters"))
    with op.batch_alter_table("service_counters") as table:
        table.drop_constraint("pk_service_counters", type_="primary")
        table.add_column(sa.Column("replica", sa.String(8), nullable=False))
        table.add_column(sa.Column("read_at", atrium.database.UtcDateTime(), nullable=False))
        table.create_primary_key("pk_service_counters", ["model", "replica"])


def downgrade() -> None:
    """The same."""
    op.execute(sa.text("DELETE FROM service_counters"))
    with op.batch_alter_table("service_counters") as table:
        table.drop_constraint("pk_service_counters", type_="primary")
        table.drop_column("read_at")
        table.drop_column("replica")
        table.create_primary_key("pk_service_counters", ["model"])
