"""The number that grows with each change of rights."""

import sqlalchemy as sa
from alembic import op

revision = "rights_version"
down_revision = "images"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the table up."""
    op.create_table(
        "rights_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rights_version")),
    )


def downgrade() -> None:
    """Takes the table away."""
    op.drop_table("rights_version")
