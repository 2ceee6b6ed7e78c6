"""The plain values that cross layers.

Frozen, made of standard types only, so that each can be kept as JSON and read back unchanged.
Ids are `str` on every platform; moments are aware UTC and end in `_at`; units end the name.
"""

from core.models.choices import ChatSettings, Expectation, RepliesMode, SpeechSettings
from core.models.jobs import PLACEHOLDER, Delivery, DeliveryState, Job, JobState
from core.models.messages import Attachment, Button, Chat, File, Message, Quoted, Reply
from core.models.sound import Audio, KeptVoice, Segment, Transcript, Usage, Utterance, Voice

__all__ = [
    "PLACEHOLDER",
    "Attachment",
    "Audio",
    "Button",
    "Chat",
    "ChatSettings",
    "Delivery",
    "DeliveryState",
    "Expectation",
    "File",
    "Job",
    "JobState",
    "KeptVoice",
    "Message",
    "Quoted",
    "RepliesMode",
    "Reply",
    "Segment",
    "SpeechSettings",
    "Transcript",
    "Usage",
    "Utterance",
    "Voice",
]
