"""OpenAI-style engine for the screenshots, with the true texts of tests/data/speech."""

from __future__ import annotations

import asyncio

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.emulators.local_server import AsgiServer
from tests.emulators.mimo.contract import ApiError
from tests.emulators.mimo.transcription import decode
from tests.emulators.openai_chat import ChatRules, answer_chat

#: Length of a recording in seconds -> (start, end, sentence) as in SOURCES.md.
RECORDINGS: dict[float, list[tuple[float, float, str]]] = {
    3.3: [(0.2, 3.1, "The birch canoe slid on the smooth planks.")],
    7.1: [
        (0.3, 2.9, "And Mr. John Dashwood had then leisure to consider"),
        (3.0, 6.9, "how much there might be prudently in his power to do for them."),
    ],
    11.0: [
        (0.3, 2.8, "And so, my fellow Americans,"),
        (3.2, 7.6, "ask not what your country can do for you,"),
        (8.1, 10.6, "ask what you can do for your country."),
    ],
}
SCRIPT = [
    ("And to whom", "To his fellow Americans: he says so at the very start."),
    ("What may I ask", "What you can do for your country, and not what it can do for you."),
    (
        "#2",
        "## What each may give (jfk.flac, austen.wav)\n"
        "- Americans are to ask what they can do for their country. [#1 0:08]\n"
        "- John Dashwood considers how much he may do for them. [#2 0:03]\n",
    ),
]


class PictureEngine(AsgiServer):
    """A server with OpenAI's endpoints, in a thread of this process."""

    def __init__(self) -> None:
        self._rules = ChatRules(script=SCRIPT)
        routes = [
            Route("/v1/models", self._list_models),
            Route("/v1/audio/transcriptions", self._transcribe, methods=["POST"]),
            Route("/v1/chat/completions", self._answer, methods=["POST"]),
        ]
        super().__init__(Starlette(routes=routes))

    async def _list_models(self, request: Request) -> Response:
        names = ("whisper-1", *self._rules.models)
        return JSONResponse({"object": "list", "data": [{"id": name} for name in names]})

    async def _transcribe(self, request: Request) -> Response:
        async with request.form() as form:
            upload = form["file"]
            assert isinstance(upload, UploadFile)
            kind = (upload.filename or "").rpartition(".")[2]
            pcm, rate_hz = await asyncio.to_thread(decode, await upload.read(), kind)
        duration_s = len(pcm) / 2 / rate_hz
        sentences = RECORDINGS[min(RECORDINGS, key=lambda length_s: abs(length_s - duration_s))]
        segments = [
            {"id": n, "start": start, "end": min(end, duration_s), "text": text}
            for n, (start, end, text) in enumerate(sentences)
        ]
        text = " ".join(text for _, _, text in sentences)
        answer = {"task": "transcribe", "duration": duration_s, "text": text, "segments": segments}
        return JSONResponse(answer)

    async def _answer(self, request: Request) -> Response:
        try:
            return await answer_chat(await request.body(), self._rules)
        except ApiError as refusal:
            return JSONResponse(refusal.args[0], refusal.status)
