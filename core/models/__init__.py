"""The plain values that all layers share.

Frozen and made of standard types, so that each can be stored as JSON and read back unchanged.
What equals its default is not stored: a default must not change once values are.
Ids are `str` on every platform; moments are aware UTC and end in `_at`; units end the name.
"""

from core.models.answers import Answer, Passage, Question, Sampling, Turn
from core.models.audio import (
    Audio,
    SavedVoice,
    Segment,
    Transcript,
    Usage,
    Utterance,
    Voice,
    add_usages,
)
from core.models.jobs import (
    OPEN_STATES,
    PLACEHOLDER,
    ClaimedJobs,
    Conversation,
    DeliveryState,
    Job,
    JobState,
    PartDelivery,
)
from core.models.messages import (
    CANCEL_TOKEN,
    FORM_TOKEN,
    Attachment,
    Button,
    Chat,
    File,
    Link,
    Message,
    QuotedMessage,
    RecordingReference,
    Reply,
    Span,
)
from core.models.schedules import DigestSchedule
from core.models.settings import (
    ChatSettings,
    Correction,
    ExpectedRecording,
    NoteMode,
    RepliesMode,
    SpeechSettings,
    Suggestion,
    TalkSettings,
)
from core.models.statistics import (
    EngineUsage,
    HourStatistics,
    JobDetails,
    JobSummary,
    ProbeResult,
    QueueState,
    WaitTimes,
    measure_wait_times,
)
from core.models.talk import RememberedMessage, TalkRange

__all__ = [
    "CANCEL_TOKEN",
    "FORM_TOKEN",
    "OPEN_STATES",
    "PLACEHOLDER",
    "Answer",
    "Attachment",
    "Audio",
    "Button",
    "Chat",
    "ChatSettings",
    "ClaimedJobs",
    "Conversation",
    "Correction",
    "DeliveryState",
    "DigestSchedule",
    "EngineUsage",
    "ExpectedRecording",
    "File",
    "HourStatistics",
    "Job",
    "JobDetails",
    "JobState",
    "JobSummary",
    "Link",
    "Message",
    "NoteMode",
    "PartDelivery",
    "Passage",
    "ProbeResult",
    "Question",
    "QueueState",
    "QuotedMessage",
    "RecordingReference",
    "RememberedMessage",
    "RepliesMode",
    "Reply",
    "Sampling",
    "SavedVoice",
    "Segment",
    "Span",
    "SpeechSettings",
    "Suggestion",
    "TalkRange",
    "TalkSettings",
    "Transcript",
    "Turn",
    "Usage",
    "Utterance",
    "Voice",
    "WaitTimes",
    "add_usages",
    "measure_wait_times",
]
