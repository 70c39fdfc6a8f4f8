"""By which run or item a change was made, in full."""

import sqlalchemy as sa
from alembic import op

revision = "audit_via"
down_revision = "lineage_times"
branch_labels = None
depends_on = None


def _widen(before: int, after: int) -> None:
    with op.batch_alter_table("audit") as table:
        table.alter_column("via", existing_type=sa.String(before), type_=sa.String(after), existing_nullable=False)


def upgrade() -> None:
    """Widens the column."""
    _widen(20, 100)


def downgrade() -> None:
    """Narrows it."""
    op.execute("UPDATE audit SET via = substr(via, 1, 20)")
    _widen(100, 20)
