"""SillyTavern.

Sources: SillyTavern/SillyTavern, src/endpoints (openai.js, backends/chat-completions.js),
public/scripts (openai.js, extensions/tts/openai-compatible.js).
"""

from __future__ import annotations

from tests.openai_api.programs import Sent, fields, sound

#: Instructions stand at any depth, and last those for this answer.
PROMPT = [
    {"role": "system", "content": "Write Ada's next reply in a fictional chat with Bob."},
    {"role": "system", "content": "[Start a new Chat]"},
    {"role": "assistant", "content": "*looks up* Good evening."},
]
ASKED = [
    *PROMPT,
    {"role": "user", "content": "Good evening, Ada.", "name": "Bob"},
    {"role": "system", "content": "Stay in character."},
]
#: The person's part is written too, and an answer goes on.
NUDGES = {
    "impersonation": [*PROMPT, {"role": "system", "content": "[Write the next reply as Bob.]"}],
    "continuing": [*ASKED, {"role": "assistant", "content": "Good"}],
    "a quiet prompt": [{"role": "system", "content": "Name the mood of the chat in one word."}],
}
SETTINGS = {
    "temperature": 1,
    "max_tokens": 300,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "top_p": 1,
}

REQUESTS = (
    Sent("SillyTavern, status", "/models"),
    Sent(
        "SillyTavern, transcription",
        "/audio/transcriptions",
        form=(sound("audio.wav", "audio/wav"), *fields(model="whisper-1", language="en")),
        is_chunked=True,
    ),
    *(
        Sent(
            f"SillyTavern, speech at {speed}",
            "/audio/speech",
            json={
                "input": "*smiles* Good evening, Bob.",
                "response_format": "mp3",
                "voice": "shimmer",
                "speed": speed,
                "model": "tts-1-hd",
            },
        )
        for speed in (1, 0.25, 4)
    ),
    Sent(
        "SillyTavern, streamed chat",
        "/chat/completions",
        json={
            "messages": ASKED,
            "model": "gpt-4o",
            **SETTINGS,
            "stream": True,
            "stop": ["\nBob:"],
            "logit_bias": {"50256": -100},
            "logprobs": True,
            "top_logprobs": 5,
            "seed": 12345,
            "user": "5b1d7c0e-9c1b-4b43-8c5e-0f2d5a1c7e11",
        },
    ),
    Sent(
        "SillyTavern, several answers",
        "/chat/completions",
        json={
            "messages": ASKED,
            "model": "gpt-4o",
            "temperature": 2,
            "max_tokens": 300,
            "stream": False,
            "presence_penalty": 0.2,
            "frequency_penalty": -0.2,
            "top_p": 0,
            "top_k": 0,
            "logit_bias": {},
            "n": 2,
        },
    ),
    *(
        Sent(
            f"SillyTavern, {name}",
            "/chat/completions",
            json={"messages": messages, "model": "gpt-4o", **SETTINGS, "stream": False},
        )
        for name, messages in NUDGES.items()
    ),
)
