"""eee message"""

revision = "eee"
down_revision = ("bbb", "ddd")
branch_labels = None
depends_on = None


def upgrade():
    pass


def downgrade():
    pass
