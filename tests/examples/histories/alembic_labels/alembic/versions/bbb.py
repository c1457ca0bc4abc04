"""bbb message"""

import sqlalchemy as sa
from alembic import op

revision = "bbb"
down_revision = "aaa"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("users", sa.Column("email", sa.String(), nullable=False, server_default=""))


def downgrade():
    op.drop_column("users", "email")
