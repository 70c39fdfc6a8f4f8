"""Until when a version filled a feature view, so that lineage tells what a model was really trained on."""

import sqlalchemy as sa
from alembic import op

from atrium.database import UtcDateTime

revision = "lineage_times"
down_revision = "big_numbers"
branch_labels = None
depends_on = None

FILL = """
UPDATE lineage_edges SET until = (
    SELECT min(later.at) FROM lineage_edges AS later
    WHERE later.project = lineage_edges.project AND later.target_kind = lineage_edges.target_kind
    AND later.target_name = lineage_edges.target_name AND later.source_kind = lineage_edges.source_kind
    AND later.source_name = lineage_edges.source_name AND later.at > lineage_edges.at
) WHERE target_kind = 'feature-view'
"""


def upgrade() -> None:
    """Brings the tables up."""
    op.add_column("lineage_edges", sa.Column("until", UtcDateTime(), nullable=True))
    op.execute(FILL)


def downgrade() -> None:
    """Takes the tables back."""
    with op.batch_alter_table("lineage_edges") as table:
        table.drop_column("until")
