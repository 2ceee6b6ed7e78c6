"""What an interaction gave us to answer it with: good for a quarter of an hour. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

#: How long Discord takes answers to an interaction, less what a call may need.
LIFE_S = 15 * 60 - 15


@dataclass(frozen=True, slots=True)
class InteractionToken:
    """The right to answer one interaction; kept sealed with its message as `Message.token`."""

    interaction_id: str
    token: str
    #: Seconds since 1970.
    created_s: int
    #: Only the person who asked sees the answer.
    is_ephemeral: bool = False
    #: The person has brought us along: we are no member of the chat and cannot write there.
    is_personal: bool = False
    #: False where the first answer is the message whose button was pressed: it stays as it is.
    has_original: bool = True

    def write(self) -> str:
        """Return it as text: id:token:created:flags."""
        flags = "e" * self.is_ephemeral + "p" * self.is_personal + "u" * (not self.has_original)
        return f"{self.interaction_id}:{self.token}:{self.created_s}:{flags}"

    def is_good(self, now: datetime) -> bool:
        """Tell whether Discord still takes answers."""
        return now.timestamp() < self.created_s + LIFE_S


def read_interaction_token(text: str) -> InteractionToken | None:
    """Return what `InteractionToken.write` wrote, None where there is nothing."""
    fields = text.split(":")
    if len(fields) != 4 or not fields[2].isdecimal():
        return None
    interaction_id, token, created_s, flags = fields
    marks = ("e" in flags, "p" in flags, "u" not in flags)
    return InteractionToken(interaction_id, token, int(created_s), *marks)
