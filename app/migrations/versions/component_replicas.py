"""Components by the home that they run in: several may keep their state in one database."""

import sqlalchemy as sa
from alembic import op

revision = "component_replicas"
down_revision = "run_started"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Begins anew with what the workers find within seconds; counts of restarts begin anew, too."""
    op.execute(sa.text("DELETE FROM component_states"))
    with op.batch_alter_table("component_states") as table:
        table.drop_constraint("pk_component_states", type_="primary")
        table.add_column(sa.Column("replica", sa.String(8), nullable=False))
        table.create_primary_key("pk_component_states", ["replica", "name"])


def downgrade() -> None:
    """The same."""
    op.execute(sa.text("DELETE FROM component_states"))
    with op.batch_alter_table("component_states") as table:
        table.drop_constraint("pk_component_states", type_="primary")
        table.drop_column("replica")
        table.create_primary_key("pk_component_states", ["name"])
