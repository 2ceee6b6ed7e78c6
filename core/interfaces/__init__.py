"""The contracts between the parts: what a platform and an engine must be able to do."""

from core.interfaces.budgets import BudgetLedger
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
    Endpoint,
    Platform,
    VoiceChannels,
)
from core.interfaces.recordings import PIECE_BYTES, GrowingRecording, LargeRecording, Recording
from core.interfaces.rooms import CallAsk, RateAsk, Rooms, Verdict

__all__ = [
    "PIECE_BYTES",
    "Answerer",
    "AnswererLimits",
    "BudgetLedger",
    "CallAsk",
    "CallLimits",
    "DeliveryLedger",
    "DeliveryTarget",
    "Endpoint",
    "GrowingRecording",
    "LargeRecording",
    "OnText",
    "Platform",
    "RateAsk",
    "Recording",
    "Rooms",
    "Synthesizer",
    "SynthesizerLimits",
    "Transcriber",
    "TranscriberLimits",
    "Verdict",
    "VoiceChannels",
]
