"""Limits of a MiMo account, which also hold behind a gateway.

Sources: MiMo docs, "Rate Limit" and "Model", 2026.
"""

from __future__ import annotations

from core.engines.mimo import chat_wire as chat
from core.engines.mimo.transcription_wire import MAX_BYTES
from core.interfaces import AnswererLimits, SynthesizerLimits, TranscriberLimits

#: 100 calls and 10,000 tokens a minute per account. A second of audio is 6.25 tokens of
#: input and about 4.2 of output; a response has at most 2,000 of the latter.
ASR_LIMITS = TranscriberLimits(
    formats=("wav", "mp3"),
    max_bytes=MAX_BYTES,
    max_piece_s=180.0,
    target_piece_s=45.0,
    concurrency=8,
    calls_per_minute=100,
    tokens_per_minute=10_000,
    tokens_per_call=20.0,
    tokens_per_s=6.25 + 4.2,
    can_vary=True,
)
TTS_LIMITS = SynthesizerLimits(
    max_chars=2000,
    concurrency=4,
    calls_per_minute=100,
    max_sample_bytes=MAX_BYTES,
    can_design=True,
    can_style=True,
)
#: 100 calls and 10 million tokens a minute per account.
CHAT_LIMITS = AnswererLimits(
    formats=chat.FORMATS,
    max_bytes=chat.MAX_BYTES,
    can_fetch_urls=True,
    can_think=True,
    calls_per_minute=100,
    tokens_per_minute=10_000_000,
    tokens_per_call=2000.0,
    tokens_per_s=6.25,
    audio_tokens_per_s=6.25,
)
