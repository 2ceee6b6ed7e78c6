"""What the endpoints work with, and what every route of them needs."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from bots.openai_api.budget import Budget
from core.answering.pipeline import AnsweringPipeline
from core.clock import CLOCK, Clock
from core.synthesis.pipeline import SynthesisPipeline
from core.transcription.pipeline import TranscriptionPipeline


@dataclass(frozen=True, slots=True)
class Services:
    """The core's three abilities, the same that messages use, and what keys may use of them."""

    transcription: TranscriptionPipeline
    synthesis: SynthesisPipeline
    answering: AnsweringPipeline
    budget: Budget
    clock: Clock = CLOCK


def read_key_name(request: Request) -> str:
    """Return whose key the request brought."""
    name: str = request.state.key_name
    return name


def read_request_id(request: Request) -> str:
    """Return what the request is called in the log and in its answer."""
    request_id: str = request.state.request_id
    return request_id
