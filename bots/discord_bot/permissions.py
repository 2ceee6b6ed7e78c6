"""The permissions that the bot uses in a server, and the link that asks for them."""

from __future__ import annotations

from dataclasses import dataclass

from core.locale import mark

#: Source: Discord, "OAuth2", Bot Authorization Flow.
_INSTALL = "https://discord.com/oauth2/authorize"


@dataclass(frozen=True, slots=True)
class Permission:
    """A permission of the bot."""

    #: The name in discord.py, and the bit in Discord's API.
    flag: str
    bit: int
    #: The name in Discord's settings.
    name: str
    #: What the bot does with it.
    use: str


#: Without these the bot can neither read nor answer in a channel.
NEEDED = (
    Permission("view_channel", 10, mark("View Channel"), "sees the channel"),
    Permission("send_messages", 11, mark("Send Messages"), "answers"),
    Permission("read_message_history", 16, mark("Read Message History"), "reads what it missed"),
)
#: Without these a part of what it does fails.
USED = (
    Permission("attach_files", 15, "Attach Files", "sends transcripts and speech as files"),
    Permission("send_voice_messages", 46, "Send Voice Messages", "speaks in voice messages"),
    Permission("send_messages_in_threads", 38, "Send Messages in Threads", "answers in threads"),
    Permission(
        "create_public_threads",
        35,
        "Create Public Threads",
        "puts long replies into a thread (DISCORD_LONG_ANSWERS=thread)",
    ),
    Permission("connect", 20, "Connect", "joins voice channels"),
    Permission("speak", 21, "Speak", "reads aloud in voice channels"),
)
#: What the install link asks for. Stages need Mute Members as well, which moderates: a server
#: gives it there if it wants to.
PERMISSIONS = NEEDED + USED


def build_install_link(application_id: str) -> str:
    """Return the link that adds the bot to a server, with the permissions that it uses."""
    asked = sum(1 << one.bit for one in PERMISSIONS)
    scopes = "bot+applications.commands"
    return f"{_INSTALL}?client_id={application_id}&scope={scopes}&permissions={asked}"
