"""What the platform knows: which messages went out although their sender may not know it.

The one window in which an answer may be repeated: a new message was sent, and the process died
before it had kept Telegram's answer. Telegram sees the call, its own answer and the connection's
end; what the program notes of its deliveries is not asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tests.emulators.telegram import Message, RecordedRequest, TelegramServer

#: A process that lives so long after an answer has kept it, also on a busy machine.
KEPT_WITHIN_S = 1.0
_NEW, _WRITES = ("send",), ("send", "edit")
#: They show no message.
_NO_MESSAGES = ("sendchataction", "sendmessagedraft")


def find_unconfirmed(
    telegram: TelegramServer, within_s: float = KEPT_WITHIN_S
) -> set[tuple[int, int]]:
    """Return chat and id of each message of which Telegram's answer was lost, or may be.

    within_s: how long before its sender's end an answer may have come; with 0 only those count
    that were never received.
    """
    with telegram.world.lock:
        calls = [call for call in telegram.requests if _is_write(call, _WRITES)]
        return {
            (call.chat_id, call.message_id)
            for at, call in enumerate(calls)
            if call.chat_id is not None
            and call.message_id is not None
            and _is_write(call, _NEW)
            and _is_lost(call, calls[at + 1 :], within_s)
        }


def _is_write(call: RecordedRequest, methods: tuple[str, ...]) -> bool:
    method = call.method.lower()
    return method.startswith(methods) and method not in _NO_MESSAGES


def _is_lost(call: RecordedRequest, later: Iterable[RecordedRequest], within_s: float) -> bool:
    if not call.responded_at:
        return True  # sent, and never answered
    if not 0 < call.disconnected_at <= call.responded_at + within_s:
        return False
    # What comes next in a chat begins only once the answer before was kept.
    return not any(
        one.chat_id == call.chat_id and call.responded_at < one.received_at < call.disconnected_at
        for one in later
    )


def count_duplicates(answers: list[Message], lost: Collection[tuple[int, int]]) -> int:
    """Return how many of these equal answers nothing excuses: only a lost one is sent again."""
    return sum((one.chat_id, one.message_id) not in lost for one in answers[:-1])
