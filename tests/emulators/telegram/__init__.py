"""A local Telegram Bot API server for tests, faithful to the real one.

    async with TelegramServer() as telegram:
        bot = Bot(telegram.token, base_url=telegram.api_base_url,
                  base_file_url=telegram.file_base_url)
        ann = telegram.add_user("Ann")                      # also the id of the private chat
        note = telegram.send_voice(ann, ann, ogg_bytes, duration=4)
        telegram.fault("sendMessage", "lose_reply")         # all kinds: common.FaultKind
        ...                                                 # run the bot under test
        [reply] = await telegram.wait_for(lambda: telegram.replies_to(ann, note))
        assert reply.text == "hello" and reply.versions == ["…", "hello"]
        assert telegram.requests_to("sendMessage")[0].status == 200

The server runs on an event loop with virtual time, otherwise in a thread with its own loop.
"""

from tests.emulators.telegram.records import Message
from tests.emulators.telegram.server import TelegramServer
from tests.emulators.telegram.traffic import RecordedRequest
from tests.emulators.telegram.world import ANONYMOUS_ADMIN

__all__ = ["ANONYMOUS_ADMIN", "Message", "RecordedRequest", "TelegramServer"]
