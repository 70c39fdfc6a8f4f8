"""Images that the administrator registers."""

import sqlalchemy as sa
from alembic import op

from atrium.database import UtcDateTime

revision = "images"
down_revision = "schedules"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the table up."""
    op.create_table(
        "images",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("path", sa.String(1000), nullable=False),
        sa.Column("exact", sa.Boolean(), nullable=False),
        sa.Column("added_by", sa.String(60), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_images")),
    )


def downgrade() -> None:
    """Takes the table away."""
    op.drop_table("images")
