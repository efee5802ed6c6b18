"""Whether the end of a certificate that was taken over came from the certificate or from books.

Of those that are here already nobody knows: so all of them are listed for good from their end on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column(
        "grants", sa.Column("end_known", sa.Boolean(), server_default=sa.true(), nullable=False)
    )
    op.execute("UPDATE grants SET end_known = false WHERE imported_at IS NOT NULL")
    op.execute(
        "UPDATE grants SET revoked_at = not_after WHERE imported_at IS NOT NULL "
        "AND state = 'expired' AND revoked_at IS NULL"
    )
