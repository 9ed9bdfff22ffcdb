"""Emergency pauses that nobody has reviewed have an index of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """By the generation's name where the call log has been rebuilt: a rebuild keeps the names of its indexes apart."""
    only = sa.text("kind = 'emergency' AND reviewed IS NULL")
    generation = op.get_bind().exec_driver_sql("SELECT generation FROM call_log_state").scalar_one()
    tail = "" if generation == 1 else f"_{generation}"
    columns = ["reviewed", "begins"]
    op.create_index(f"ix_permissions_reviewed{tail}", "permissions", columns, sqlite_where=only, postgresql_where=only)
