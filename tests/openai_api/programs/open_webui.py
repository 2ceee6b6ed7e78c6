"""Open WebUI.

Sources: open-webui/open-webui, backend/open_webui/routers/audio.py and openai.py,
backend/open_webui/utils/payload.py.
"""

from __future__ import annotations

from typing import Any

from tests.openai_api.programs import Sent, fields, sound

#: With ENABLE_FORWARD_USER_INFO_HEADERS; names are quoted.
USER = {
    "X-OpenWebUI-User-Name": "Ada%20L%C3%B6wenherz",
    "X-OpenWebUI-User-Id": "7b1c",
    "X-OpenWebUI-User-Email": "ada@example.org",
    "X-OpenWebUI-User-Role": "user",
}
CHAT = {**USER, "Content-Type": "application/json", "X-OpenWebUI-Chat-Id": "c0ffee"}
TALK = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Hello."},
    {"role": "assistant", "content": "Hello! How can I help?"},
    {"role": "user", "content": [{"type": "text", "text": "Tell me about tides."}]},
]
TITLE = "### Task:\nGenerate a concise, 3-5 word title.\n### Output:\nJSON format"


def _say(role: str, kind: str, text: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


REQUESTS = (
    Sent("Open WebUI, voices", "/audio/voices", has_key=False),
    Sent("Open WebUI, models of speech", "/audio/models", has_key=False),
    Sent("Open WebUI, models", "/models", headers=USER),
    Sent("Open WebUI, tests the connection", "/models", headers=CHAT),
    Sent(
        "Open WebUI, speech",
        "/audio/speech",
        json={"input": "You have two new messages.", "voice": "alloy", "model": "tts-1"},
        headers=CHAT,
    ),
    # It sends each sentence of an answer by itself.
    Sent(
        "Open WebUI, speech of a smile",
        "/audio/speech",
        json={"input": "😊", "voice": "alloy", "model": "tts-1"},
        headers=CHAT,
    ),
    Sent(
        "Open WebUI, speech with parameters of the operator",
        "/audio/speech",
        json={
            "input": "You have two new messages.",
            "voice": "nova",
            "model": "tts-1",
            "response_format": "mp3",
            "speed": 1.1,
            "normalization_options": {"normalize": True},
        },
        headers=CHAT,
    ),
    # `requests` sends no type for a file without one.
    *(
        Sent(
            f"Open WebUI, transcription {more}",
            "/audio/transcriptions",
            form=(*fields(model="whisper-1", **more), sound("2f1c9d1e.webm")),
            headers=USER,
        )
        for more in ({}, {"language": "de"}, {"language": "zh-TW"})
    ),
    Sent(
        "Open WebUI, chat",
        "/chat/completions",
        json={
            "stream": True,
            "model": "gpt-4o-mini",
            "messages": TALK,
            "stream_options": {"include_usage": True},
            "temperature": 0.8,
            "top_p": 0.9,
            "min_p": 0.1,
            "top_k": 40,
            "frequency_penalty": 0.2,
            "presence_penalty": 0.1,
            "repeat_penalty": 1.1,
            "seed": 42,
            "stop": ["###"],
            "max_tokens": 128,
            "reasoning_effort": "low",
            "logit_bias": {"50256": -100},
            "num_ctx": 4096,
        },
        headers=CHAT,
    ),
    Sent(
        "Open WebUI, chat with tools",
        "/chat/completions",
        json={
            "stream": True,
            "model": "gpt-4o",
            "messages": TALK,
            "tools": [{"type": "function", "function": {"name": "get_time", "parameters": {}}}],
        },
        headers=CHAT,
    ),
    # The answer so far stands at the end.
    Sent(
        "Open WebUI, goes on with an answer",
        "/chat/completions",
        json={
            "stream": True,
            "model": "gpt-4o",
            "messages": [*TALK, {"role": "assistant", "content": "Tides are"}],
        },
        headers=CHAT,
    ),
    Sent(
        "Open WebUI, title",
        "/chat/completions",
        json={
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": TITLE}],
            "stream": False,
            "max_tokens": 1000,
        },
        headers=CHAT,
    ),
    Sent(
        "Open WebUI, pipelines know the person",
        "/chat/completions",
        json={
            "model": "gpt-4o-mini",
            "messages": TALK,
            "stream": False,
            "user": {"name": "Ada", "id": "7b1c", "email": "ada@example.org", "role": "user"},
        },
        headers=CHAT,
    ),
    # A connection of the type "responses".
    *(
        Sent(
            f"Open WebUI, responses, stream {stream}",
            "/responses",
            json={
                "stream": stream,
                "model": "gpt-4o",
                "temperature": 0.8,
                "seed": 42,
                "input": [
                    _say("user", "input_text", "Hello."),
                    _say("assistant", "output_text", "Hello!"),
                    _say("user", "input_text", "And tides?"),
                ],
                "instructions": "Be kind.",
                "max_output_tokens": 500,
            },
            headers=CHAT,
        )
        for stream in (True, False)
    ),
)
