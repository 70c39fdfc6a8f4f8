"""Schedules of pipelines and their slots."""

import sqlalchemy as sa
from alembic import op

from atrium.database import UtcDateTime

revision = "schedules"
down_revision = "summaries"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the tables up."""
    op.create_table(
        "schedules",
        sa.Column("project", sa.String(30), nullable=False),
        sa.Column("pipeline", sa.String(30), nullable=False),
        sa.Column("crontab", sa.String(200), nullable=False),
        sa.Column("timezone", sa.String(60), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("overlap", sa.String(10), nullable=False),
        sa.Column("catch_up_minutes", sa.Integer(), nullable=False),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.Column("owner", sa.String(60), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("looked_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("project", "pipeline", name=op.f("pk_schedules")),
    )
    op.create_table(
        "schedule_slots",
        sa.Column("project", sa.String(30), nullable=False),
        sa.Column("pipeline", sa.String(30), nullable=False),
        sa.Column("moment", UtcDateTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("run", sa.String(200), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint("project", "pipeline", "moment", name=op.f("pk_schedule_slots")),
    )
    op.create_index("ix_schedule_slots_state", "schedule_slots", ["state"])


def downgrade() -> None:
    """Takes the tables away."""
    op.drop_table("schedule_slots")
    op.drop_table("schedules")
