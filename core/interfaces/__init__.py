"""The contracts between the parts: what a platform and an engine must be able to do."""

from core.interfaces.engines import (
    Answerer,
    AnswererLimits,
    CallLimits,
    Synthesizer,
    SynthesizerLimits,
    Transcriber,
    TranscriberLimits,
)
from core.interfaces.platforms import (
    DeliveryTarget,
    Inbox,
    Ledger,
    Platform,
    VoiceChannels,
    WebInbox,
)

__all__ = [
    "Answerer",
    "AnswererLimits",
    "CallLimits",
    "DeliveryTarget",
    "Inbox",
    "Ledger",
    "Platform",
    "Synthesizer",
    "SynthesizerLimits",
    "Transcriber",
    "TranscriberLimits",
    "VoiceChannels",
    "WebInbox",
]
