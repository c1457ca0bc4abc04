"""ggg message"""

import sqlalchemy as sa
from alembic import op

revision = "ggg"
down_revision = "eee"
branch_labels = None
depends_on = None


def upgrade():
    op.alter_column("users", "email", type_=sa.Text())


def downgrade():
    op.alter_column("users", "email", type_=sa.String())
