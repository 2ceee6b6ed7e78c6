"""Messages that Telegram accepted although the program may not know it.

A reply may be repeated only in this case: a new message was sent, and the process died before it
committed Telegram's response. It is decided from what the virtual Telegram recorded (request,
response, end of the connection), not from the program's own delivery ledger.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tests.emulators.telegram import Message, RecordedRequest, TelegramServer

#: A process that lives this long after a response has committed it, even on a busy machine.
KEPT_WITHIN_S = 1.0
_NEW, _WRITES = ("send",), ("send", "edit")
#: They create no message.
_NO_MESSAGES = ("sendchataction", "sendmessagedraft")


def find_unconfirmed(
    telegram: TelegramServer, within_s: float = KEPT_WITHIN_S
) -> set[tuple[int, int]]:
    """Return chat and id of each message whose response was lost, or may have been.

    within_s: a response received this long before the sender's end may be lost; with 0 only
    responses that were never received count.
    """
    with telegram.world.lock:
        calls = [call for call in telegram.requests if _is_write(call, _WRITES)]
        return {
            (call.chat_id, call.message_id)
            for at, call in enumerate(calls)
            if call.chat_id is not None
            and call.message_id is not None
            and _is_write(call, _NEW)
            and _is_unconfirmed(call, calls[at + 1 :], within_s)
        }


def _is_write(call: RecordedRequest, methods: tuple[str, ...]) -> bool:
    method = call.method.lower()
    return method.startswith(methods) and method not in _NO_MESSAGES


def _is_unconfirmed(
    call: RecordedRequest, later: Iterable[RecordedRequest], within_s: float
) -> bool:
    if not call.responded_at:
        return True  # sent, and never answered
    if not 0 < call.disconnected_at <= call.responded_at + within_s:
        return False
    # The next request for a chat starts only after the previous response was committed, but for
    # edits of another message: those of a reply that was corrected.
    return not any(
        one.chat_id == call.chat_id
        and (_is_write(one, _NEW) or one.message_id == call.message_id)
        and call.responded_at < one.received_at < call.disconnected_at
        for one in later
    )


def count_duplicates(answers: list[Message], unconfirmed: Collection[tuple[int, int]]) -> int:
    """Return how many of these equal replies are repeats of a confirmed one."""
    return sum((one.chat_id, one.message_id) not in unconfirmed for one in answers[:-1])
