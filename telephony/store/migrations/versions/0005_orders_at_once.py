"""Orders that are to be followed without being asked for: a new life of the router goes on with those."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("break_orders", sa.Column("at_once", sa.Boolean(), nullable=True))
