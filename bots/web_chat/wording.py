"""Sentences of chat apps in the words of the page, where nobody replies, quotes or forwards."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from core.locale import mark

#: The text of the core -> the one that is shown.
WORDING: Mapping[str, str] = MappingProxyType({
    "Reply to a recording with /ask and your question: /ask What did they agree on?": mark(
        "Press Ask below a transcript and type your question."
    ),
    "Nothing found among the messages that you forwarded in the last day.": mark(
        "Use the search box above your chats: it finds words in all transcripts."
    ),
    "Reply to a message with /forget, or delete all your data here: /forget me. In all chats: "
    "/forget me everywhere. The whole chat (admins): /forget chat": mark(
        "Delete a chat in the list of chats, or everything stored about this one: /forget me"
    ),
    "Messages in the chat itself are not deleted. What others wrote about you is kept until it "
    "expires: requests after 30 days, a history after the days that were announced. Also kept: "
    "this receipt, and message numbers, so that no message is processed twice (30 days); how much "
    "you have used, without your id (62 days); a budget of your own, and what the operator has "
    "decided or done about you (see /privacy).": mark(
        "This receipt and how much you have used are kept for a while: /privacy says how long."
    ),
    "Your voice, style, language and links are for all your chats. They stay, as does what is in "
    "other chats: /forget me everywhere deletes that, too.": mark(
        "Your voice, style, language and links stay: /forget me everywhere deletes them, too, and "
        "all your chats."
    ),
    "No corrections yet. Reply to a transcript with: no, it is Kowalski. "
    "Or with: Kovalsky = Kowalski": mark(
        "No corrections yet. Press Fix below a transcript and change the word."
    ),
    "Reply to the transcript with the right word: no, it is Kowalski. Or with both: "
    "Kovalsky = Kowalski. I will correct it and remember it.": mark(
        "Press Fix below the transcript and change the word. It is remembered for this chat."
    ),
    "Texts that you forward here are kept for one day, for /summary. Requests and their replies "
    "are kept for 30 days; a recording is a request, too. /privacy says more.": mark(
        "Chats on this page are kept for 30 days, recordings for 7 (30 if a request failed)."
    ),
    "Send me a voice message, or reply to one with /transcribe.": mark(
        "Record a message or choose a file: it is transcribed automatically."
    ),
    "Reply to a text or voice message with /translate, or add the text: "
    "/translate German Good morning": mark(
        "Press Translate below a transcript, or add the text: /translate German Good morning"
    ),
    "Forward messages to me, then send /summary.": mark(
        "There is nothing to summarize yet: send a recording first."
    ),
    "Send me a voice message now, and I write down what is said.": mark(
        "Record a message or choose a file, and I write down what is said."
    ),
    "Ask about a recording or text: reply to it with your question": mark(
        "Ask about a recording or text: press Ask below it"
    ),
    "Read a text aloud, or the message you reply to": mark("Read text aloud"),
    "In private chats every voice message is transcribed automatically.": mark(
        "Every recording is transcribed automatically here."
    ),
    "Digests are for groups: send /digest in a group. Here, use /summary.": mark(
        "There are no digests on this page. Use /summary."
    ),
    "Send me a voice message, video message or any recording to transcribe it.": mark(
        "Record a message or choose a file to transcribe it."
    ),
    "last 2h | 200 | unread | topic | me | voice | short": mark("last 2h | 200 | voice | short"),
    "Summarize this chat: last 2h, 200 messages, unread, this topic, me, voice": mark(
        "Summarize this chat: last 2h, 200 messages, voice, short"
    ),
    "Press a voice to hear it. /voice NAME sets your voice, /voice chat NAME this chat's (admins), "
    "/voice off resets yours.": mark(
        "Press a voice to hear it. /voice NAME sets your voice, /voice off resets it."
    ),
    "Then reply to the text with a question about it.": mark(
        "Then type a question about it."
    ),
})  # fmt: skip
#: Commands that need a group, or for which the page has something better.
NOT_ON_PAGE = frozenset({"auto", "digest", "find", "forget", "remember", "transcribe"})
