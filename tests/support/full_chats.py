"""Chats on two platforms in which everything is used, and all that is stored of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from core.errors import EngineBadReply
from core.interfaces import Platform
from core.models import (
    Attachment,
    Audio,
    Button,
    Chat,
    JobState,
    Message,
    QuotedMessage,
    Reply,
    SavedVoice,
)
from tests.support.group_talk import Group, quote
from tests.support.loopback import Loopback
from tests.support.paths import SPEECH
from tests.support.stored_rows import Rows, read_rows

#: Tables without anything of any person: costs, the models' state, how far a bot has read. What was
#: used is kept without ids, or else who has used a budget up would only have to forget it.
#: And what operators have decided, which outlives the wish of those whom it is about: bans above
#: all.
IMPERSONAL = {
    *("leases", "budget_holds", "engine_slots", "engine_pauses", "paid_calls", "rate_uses"),
    *("usage", "budgets", "budget_uses", "probes", "watermarks"),
    *("index_key", "retired_keys", "admissions", "audit", "switches"),
}
TELEGRAM, DISCORD = "telegram", "discord"
#: Ids of accounts by platform.
ADA = {TELEGRAM: "70701001", DISCORD: "70702002"}
BEN = {TELEGRAM: "80801001", DISCORD: "80802002"}
EVE = {TELEGRAM: "90901001", DISCORD: "90902002"}
NOTE = Attachment("file", duration_s=3.0)


class World:
    """A group and a private chat on each of two platforms, in which everything is used."""

    def __init__(self, loopback: Loopback, home: Path) -> None:
        platforms = cast(dict[str, Platform], loopback.inbox.platforms)
        platforms[TELEGRAM] = platforms[DISCORD] = platforms["test"]
        loopback.platform.private_chats[ADA[DISCORD]] = Chat(DISCORD, "1", "555")
        self.loopback, self.store, self.home = loopback, loopback.store, home
        self.groups = {on: Group(loopback, Chat(on, "1", f"-10{on}")) for on in ADA}
        self.private = self._open_private(ADA, "555")
        self.eves = self._open_private(EVE, "777")

    def _open_private(self, person: dict[str, str], on_discord: str) -> dict[str, Group]:
        """Return the private chats of a person. On Telegram they have the id of the person."""
        names = {TELEGRAM: person[TELEGRAM], DISCORD: on_discord}
        return {
            on: Group(self.loopback, Chat(on, "1", name), is_private=True)
            for on, name in names.items()
        }

    async def use_private_as_ben(self) -> dict[str, Group]:
        """Let Ben use everything in private as well, and return the chats."""
        places = self._open_private(BEN, "666")
        for on, place in places.items():
            await self._use_private(place, BEN[on], f"of Ben {on} private")
        return places

    async def meet(self, one: dict[str, str], other: dict[str, str], words: str) -> None:
        """Let a person use in the groups what another says there.

        words: what the other's note says.
        """
        for on, group in self.groups.items():
            theirs = await self._say_aloud(group, other[on], words)
            heard = group.answers(theirs)[-1]
            for label in ("Listen", "Translate"):
                await self._press(group, one[on], heard, label)
            await self._ask(group, one[on], "transcribe", reply_to=quote(theirs))
            sent = QuotedMessage(f"sent-{len(self.loopback.platform.sent)}")
            await self._say(group, one[on], text="And what else?", reply_to=sent)
            await self._ask(group, one[on], "ask who was it?", reply_to=quote(theirs))
            for command in ("find spoken", "glossary", "voice", "digest", "summary today"):
                await self._ask(group, one[on], command)
            forward = {"forwarded_from": _name(other[on]), "origin_id": other[on]}
            await self._say(group, one[on], text=f"{words} forwarded", **forward)
            own = "canary answer" if one is ADA else "of Ben answer"
            await self._say_aloud(group, one[on], own, reply_to=quote(theirs))

    async def _say_aloud(self, group: Group, person: str, words: str, **changes: Any) -> Message:
        self._speak(words)
        self.loopback.platform.recording = _recording(f"{words} {group.chat.platform} aloud")
        return await self._say(group, person, attachment=NOTE, **changes)

    async def fill(self, *, of_ada: bool) -> None:
        """Let a person use everything on both platforms."""
        people = ADA if of_ada else BEN
        name = "canary" if of_ada else "of Ben"
        for on, person in people.items():
            await self._use_group(self.groups[on], person, f"{name} {on} group")
            if of_ada:
                await self._use_private(self.private[on], person, f"{name} {on} private")
        if of_ada:
            await self._link()

    def _speak(self, words: str) -> None:
        self.loopback.engine.text = f"{words} spoken"
        self.loopback.answerer.scripts = {"": f"{words} answer"}

    async def _use_group(self, group: Group, person: str, words: str) -> None:
        other, ask = EVE[group.chat.platform], self._ask
        self._speak(words)
        self.loopback.platform.recording = _recording(words)
        await ask(group, other, "remember on")
        await ask(group, person, "auto on")
        said = await self._say(group, person, text=f"{words} written")
        note = await self._say(group, person, attachment=NOTE)
        heard = group.answers(note)[-1]
        await self._press(group, other, heard, "Listen")
        await self._press(group, other, heard, "Translate")
        sent = QuotedMessage(f"sent-{len(self.loopback.platform.sent)}")
        await self._say(group, other, text="what of it?", reply_to=sent)
        await ask(group, other, "transcribe", reply_to=quote(note))
        for command in ("ask what was said?", "translate de", "say"):
            await ask(group, other, command, reply_to=quote(said))
        await ask(group, other, f"find {words.split()[0]}")
        await self._summarize(group, other)
        await ask(group, person, "summary since yesterday")
        await ask(group, person, "summary")
        await self._correct(group, note, " ".join(words.split()[:3]))
        await ask(group, person, "digest 09:00 Europe/Berlin")
        await ask(group, person, f"style chat {words} style")
        await ask(group, other, "style")
        await ask(group, person, f"say {words} aloud")
        takes = await ask(group, person, f"voice design {words} voice")
        await self._press(group, person, takes, "Keep A")
        await self._fail(group, person, words)
        form = group.write_as(person, _name(person), command="ask", reply_to=quote(said))
        await self.loopback.inbox.open_form(form)
        await self.store.newcomers.add(group.chat, [person])

    async def _summarize(self, group: Group, person: str) -> None:
        """Let a person read a summary in private and have it read aloud; a further one fails."""
        private = self.eves[group.chat.platform]
        offered = await self._ask(group, person, "summary me since yesterday")
        summary = await self._press(private, person, offered, "Read in private")
        await self._press(private, person, summary, "Listen")
        self.loopback.synthesizer.failures = [EngineBadReply("x")] * 5
        await self._ask(group, person, "summary voice short since yesterday")
        self.loopback.synthesizer.failures.clear()

    async def _correct(self, group: Group, note: Message, meant: str) -> None:
        job = await self.store.jobs.of_message(group.chat, note.message_id)
        assert job
        sent = (await self.store.deliveries.parts(job.job_id))[0].platform_id
        reply_to = QuotedMessage(sent)
        heard = meant.split()[0] if meant.startswith("canary") else "Ben"
        await self._say(group, note.sender_id, text=f"{heard} = {meant}", reply_to=reply_to)

    async def _fail(self, group: Group, person: str, words: str) -> None:
        """Leave a dead letter with a part that was paid for, and its button."""
        self.loopback.answerer.failures = [EngineBadReply("x")] * 5
        asked = await self._say(group, person, command="ask", text=f"{words} dead")
        job = await self.store.jobs.of_message(group.chat, asked.message_id)
        assert job and job.state is JobState.DEAD
        retried = Reply("again", buttons=(Button("x", "retry", job.job_id),))
        await self.store.jobs.save_reply(job.job_id, retried, JobState.DEAD)

    async def _use_private(self, private: Group, person: str, words: str) -> None:
        self._speak(words)
        self.loopback.platform.recording = _recording(words)
        upload = private.write_as(person, _name(person), attachment=NOTE)
        await self.loopback.inbox.accept(upload, words.encode() * 50)
        await self.loopback.settle()
        await self._say(private, person, text=f"{words} forwarded", forwarded_from="Eve")
        sample = Audio(f"RIFF {words} sample".encode() * 9, "audio/wav", 3.0)
        own = SavedVoice(
            f"{words[0]}{private.chat.platform[:8]}", f"{words} own", sample, is_clone=True
        )
        await self.store.voices.keep(private.chat, person, own)
        await self._ask(private, person, f"voice {own.voice_id}")
        await self._ask(private, person, f"say {words} in my voice")
        await self._ask(private, person, f"style {words} style")
        await self._ask(private, person, f"style chat {words} style of the chat")
        await self._ask(private, person, "language fr")

    async def _link(self) -> None:
        first, second = self.private.values()
        given = await self._ask(first, ADA[TELEGRAM], "link")
        [code] = given.spans
        typed = given.text[code.start : code.end].removeprefix("/")
        await self._ask(second, ADA[DISCORD], typed)
        assert await self.store.links.linked_platforms(TELEGRAM, ADA[TELEGRAM]) == [DISCORD]

    async def forward(self) -> None:
        """Let Ben forward words and a note of Ada's to his private chat and to the group."""
        for on, person in BEN.items():
            private = Group(self.loopback, Chat(on, "1", f"ben {on}"), is_private=True)
            self._speak(f"canary {on} group")
            self.loopback.platform.recording = _recording(f"canary {on} group")
            for place in (private, self.groups[on]):
                forward = {"forwarded_from": _name(ADA[on]), "origin_id": ADA[on]}
                await self._say(place, person, text=f"canary {on} group again", **forward)
                note = await self._say(place, person, attachment=NOTE, **forward)
                await self._ask(place, person, "ask who?", reply_to=replace(
                    quote(note), origin_id=ADA[on]
                ))  # fmt: skip

    async def _say(self, place: Group, person: str, **changes: Any) -> Message:
        return await place.send(place.write_as(person, _name(person), **changes))

    async def _ask(self, place: Group, person: str, command: str, **changes: Any) -> Reply:
        name, _, text = command.partition(" ")
        message = await self._say(place, person, command=name, text=text, **changes)
        return (place.answers(message) or [Reply()])[-1]

    async def _press(self, place: Group, person: str, reply: Reply, label: str) -> Reply:
        [token] = [one.token for one in reply.buttons if one.label == label]
        message = await self._say(place, person, button=token)
        return (place.answers(message) or [Reply()])[-1]

    say, ask, press = _say, _ask, _press

    async def rows(self) -> Rows:
        """Return every row of every table, decrypted and as it is stored."""
        return await read_rows(self.store)

    def read_files(self) -> bytes:
        """Return the bytes of all files of the program but its key."""
        files = [one for one in sorted(self.home.rglob("*")) if one.is_file()]
        assert {"hearsay.db", "hearsay.db-wal"} <= {one.name for one in files}
        return b"".join(one.read_bytes() for one in files if one.name != "secret.key")


def _name(person: str) -> str:
    return "Canary" if person in ADA.values() else f"Person {person}"


def _recording(words: str) -> bytes:
    """Return a recording of its own for each text: a WAV file with a comment at its end."""
    return (SPEECH / "cards-001.wav").read_bytes() + words.encode()
