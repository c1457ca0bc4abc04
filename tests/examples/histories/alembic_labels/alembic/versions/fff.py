"""fff message"""

from alembic import op

revision = "fff"
down_revision = "eee"
branch_labels = None
depends_on = None


def upgrade():
    op.execute("ALTER TYPE kind ADD VALUE IF NOT EXISTS 'c'")


def downgrade():
    raise NotImplementedError("Downgrade is not supported")
