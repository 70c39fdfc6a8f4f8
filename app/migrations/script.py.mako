"""${message}"""

import sqlalchemy as sa
from alembic import op

import atrium.database

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the tables up."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Takes the tables back."""
    ${downgrades if downgrades else "pass"}
