"""Requests for a pause from phones at which nobody is logged in: they name the phone."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("break_requests", sa.Column("phone", sa.Text(), nullable=True))
