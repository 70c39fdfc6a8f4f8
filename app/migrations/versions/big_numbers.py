"""Counts of bytes, rows and nanoseconds pass two thousand million, which is as far as PostgreSQL's integer counts."""

import sqlalchemy as sa
from alembic import op

revision = "big_numbers"
down_revision = "clusters"
branch_labels = None
depends_on = None

COLUMNS = {
    "dataset_summaries": ("rows", "size_bytes"),
    "service_counters": ("succeeded", "failed", "rows", "total_nanoseconds"),
    "service_figures": ("succeeded", "failed", "rows", "total_microseconds"),
}


def _change(before: type[sa.Integer], after: type[sa.Integer]) -> None:
    for name, columns in COLUMNS.items():
        with op.batch_alter_table(name) as table:
            for column in columns:
                table.alter_column(column, existing_type=before(), type_=after(), existing_nullable=False)


def upgrade() -> None:
    """Widens the columns."""
    _change(sa.Integer, sa.BigInteger)


def downgrade() -> None:
    """Narrows them again; PostgreSQL refuses where a number is larger."""
    _change(sa.BigInteger, sa.Integer)
