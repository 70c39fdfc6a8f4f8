"""Components, alerts, silences, charts."""

import sqlalchemy as sa
from alembic import op

from atrium.database import UtcDateTime

revision = "monitoring"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the tables up."""
    op.create_index("ix_events_object", "events", ["project", "object"])
    op.create_table(
        "component_states",
        sa.Column("name", sa.String(30), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("what", sa.String(200), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.String(60), nullable=False),
        sa.Column("memory_mib", sa.Integer(), nullable=False),
        sa.Column("checked", sa.String(1000), nullable=False),
        sa.Column("mend", sa.String(300), nullable=False),
        sa.Column("checked_at", UtcDateTime(), nullable=False),
        sa.Column("supervisor", sa.String(40), nullable=False),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("restarted_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_component_states")),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(40), nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("project", sa.String(30), nullable=False),
        sa.Column("object", sa.String(120), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("pending_since", UtcDateTime(), nullable=False),
        sa.Column("firing_since", UtcDateTime(), nullable=True),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint("rule", "project", "object", "pending_since", name=op.f("uq_alerts_rule")),
    )
    op.create_index("ix_alerts_page", "alerts", ["state", "project"])
    op.create_index(op.f("ix_alerts_resolved_at"), "alerts", ["resolved_at"])
    op.create_table(
        "alert_silences",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(40), nullable=False),
        sa.Column("project", sa.String(30), nullable=False),
        sa.Column("object", sa.String(120), nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("by", sa.String(60), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_silences")),
    )
    op.create_index(op.f("ix_alert_silences_ends_at"), "alert_silences", ["ends_at"])
    op.create_table(
        "monitoring_charts",
        sa.Column("span", sa.String(10), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("answerer", sa.String(10), nullable=False),
        sa.Column("answered_from", sa.String(300), nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("span", name=op.f("pk_monitoring_charts")),
    )


def downgrade() -> None:
    """Takes the tables away."""
    for table in ("monitoring_charts", "alert_silences", "alerts", "component_states"):
        op.drop_table(table)
    op.drop_index("ix_events_object", "events")
