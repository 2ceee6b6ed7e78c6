"""A local Discord: a virtual one for tests, with REST, gateway and files of the real one's rules.

    async with DiscordServer() as server:
        # The bot under test: DISCORD_API_BASE_URL=server.api_base_url, server.token
        ann = server.add_user("Ann")
        guild = server.add_guild(members=[ann])             # its owner is somebody else
        room = server.channel(guild)                        # "general"
        note = server.send_voice(room, ann, ogg_bytes, duration=4)
        server.fault("POST */messages", "lose_reply")       # see common.FaultKind for all kinds
        [answer] = await server.wait_for(lambda: server.answers_to(note))
        asked = server.slash(room, ann, "say", {"text": "hello"})
        [voice] = await server.wait_for(lambda: server.answers_of(asked))
        assert server.interaction(asked).latency_s < 1 and not server.pings()

The server runs in a thread with its own event loop. As a process of its own it is
`python -m tests.emulators.discord --port 0`, which prints its addresses as one line of JSON;
POST /control/connected tells how many shards hear events.

All ids are text. Voice channels are in `voice`: a test hears what the bot said there, and only
their end-to-end encryption (DAVE) is not part. Neither are polls, stickers, stages, soundboards
and the search of messages.
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
