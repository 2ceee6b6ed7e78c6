"""The contracts between the parts: what a platform and an engine must be able to do."""

from core.interfaces.engines import (
    Answerer,
    AnswererLimits,
    CallLimits,
    OnText,
    Synthesizer,
    SynthesizerLimits,
    Transcriber,
    TranscriberLimits,
)
from core.interfaces.platforms import (
    DeliveryLedger,
    DeliveryTarget,
    Platform,
    VoiceChannels,
)

__all__ = [
    "Answerer",
    "AnswererLimits",
    "CallLimits",
    "DeliveryLedger",
    "DeliveryTarget",
    "OnText",
    "Platform",
    "Synthesizer",
    "SynthesizerLimits",
    "Transcriber",
    "TranscriberLimits",
    "VoiceChannels",
]
