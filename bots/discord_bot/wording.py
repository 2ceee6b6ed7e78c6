"""Texts that read differently on Discord: its own words, and instructions that work there.

Slash commands cannot reply to a message: what elsewhere is a reply with a command is an entry in
the message's menu here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from core.locale import mark

#: The text of the core -> the one that is shown.
WORDING: Mapping[str, str] = MappingProxyType(
    {
        # What can be done with a message
        "Reply to a voice message with /transcribe to transcribe it.": mark(
            "To transcribe a voice message, right-click it (on a phone: press and hold it) and "
            "choose Apps → Transcribe."
        ),
        "Send me a voice message, or reply to one with /transcribe.": mark(
            "Add a recording to /transcribe. Or right-click a voice message (on a phone: press and "
            "hold it) and choose Apps → Transcribe."
        ),
        "Reply to a recording with /ask and your question: /ask What did they agree on?": mark(
            "Right-click a recording (on a phone: press and hold it) and choose Apps → Ask about "
            "this."
        ),
        "This is for private chats. Here, reply to a voice message with /ask.": mark(
            "This is for direct messages. Here, right-click a voice message (on a phone: press and "
            "hold it) and choose Apps → Ask about this."
        ),
        "Reply to a text or voice message with /translate, or add the text: /translate German Good "
        "morning": mark(
            "Enter the text in the option “text”. Or right-click a message (on a phone: press and "
            "hold it) and choose Apps → Translate."
        ),
        "Reply to a message with /forget, or delete all your data here: /forget me. In all chats: "
        "/forget me everywhere. The whole chat (admins): /forget chat": mark(
            "Right-click a message (on a phone: press and hold it) and choose Apps → Forget "
            "this, or delete all your data here: /forget me. In all servers: /forget me "
            "everywhere. The whole channel (with the permission Manage Server): /forget channel"
        ),
        "Reply to the message to start from: /summary from here": mark(
            "Say when to start instead: /summary since yesterday"
        ),
        # Members, permissions, servers, channels, direct messages
        "Only the admins of this chat can change that.": mark(
            "Only members with the permission Manage Server can change that."
        ),
        "Only the person who asked for it, or an admin, can cancel this.": mark(
            "Only the person who asked for it, or a member with the permission Manage Server, can "
            "cancel this."
        ),
        "Only the person who asked for it, or an admin, can start this.": mark(
            "Only the person who asked for it, or a member with the permission Manage Server, can "
            "start this."
        ),
        "Only the person who speaks in this recording, or an admin, can correct its "
        "transcript.": mark(
            "Only the person who speaks in this recording, or a member with the permission Manage "
            "Server, can correct its transcript."
        ),
        "Only the person who made this correction, or an admin, can undo it.": mark(
            "Only the person who made this correction, or a member with the permission Manage "
            "Server, can undo it."
        ),
        "Another person made the correction {correction}. Only they or an admin can change "
        "it.": mark(
            "Another person made the correction {correction}. Only they or a member with the "
            "permission Manage Server can change it."
        ),
        "This chat has {corrections}, which is the most. Remove one first: /glossary": mark(
            "This channel has {corrections}, which is the most. Remove one first: /glossary"
        ),
        "You have made {corrections} in this chat, which is the most. Remove one first: "
        "/glossary": mark(
            "You have made {corrections} in this channel, which is the most. Remove one "
            "first: /glossary"
        ),
        "You are not in that chat any more, so I cannot show you what was said there.": mark(
            "You are not in that channel any more, so I cannot show you what was said there."
        ),
        "Only members of {channel} and admins can do that.": mark(
            "Only members in {channel}, or with the permission Manage Server, can do that."
        ),
        "After /auto on I transcribe every one (admins).": mark(
            "After /auto on I transcribe every one (this needs the permission Manage Server)."
        ),
        "Chat history is off. An admin can turn it on with /remember on.": mark(
            "Message history is off in this channel. A member with the permission Manage "
            "Server can turn it on with /remember on."
        ),
        "I am still working on {requests} of this chat and take no more until some of them "
        "are done. This one is refused, and so is what is sent here until then.": mark(
            "I am still working on {requests} of this channel and take no more until some of "
            "them are done. This one is refused, and so is what is sent here until then."
        ),
        "In private chats every voice message is transcribed automatically.": mark(
            "In direct messages every voice message is transcribed automatically."
        ),
        "You have opted out: nothing that you say in chats is stored. What you ask me yourself is "
        "kept as /privacy says.": mark(
            "You have opted out: nothing that you say in servers is stored. What you ask me "
            "yourself is kept as /privacy says."
        ),
        "You have opted in again, in chats that keep a history.": mark(
            "You have opted in again, in channels that keep a history."
        ),
        "Voices can only be cloned in a private chat.": mark(
            "Voices can only be cloned in a direct message to me."
        ),
        "This chat's voice is now {voice}.": mark("This channel's voice is now {voice}."),
        "This chat's voice was reset.": mark("This channel's voice was reset."),
        "This chat's style: {style}": mark("This channel's style: {style}"),
        "For this chat": mark("For this channel"),
        "this chat": mark("this channel"),
        "chat": mark("channel"),
        "me = your data in this chat, or everywhere; chat = everybody's here (admins)": mark(
            "me = your data in this channel, or everywhere; channel = everybody's here"
        ),
        "me [everywhere] | chat": mark("me [everywhere] | channel"),
        "This button has expired. Send /forget chat again.": mark(
            "This button has expired. Use /forget again."
        ),
        "This chat now has the settings of a new one: no history is kept.": mark(
            "This channel now has the settings of a new one: no history is kept."
        ),
        "This deletes everything that is stored about this chat, for everybody: messages, "
        "transcripts, replies, voices, corrections, digests and settings. It cannot be "
        "undone.": mark(
            "This deletes everything that is stored about this channel, for everybody: messages, "
            "transcripts, replies, voices, corrections, digests and settings. It cannot be undone."
        ),
        "Your voice, style, language and links are for all your chats. They stay, as does what is "
        "in other chats: /forget me everywhere deletes that, too.": mark(
            "Your voice, style, language and links are for all servers. They stay, as does what "
            "is in other channels: /forget me everywhere deletes that, too."
        ),
        # Of channels, and of what stands in them
        "Digests are for groups: send /digest in a group. Here, use /summary.": mark(
            "Digests are for servers: use /digest in a channel there. Here, use /summary."
        ),
        "Digests need chat history. Turn it on first: /remember on": mark(
            "Digests need message history. Turn it on first: /remember on"
        ),
        "Digests are turned off, because chat history is off.": mark(
            "Digests are turned off, because message history is off."
        ),
        "A digest of this topic is sent every day at {at} ({zone}). Next: {date}.": mark(
            "A digest of this thread is sent every day at {at} ({zone}). Next: {date}."
        ),
        "A digest of this topic is sent on weekdays at {at} ({zone}). Next: {date}.": mark(
            "A digest of this thread is sent on weekdays at {at} ({zone}). Next: {date}."
        ),
        "Chat history can be kept for at least one day and at most {days}.": mark(
            "Message history can be kept for at least one day and at most {days}."
        ),
        "Chat history is off now.": mark("Message history is off now."),
        "Messages and voice messages here are stored for {days}, encrypted, for /summary and "
        "/find, and replies to requests about them for 30 days. Admins can turn this off with "
        "/remember off. /remember me off opts you out in all chats; /forget me deletes your data "
        "here.": mark(
            "Messages and voice messages here are stored for {days}, encrypted, for /summary and "
            "/find, and replies to requests about them for 30 days. Members with the permission "
            "Manage Server can turn this off with /remember off. /remember me off opts you out in "
            "all servers; /forget me deletes your data here."
        ),
        "You have opted out: nothing that you say in chats is stored, and nobody else can have it "
        "transcribed, translated or read aloud. What you ask me yourself is kept as /privacy says. "
        "/remember me on undoes this.": mark(
            "You have opted out: nothing that you say in servers is stored, and nobody else there "
            "can have it transcribed, translated or read aloud. What you ask me yourself is kept "
            "as /privacy says. /remember me on undoes this."
        ),
        "Messages in the chat itself are not deleted. What others wrote about you is kept until it "
        "expires: requests after 30 days, a history after the days that were announced. Also kept: "
        "this receipt, and message numbers, so that no message is processed twice (30 days); how "
        "much you have used, without your id (62 days); a budget of your own, and what the "
        "operator has decided or done about you (see /privacy).": mark(
            "Messages on Discord itself are not deleted. What others wrote about you is kept until "
            "it expires: requests after 30 days, a history after the days that were announced. "
            "Also kept: this receipt, and message numbers, so that no message is processed twice "
            "(30 days); how much you have used, without your id (62 days); a budget of your own, "
            "and what the operator has decided or done about you (see /privacy)."
        ),
        "Joined {channel}. What you send with /say is spoken there. /read on reads this chat "
        "aloud, /stop stops playback, /leave disconnects me. My voices are AI-generated.": mark(
            "Joined {channel}. What you send with /say is spoken there. /read on reads this "
            "channel aloud, /stop stops playback, /leave disconnects me. My voices are "
            "AI-generated."
        ),
        "Your own language, in all chats: /language me German": mark(
            "Your own language, in all channels: /language me German"
        ),
        "Linking works in private chats only. A code sent here is no longer valid: get a new one "
        "there with /link.": mark(
            "Linking works in direct messages only. A code sent here is no longer valid: get a new "
            "one there with /link."
        ),
        "The summary is sent to our private chat, where only you can read it.": mark(
            "The summary is shown to you alone."
        ),
        "Press a voice to hear it. /voice NAME sets your voice, /voice chat NAME this chat's "
        "(admins), /voice off resets yours.": mark(
            "Choose a voice to hear it. /voice NAME sets your voice, /voice chat NAME this "
            "channel's (needs Manage Server), /voice off resets yours."
        ),
        "Remembered for this chat: {corrections}": mark(
            "Remembered for this channel: {corrections}"
        ),
        # Descriptions of commands
        "Transcribe every voice message here: on or off (admins)": mark(
            "Transcribe every voice message in this channel"
        ),
        "Ask about a recording or text: reply to it with your question": mark(
            "Ask about a recording, or anything else"
        ),
        "Spoken language of this chat, or with “me” your own: German, zh, … or auto": mark(
            "Spoken language of this channel, or your own"
        ),
        "For you or for this chat": mark("For you or for this channel"),
        "Read a text aloud, or the message you reply to": mark("Read a text aloud"),
        "Search this chat, voice messages included": mark("Search this channel"),
        "Read this chat aloud in the voice channel: on or off": mark(
            "Read this channel aloud in the voice channel"
        ),
        "Delete what is stored about a message (reply to it), about you (me) or this chat": mark(
            "Delete what is stored about you, or about this channel"
        ),
        "Summarize this chat: last 2h, 200 messages, unread, this topic, me, voice": mark(
            "Summarize this channel"
        ),
        "Keep chat history for summaries and /find: on, off or days (admins)": mark(
            "Keep messages for summaries and search, or opt out"
        ),
        "Translate a text or voice message: /translate German": mark(
            "Translate a text or a recording"
        ),
        "How your voice messages are handled: transcribe, ask or both": mark(
            "What to do with your voice messages"
        ),
        "Think before answering: on or off (better, but slower)": mark("Think before answering"),
        "Scheduled summaries: 09:00 Europe/Berlin [weekdays] [topic], or off": mark(
            "Send summaries on a schedule"
        ),
        # Discord shows what can be chosen, and /help has to fit into one message.
        "Voice replies: off, auto (voice in, voice out) or always": mark(
            "When I reply with my voice"
        ),
        "Speaking style: warm, tired, slow … or off": mark("How my voice sounds"),
        "List the corrections of transcripts, or remove one": mark("Show or remove corrections"),
        "Get everything that is stored about you, as a file": mark(
            "Get all that is stored about you"
        ),
        "this topic": mark("this thread"),
        "18:00 topic": mark("18:00 thread"),
        "all: everybody's requests, for admins": mark(
            "all = everybody's requests (needs Manage Server)"
        ),
        # In the list of commands; what can be entered is shown by Discord while typing.
        "/{name}{usage} – {help}": "/{name} – {help}",
    }
)

_ONLY_COMMANDS = mark(
    "I do not see messages, only commands. To transcribe a voice message, right-click it (on a "
    "phone: press and hold it) and choose Apps → Transcribe, or add a recording to /transcribe."
)
#: The same where interactions come over HTTP, and messages not at all.
WORDING_WITHOUT_GATEWAY: Mapping[str, str] = MappingProxyType(
    {
        **WORDING,
        "Send me a voice message, video message or any recording to transcribe it.": _ONLY_COMMANDS,
        "Send me a voice message now, and I write down what is said.": _ONLY_COMMANDS,
        "Reply to a voice message with /transcribe to transcribe it.": _ONLY_COMMANDS,
        "In private chats every voice message is transcribed automatically.": _ONLY_COMMANDS,
        "Then reply to the text with a question about it.": mark(
            "To ask about it, choose Apps → Ask about this."
        ),
    }
)
