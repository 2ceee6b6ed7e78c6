"""What an export has found so far of one person."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from core.models import Chat, Message, QuotedMessage, RememberedMessage, SavedVoice, Transcript
from core.privacy.archive import ExportSound
from core.privacy.export import ExportedQuotation, ExportedRequest, ExportedTalk, ExportedVoice
from core.store.exports.ownership import Ownership
from core.text.file_names import safe_name


@dataclass(slots=True)
class Found:
    """What was found so far of one person."""

    platform: str
    person_id: str
    sound: ExportSound
    own: Ownership
    #: Private chats of the person, which `own` knows as well.
    chats: dict[Chat, None]
    voices: dict[str, ExportedVoice] = field(default_factory=dict)
    requests: list[ExportedRequest] = field(default_factory=list)
    #: Ids of people who may have said or written something of it, such as what was forwarded.
    people: set[str] = field(default_factory=set)
    #: None of them twice: people ask more than once about a message.
    quotations: dict[ExportedQuotation, None] = field(default_factory=dict)

    def concerns(self, message: Message) -> bool:
        """Return whether the person sent a message, or is quoted in it."""
        is_here = message.chat.platform == self.platform
        return is_here and (self.own.is_sender(message) or bool(self.own.quoted(message)))

    def add_voice(self, voice_id: str, voice: SavedVoice) -> None:
        """Add a saved voice; without its sample if that is gone."""
        if voice_id not in self.voices:
            path = f"voices/{voice_id}.{safe_name(voice.sample.mime.partition('/')[2])}"
            sample = self.sound.add(path, voice.sample.data) if voice.sample.data else ""
            made = ExportedVoice(voice.name, voice.is_clone, voice.consented_at, sample)
            self.voices[voice_id] = made

    def add_quotation(
        self, chat: Chat, one: Message | QuotedMessage, transcript: Transcript | None
    ) -> None:
        """Add words of the person that stand in a message: itself a forward, or what it quotes."""
        place = (chat.chat_id, one.message_id) if one.sender_id == self.person_id else ("", "")
        if one.text or transcript:
            self.quotations[ExportedQuotation(*place, one.text, transcript)] = None

    def add_talk(self, chat: Chat, message: RememberedMessage) -> ExportedTalk | None:
        """Return a remembered message; None if somebody else forwarded it, which is a quotation."""
        self.people |= message.author_ids
        if message.sender_id != self.person_id:
            quotation = ExportedQuotation("", "", message.text, message.transcript)
            self.quotations[quotation] = None
            return None
        if message.origin_id not in ("", self.person_id) and chat not in self.chats:
            # Somebody else's words, kept under their name.
            no_words = replace(message, text="", attachment=None, transcript=None)
            message = replace(no_words, origin_id="", sender_name="")
        return ExportedTalk(chat.chat_id, message)
