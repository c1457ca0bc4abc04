"""ddd message"""

from alembic import op

revision = "ddd"
down_revision = "ccc"
branch_labels = None
depends_on = ("bbb",)


def upgrade():
    op.create_index("i", "bills", ["user_id"])


def downgrade():
    op.drop_index("i", "bills")
