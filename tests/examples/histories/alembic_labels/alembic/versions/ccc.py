"""ccc message"""

import sqlalchemy as sa
from alembic import op

revision = "ccc"
down_revision = None
branch_labels = ("billing",)
depends_on = "aaa"


def upgrade():
    op.create_table(
        "bills",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id")),
    )


def downgrade():
    op.drop_table("bills")
