"""Calls every method of the store at least once, each with what it does when there is something."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.admission import Decision
from core.commands import pick_command
from core.models import (
    CANCEL_TOKEN,
    FORM_TOKEN,
    Account,
    Amount,
    Answer,
    Audio,
    Button,
    Chat,
    ChatSettings,
    File,
    JobState,
    ProbeResult,
    QuotedMessage,
    RecordingReference,
    Reply,
    SavedVoice,
    Settlement,
    SpeechSettings,
    TalkRange,
    TalkSettings,
    Transcript,
    Usage,
    parse_budget,
)
from core.privacy.archive import ExportSound
from core.store import Store
from tests.conftest import NewMessage
from tests.store.conftest import schedule
from tests.support.remembered_talk import CHAT, say, talk

COST = Usage("mimo", "m", 1.0)
SAMPLE = Audio(b"RIFF", "wav", 1.0)
HERE = Chat("test", "1", "100")
DAY = timedelta(days=1)


async def call_everything(store: Store, new_message: NewMessage) -> None:
    """Fill the tables a little, and ask everything."""
    await _work(store, new_message)
    await _ask(store)
    await _people(store)
    await _talk(store)
    await _forget(store, new_message)
    await _operate(store, new_message)


async def _work(store: Store, new_message: NewMessage) -> None:
    now = store._database.now()
    jobs = [await store.intake.add(new_message(), pick_command, b"sound") for _ in range(4)]
    done, dead, waiting, untold = [job for job in jobs if job]
    store.intake.needs_introduction = lambda platform: True
    await store.intake.add(replace(new_message(), is_private=True), pick_command)
    ledger_of = store.deliveries.ledger
    offers = (Button("More", "text_file", "key"), Button("Mine", "more", is_private=True))
    assert done.message.attachment
    about = (RecordingReference("9", done.message.attachment, "8", heard="k"),)
    reply, ledger = Reply("text", buttons=offers, about=about, heard_key="k"), ledger_of(done)
    saved = await store.jobs.save_reply(done.job_id, reply, JobState.DONE, ledger)
    await store.jobs.claim(9)
    await ledger.refresh()
    ledger.expect(1)
    await ledger_of(done).start(0)
    await ledger.start(0)
    await ledger.finish(0, "sent-1")
    await ledger.start(1)
    await ledger.forget(1)
    await ledger.find(0)
    await ledger.wait_for(0)
    await ledger.has_reply()
    await store.jobs.finish(done.job_id, JobState.DONE)
    await store.jobs.redo(done.job_id, Reply("better", buttons=offers))
    await store.jobs.finish(done.job_id, JobState.DONE)
    await ledger_of(dead).start(0)
    await ledger_of(dead).finish(0, "sent-2")
    await store.jobs.finish(dead.job_id, JobState.DEAD)
    await store.jobs.retry(dead.job_id, "test:7")
    await store.jobs.finish(dead.job_id, JobState.DEAD)
    await store.jobs.run_later(waiting.job_id, now + DAY, "Busy", is_attempt=False)
    await store.jobs.note_delay_shown(waiting.job_id)
    await store.jobs.requeue_lost(3)
    for changes in (
        {"button": saved.buttons[0].token},
        {"button": f"{CANCEL_TOKEN}{untold.job_id}"},
        {"reply_to": QuotedMessage("sent-1")},
        {"edit_id": "2"},
        {"command": "cancel"},
    ):
        await store.intake.add(new_message(**changes), pick_command)
    opener = new_message(command="ask", reply_to=QuotedMessage("sent-1"))
    await store.intake.open_form(opener)
    form = new_message(button=f"{FORM_TOKEN}{opener.message_id}", text="?", attachment=None)
    await store.intake.add(form, pick_command)
    await store.intake.add_own(new_message(command="digest_due"))
    await store.cancellation.cancel(HERE, lambda job: Reply(""), before=untold.job_id)
    await store.cancellation.cancel(HERE, lambda job: Reply(""))
    await store.cancellation.requeue([untold.job_id], [untold.job_id])
    await store.restarts.list_open()
    await store.restarts.list_ended(now)
    await store.restarts.begin_anew({waiting.job_id: HERE})
    await _results(store)


async def _results(store: Store) -> None:
    await store.results.save("piece", Transcript("x", usage=COST), whole="k")
    await store.results.save("k", Transcript("x", usage=COST))
    await store.results.save_answer("k", Answer("x", usage=COST))
    await store.results.save_audio("k", b"x", COST, SAMPLE)
    for find in (store.results.find, store.results.find_answer, store.results.find_audio):
        await find("k")
    for stored in (store.results.stored_answers, store.results.stored_audio):
        assert await stored(["k", "l", "m"]) == {"k"}
    await store.results.find_whole("piece")
    await store.results.saved_s("k")

    async def make(show: object) -> int:
        return 1

    await store.results.share("k", make)
    await store.results.drop("other")


async def _ask(store: Store) -> None:
    now = store._database.now()
    every = list(JobState)
    [newest, *_] = await store.jobs.history(HERE)
    await store.jobs.history(HERE, before=newest.job_id)
    await store.jobs.of_message(HERE, newest.message.message_id)
    await store.jobs.find(newest.job_id)
    await store.jobs.list_untold()
    await store.jobs.places()
    await store.jobs.recent(every)
    await store.jobs.counts()
    await store.job_search.find(HERE, "absent", 5)
    await store.job_search.find(HERE, "text", 1)
    await store.deliveries.parts(newest.job_id)
    await store.statistics.queue(now)
    await store.statistics.job_summaries(every, 50)
    await store.statistics.hours(now)
    await store.statistics.engine_usage(now - DAY)
    for job in await store.jobs.recent([JobState.DONE]):
        await store.statistics.job_details(job.job_id)
    await store.chats.conversations(HERE, 50)
    await store.chats.conversations(HERE, 50, now)
    await store.chats.conversation(HERE)
    for name in ("100", "200"):
        await store.chats.begin(Chat("test", "1", name), like=HERE)
    await store.chats.save_settings(HERE, ChatSettings(language="de"))
    await store.chats.settings(HERE)
    await store.chats.find_payer("test", "100")
    await store.chats.list_of({1})
    await store.chats.note_no_voice(HERE)
    await store.chats.save_watermarks("test", "1", {"100": "5"})
    await store.chats.watermarks("test", "1")
    await store.chats.find_private("test", "1")
    await store.schedules.add(schedule())
    await store.schedules.add(schedule("b"))
    await store.schedules.find(schedule().chat)
    await store.schedules.next_due_at()
    await store.schedules.fire_due(schedule().next_at + DAY)
    await store.schedules.remove(schedule("b"))


async def _people(store: Store) -> None:
    now = store._database.now()
    await store.probes.begin("transcriber", now)
    await store.probes.end(ProbeResult("transcriber", "mimo", "m", now, ""))
    await store.probes.all()
    await store.probes.begin_incident("disk", now)
    await store.probes.incidents()
    await store.probes.end_incident("disk")
    await store.probes.check_space()
    await store.probes.check_writes()
    account, day, amount = Account("person", "test:7"), now.date(), Amount(1000, 5)
    await store.budgets.reserve([account], amount, day)
    await store.budgets.release(Settlement((account,), day, amount, amount))
    await store.budgets.set_budget(account, parse_budget("5 min/day"), "test:7", "who")
    await store.budgets.standings([account], day)
    await store.budgets.top("person", (), day, 5)
    await store.budgets.own()
    await store.budgets.find(await store.budgets.short_id(account), day)
    await store.budgets.reset(account, day, "test:7", "who")
    await store.budgets.set_budget(account, None, "test:7", "who")
    await store.budgets.release_all(day)
    await store.web_sessions.find_person(await store.web_sessions.renew("key", is_over=False))
    code = await store.links.create_code("test", "7")
    await store.links.link("other", "8", code, "job")
    await store.links.linked_platforms("test", "7")
    await store.links.revoke_code(code)
    await store.links.unlink("other", "8")
    await store.voices.save_choice("test", "7", SpeechSettings(style="calm"))
    await store.voices.choice("test", "7")
    voice = SavedVoice("v", "Anna", SAMPLE)
    await store.voices.keep(HERE, "7", voice)
    [kept] = await store.voices.usable(HERE, "7")
    await store.voices.load(kept)
    await store.files.load_all(Reply(files=(File("a.ogg", "audio/ogg", b"x"),)), "en")
    await store.voices.rename(voice)
    await store.voices.forget(voice)


async def _talk(store: Store) -> None:
    now = store._database.now()
    await talk(store, *(say(number, "word") for number in range(3)))
    await store.memory.save_transcript(CHAT, "1", Transcript("x"), "k")
    every = TalkRange(since_at=now - DAY, until_at=now, thread_id="5", from_id="1")
    for part in (TalkRange(), TalkRange(from_id="none"), TalkRange(thread_id=""), every):
        await store.memory.select(CHAT, part)
    await store.memory.find(CHAT, "word", 5)
    await store.memory.last_recording(CHAT, None)
    await store.memory.message(CHAT, "1")
    await store.memory.count(CHAT)
    await store.memory.opt_out("test", "9", True)
    await store.memory.is_opted_out("test", "9")
    await store.memory.opted_out("test", ["9", "7"])
    await store.memory.note_read(CHAT, "7", now)
    await store.memory.read_at(CHAT, "7")
    await store.newcomers.add(CHAT, ["7", "8"])
    await store.newcomers.next_due_at()
    for minutes in (1, 90):
        await store.newcomers.fire_due(now + timedelta(minutes=minutes))
        await store.newcomers.add(CHAT, [f"later {minutes}"])
    await store.exports.collect(HERE, "7", ExportSound(1 << 20, 1 << 20))
    await store.job_search.exports_since(store._database.now())


async def _forget(store: Store, new_message: NewMessage) -> None:
    now = store._database.now()
    recording = store.recordings.begin()
    for _ in range(2):
        await recording.append(b"sound")
    message = new_message()
    await store.intake.add(message, pick_command, recording)
    found = await store.recordings.find(HERE, message.message_id)
    assert not isinstance(found, bytes | None)
    assert b"".join([piece async for piece in found.chunks()]) == b"soundsound"
    await store.recordings.read_piece(recording.blob_id, 0)
    await store.recordings.add_piece("left", 0, b"sound")
    for _ in range(2):
        await store.recordings.begin().append(b"sound")
        await store.recordings.sweep()
    await store.memory.forget(CHAT, "1")
    await store.memory.forget(CHAT, "unknown")
    await store.memory.forget_chat(CHAT, now - DAY)
    await store.memory.forget_chat(CHAT)
    [job, *_] = await store.jobs.recent([JobState.DONE])
    await store.forgetting.forget_message(HERE, job.message.message_id, job.job_id)
    await store.chats.save_settings(CHAT, ChatSettings(talk=TalkSettings(remember_days=7)))
    await talk(store, *(say(number, "word") for number in range(3)))
    await store.intake.open_form(new_message(command="ask"))
    await store.chats.move(HERE, Chat("test", "1", "300"))
    for days in (8, 60):
        await store.retention.purge(now + days * DAY)
    await store.forgetting.forget_person(Chat("test", "1", "300"), "7")
    accounts = await store.links.accounts("test", "7")
    await store.forgetting.forget_everywhere(accounts, [CHAT], keeps_account=False)
    await store.forgetting.forget_chat(CHAT)
    await store.jobs.cancel_chat(HERE)


async def _operate(store: Store, new_message: NewMessage) -> None:
    for who, decision in (("71", Decision.APPROVED), ("72", Decision.DENIED)):
        message = new_message(who, sender_id=who, is_held=True)
        assert await store.intake.add(message, pick_command)
        assert await store.admissions.list_untold() == await store.admissions.list_open()
        await store.admissions.note_told("test", who)
        await store.admissions.decide("test:7", "test", who, decision)
    await store.admissions.decide("test:7", "test", "72", Decision.APPROVED)
    await store.chats.move(Chat("test", "1", "72"), Chat("test", "1", "74"))
    await store.intake.add(new_message("73", sender_id="73", is_held=True), pick_command)
    assert await store.admissions.release_all() == 1
    await store.load()
    for is_on in (True, False):
        await store.controls.pause("test:7", is_on=is_on)
        await store.controls.find_told()
        await store.jobs.claim(9)
    await store.controls.count_active()
    await store.controls.broadcast("test:7", "key", "text")
    assert await store.audit.recent()
