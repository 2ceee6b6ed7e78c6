"""A local Discord server for tests: REST API, gateway, voice and files by the rules of Discord.

    async with DiscordServer() as server:
        # The bot under test: DISCORD_API_BASE_URL=server.api_base_url, server.token
        ann = server.add_user("Ann")
        guild = server.add_guild(members=[ann])             # owned by another user
        channel = server.channel(guild)                     # "general"
        note = server.send_voice(channel, ann, ogg_bytes, duration=4)
        server.fault("POST */messages", "lose_reply")       # all kinds: common.FaultKind
        [reply] = await server.wait_for(lambda: server.replies_to(note))
        command = server.slash(channel, ann, "say", {"text": "hello"})
        [voice] = await server.wait_for(lambda: server.responses_to(command))
        assert server.interaction(command).latency_s < 1 and not server.pings()

The server runs in a thread with its own event loop, or as a process:
`python -m tests.emulators.discord --port 0` prints its addresses as one line of JSON, and
POST /control/<method> runs a public method, see `tests/emulators/control.py`.

All ids are strings. Voice channels are in `voice`, without end-to-end encryption (DAVE). Polls,
stickers, soundboards and message search are not implemented.
"""

from tests.emulators.discord.records import File, Interaction, Message, Ping
from tests.emulators.discord.server import TOKEN, DiscordServer
from tests.emulators.discord.traffic import Fault, RecordedRequest

__all__ = [
    "TOKEN",
    "DiscordServer",
    "Fault",
    "File",
    "Interaction",
    "Message",
    "Ping",
    "RecordedRequest",
]
