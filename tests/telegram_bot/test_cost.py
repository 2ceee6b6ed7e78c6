"""What one voice note costs, in what does not depend on the machine."""

from __future__ import annotations

from sqlalchemy import event

from core.clock import Clock
from core.store import Store
from tests.emulators.telegram import TelegramServer
from tests.support import audio_samples
from tests.support.loopback import Loopback

#: Of the database, from the update to the end of the job. Nothing else looks at it meanwhile.
# One statement, in the transaction of the result, says which job was given it: /forget needs it.
# Three more hold what the note may cost for the person and the bot, and book what it did cost.
MAX_STATEMENTS, MAX_TRANSACTIONS = 18, 6
_FRAME = ("BEGIN IMMEDIATE", "SAVEPOINT one", "RELEASE one")


async def test_a_voice_note_costs_few_statements_and_transactions(
    telegram: TelegramServer, whole: Loopback, store: Store, clock: Clock, ann: int
) -> None:
    statements: list[str] = []
    transactions: list[object] = []
    for side in (store._database._writer, store._database._readers):
        event.listen(side.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    event.listen(store._database._writer.engine, "commit", transactions.append)
    for seconds in (2, 3):  # the first one is also the first of its chat
        await clock.sleep(60)
        statements.clear()
        transactions.clear()
        sound = audio_samples.file("ogg-opus", audio_samples.speech(float(seconds)))
        telegram.send_voice(ann, ann, sound, duration=seconds)
        await clock.sleep(1)
    assert [reply.text.split()[:2] for reply in telegram.replies(ann)][-1:] == [["call", "2"]]
    counted = [one for one in statements if one not in _FRAME]
    assert len(counted) <= MAX_STATEMENTS, "\n".join(counted)
    assert len(transactions) <= MAX_TRANSACTIONS
