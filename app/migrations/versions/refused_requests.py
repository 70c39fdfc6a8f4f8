"""Requests that were refused are counted apart from those that failed.

Revision ID: refused_requests
Revises: counter_replicas
"""

import sqlalchemy as sa
from alembic import op

revision = "refused_requests"
down_revision = "counter_replicas"
branch_labels = None
depends_on = None
TABLES = ("service_counters", "service_figures")


def upgrade() -> None:
    """What was counted together until now stays under failed."""
    for name in TABLES:
        with op.batch_alter_table(name) as table:
            table.add_column(sa.Column("refused", sa.BigInteger(), nullable=False, server_default="0"))
        # A batch by itself: SQLite copies the rows into a table as the whole batch leaves it.
        with op.batch_alter_table(name) as table:
            table.alter_column("refused", server_default=None)


def downgrade() -> None:
    """Counts them together again."""
    op.execute(sa.text("UPDATE service_figures SET failed = failed + refused"))
    for name in TABLES:
        with op.batch_alter_table(name) as table:
            table.drop_column("refused")
