"""Traces by OpenTelemetry: one of each message, from its intake to the delivery of its reply.

The trace of a job and its first span follow from the job's id, so that whichever process goes on
with it after a restart adds to the same trace, and nothing about traces is stored. Parts of the
program are wrapped when it is built; without the setting nothing of this is loaded.

Attributes hold kinds, ids of jobs and numbers, never what people wrote or said, nor who they are.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from contextvars import ContextVar
from importlib.metadata import version
from time import time_ns
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode

from core.inbox import Inbox
from core.interfaces import Answerer, DeliveryTarget, Platform, Synthesizer, Transcriber
from core.jobs import Runner
from core.models import Answer, Audio, Job, Message, Question, Reply, Transcript, Usage, Utterance

#: How long the collector may take to answer; what it does not take is dropped.
_TIMEOUT_S = 5.0
#: The ids of the next span that is made, None for any.
_NEXT: ContextVar[SpanContext | None] = ContextVar("NEXT", default=None)


def find_root(job_id: str) -> SpanContext:
    """Return the first span of the trace of a job."""
    digest = hashlib.sha256(job_id.encode()).digest()
    trace_id, span_id = int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=trace.TraceFlags(1))


class _Ids(RandomIdGenerator):
    """Random ids, but for the first span of a job."""

    def generate_trace_id(self) -> int:
        chosen = _NEXT.get()
        return chosen.trace_id if chosen else super().generate_trace_id()

    def generate_span_id(self) -> int:
        chosen = _NEXT.get()
        return chosen.span_id if chosen else super().generate_span_id()


@asynccontextmanager
async def open_tracing(endpoint: str) -> AsyncIterator[Tracing]:
    """Send spans to a collector until the context ends. endpoint: as OTLP has it, without a path.

    The exporter reads further settings from the environment, such as OTEL_EXPORTER_OTLP_HEADERS.
    """
    service = {"service.name": "hearsay", "service.version": version("hearsay-bot")}
    resource = Resource.create(service)
    provider = TracerProvider(resource=resource, id_generator=_Ids(), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=_TIMEOUT_S)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield Tracing(provider)
    finally:
        await asyncio.to_thread(provider.shutdown)


class Tracing:
    """Wraps what a message passes. The provider is not the global one: libraries trace nothing."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("hearsay")

    def wrap(self, inbox: Inbox, platforms: Iterable[Platform], runner: Runner | None) -> None:
        """Make spans of what this process does with messages."""
        self._wrap_inbox(inbox)
        for platform in platforms:
            self._wrap_platform(platform)
        if runner:
            self._wrap_runner(runner)

    def _wrap_inbox(self, inbox: Inbox) -> None:
        """Make the first span of each job: its intake."""
        accept = inbox.accept

        async def accept_traced(message: Message, *rest: Any, **more: Any) -> Job | None:
            # As the package itself does, with whose times this one is compared.
            began_ns = time_ns()
            job = await accept(message, *rest, **more)
            if job is not None:
                self._note_intake(job, began_ns)
            return job

        inbox.accept = accept_traced  # type: ignore[method-assign]

    def _note_intake(self, job: Job, began_ns: int) -> None:
        token = _NEXT.set(find_root(job.job_id))
        try:
            # An empty context: whatever happens to be under way is not its parent.
            span = self._tracer.start_span(
                f"receive {job.message.chat.platform}", Context(), SpanKind.CONSUMER,
                _describe_job(job), start_time=began_ns,
            )  # fmt: skip
        finally:
            _NEXT.reset(token)
        span.end()

    def _wrap_runner(self, runner: Runner) -> None:
        """Make a span of each attempt at a job."""
        steps = runner.steps
        run = steps.run

        async def run_traced(job: Job) -> bool:
            parent = trace.set_span_in_context(NonRecordingSpan(find_root(job.job_id)), Context())
            attributes = _describe_job(job) | {"hearsay.attempt": job.attempts}
            with self._span(f"run {job.command}", attributes, context=parent) as span:
                has_ended = await run(job)
                span.set_attribute("hearsay.has_ended", has_ended)
                return has_ended

        steps.run = run_traced  # type: ignore[method-assign]

    def _wrap_platform(self, platform: Platform) -> None:
        """Make a span of each delivery."""
        deliver = platform.deliver

        async def deliver_traced(target: DeliveryTarget, reply: Reply) -> None:
            attributes = {"messaging.system": platform.name, "hearsay.job": target.job_id}
            with self._span(f"deliver {platform.name}", attributes, SpanKind.PRODUCER):
                await deliver(target, reply)

        platform.deliver = deliver_traced  # type: ignore[method-assign]

    def wrap_engines(
        self, transcriber: Transcriber, answerer: Answerer, synthesizer: Synthesizer
    ) -> None:
        """Make a span of each call to an engine."""
        transcribe, answer = transcriber.transcribe, answerer.answer

        async def transcribe_traced(audio: Audio, **options: Any) -> Transcript:
            with self._call("transcribe", transcriber, audio.duration_s) as span:
                transcript = await transcribe(audio, **options)
                _note_usage(span, transcript.usage)
                return transcript

        async def answer_traced(question: Question, **options: Any) -> Answer:
            with self._call("chat", answerer) as span:
                found = await answer(question, **options)
                _note_usage(span, found.usage)
                return found

        transcriber.transcribe = transcribe_traced  # type: ignore[method-assign]
        answerer.answer = answer_traced  # type: ignore[method-assign]
        self._wrap_synthesizer(synthesizer)

    def _wrap_synthesizer(self, synthesizer: Synthesizer) -> None:
        synthesize = synthesizer.synthesize

        async def synthesize_traced(utterance: Utterance) -> AsyncGenerator[bytes, None]:
            size_bytes = 0
            with self._call("synthesize", synthesizer) as span:
                async with aclosing(synthesize(utterance)) as chunks:
                    async for chunk in chunks:
                        size_bytes += len(chunk)
                        yield chunk
                # 16-bit samples.
                span.set_attribute("hearsay.audio_s", size_bytes / 2 / synthesizer.rate_hz)

        synthesizer.synthesize = synthesize_traced  # type: ignore[method-assign]

    @contextmanager
    def _call(self, operation: str, engine: Any, audio_s: float | None = None) -> Iterator[Span]:
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": engine.name,
            "gen_ai.request.model": engine.model,
        }
        if audio_s is not None:
            attributes["hearsay.audio_s"] = round(audio_s, 3)
        # Not the current one: a generator may end in another context than it has begun in.
        span = self._tracer.start_span(
            f"{operation} {engine.model}", kind=SpanKind.CLIENT, attributes=attributes
        )
        with _ending(span):
            yield span

    @contextmanager
    def _span(
        self,
        name: str,
        attributes: Mapping[str, Any],
        kind: SpanKind = SpanKind.INTERNAL,
        context: Context | None = None,
    ) -> Iterator[Span]:
        span = self._tracer.start_span(name, context, kind, attributes)
        using = trace.use_span(span, record_exception=False, set_status_on_exception=False)
        with using, _ending(span):
            yield span


@contextmanager
def _ending(span: Span) -> Iterator[None]:
    """End a span. Of an error it has the class: the description may hold what people said."""
    try:
        yield
    except GeneratorExit:
        raise  # whoever listened has heard enough
    except BaseException as error:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(Status(StatusCode.ERROR))
        raise
    finally:
        span.end()


def _describe_job(job: Job) -> dict[str, Any]:
    return {
        "messaging.system": job.message.chat.platform,
        "hearsay.job": job.job_id,
        "hearsay.command": job.command,
    }


def _note_usage(span: Span, usage: Usage | None) -> None:
    if usage is None:
        return
    counts: dict[str, str | int] = {
        "gen_ai.response.model": usage.model,
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
    }
    span.set_attributes(counts)
