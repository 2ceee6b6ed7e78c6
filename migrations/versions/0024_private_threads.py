"""What was remembered in Discord's private threads goes: it was open to the whole channel."""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    # Nobody can tell any more which threads are private. Those that have the id of a message were
    # started from it, as posts in forums are, and so are public.
    op.execute(
        "UPDATE remembered SET content = NULL, transcript = NULL, heard_key = NULL, "
        "sender_id = '', origin_id = '' WHERE thread_id IS NOT NULL "
        "AND chat_pk IN (SELECT chat_pk FROM chats WHERE platform = 'discord') "
        "AND NOT EXISTS (SELECT 1 FROM remembered AS first WHERE first.chat_pk = remembered.chat_pk"
        " AND first.message_id = remembered.thread_id)"
    )


def downgrade() -> None:
    """Keep what is there: what is gone cannot come back."""
