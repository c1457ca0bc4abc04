"""aaa message"""

import sqlalchemy as sa
from alembic import op

revision = "aaa"
down_revision = None
branch_labels = ("core",)
depends_on = None


def upgrade():
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Enum("a", "b", name="kind")),
    )


def downgrade():
    op.drop_table("users")
