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
    Ledger,
    Platform,
    VoiceChannels,
)

__all__ = [
    "Answerer",
    "AnswererLimits",
    "CallLimits",
    "DeliveryTarget",
    "Ledger",
    "Platform",
    "Synthesizer",
    "SynthesizerLimits",
    "Transcriber",
    "TranscriberLimits",
    "VoiceChannels",
]
