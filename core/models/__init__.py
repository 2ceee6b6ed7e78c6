"""The plain values that cross layers.

Frozen, made of standard types only, so that each can be kept as JSON and read back unchanged.
Ids are `str` on every platform; moments are aware UTC and end in `_at`; units end the name.
"""

from core.models.answers import Answer, Passage, Question, Turn
from core.models.audio import Audio, KeptVoice, Segment, Transcript, Usage, Utterance, Voice
from core.models.jobs import PLACEHOLDER, Conversation, DeliveryState, Job, JobState, PartDelivery
from core.models.messages import (
    Attachment,
    Button,
    Chat,
    File,
    Link,
    Message,
    Quoted,
    RecordingReference,
    Reply,
)
from core.models.schedules import Schedule
from core.models.settings import (
    ChatSettings,
    Correction,
    Expectation,
    NoteMode,
    RepliesMode,
    SpeechSettings,
    Suggestion,
    TalkSettings,
)
from core.models.statistics import (
    Hour,
    Probe,
    Queue,
    Spent,
    Steps,
    Trace,
    Waits,
    measure_waits,
)
from core.models.talk import RememberedMessage, Span

__all__ = [
    "PLACEHOLDER",
    "Answer",
    "Attachment",
    "Audio",
    "Button",
    "Chat",
    "ChatSettings",
    "Conversation",
    "Correction",
    "DeliveryState",
    "Expectation",
    "File",
    "Hour",
    "Job",
    "JobState",
    "KeptVoice",
    "Link",
    "Message",
    "NoteMode",
    "PartDelivery",
    "Passage",
    "Probe",
    "Question",
    "Queue",
    "Quoted",
    "RecordingReference",
    "RememberedMessage",
    "RepliesMode",
    "Reply",
    "Schedule",
    "Segment",
    "Span",
    "SpeechSettings",
    "Spent",
    "Steps",
    "Suggestion",
    "TalkSettings",
    "Trace",
    "Transcript",
    "Turn",
    "Usage",
    "Utterance",
    "Voice",
    "Waits",
    "measure_waits",
]
