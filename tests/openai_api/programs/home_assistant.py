"""Home Assistant: its own integration, three that people add, and Wyoming's bridge.

Sources: home-assistant/core, homeassistant/components/openai_conversation (__init__.py, entity.py,
stt.py, tts.py); jekalmin/extended_openai_conversation, custom_components (__init__.py, entity.py);
einToast/openai_stt_ha, custom_components/openai_stt (stt.py, http_client.py);
sfortis/openai_tts, custom_components/openai_tts (api_validation.py, openaitts_engine.py,
voice_discovery.py); roryeckel/wyoming_openai, src/wyoming_openai (handler.py, compatibility.py).
"""

from __future__ import annotations

from tests.openai_api.programs import Sent, fields, sound

#: The `openai` package says what it is.
SDK = {
    "Accept": "application/json",
    "User-Agent": "AsyncOpenAI/Python 2.21.0",
    "X-Stainless-Lang": "python",
    "X-Stainless-Async": "async:asyncio",
    "X-Stainless-Retry-Count": "0",
    "X-Stainless-Read-Timeout": "600",
}
SDK_AUDIO = {**SDK, "Accept": "application/octet-stream"}
PROMPT = "The following conversation is a smart home user talking to Home Assistant."
LIGHT = "The light in the kitchen is on."
#: All that openai_conversation offers, without their regions, and openai_stt as they are.
LANGUAGES = (
    "af ar hy az be bs bg ca zh hr cs da nl en et fi fr gl de el he hi hu is id it ja kn kk ko lv "
    "lt mk ms mr mi ne no fa pl pt ro ru sr sk sl es sw sv fil ta th tr uk ur vi cy"
)


OWN = (
    Sent("Home Assistant, set-up", "/models", headers=SDK),
    *(
        Sent(
            f"Home Assistant, {part.file_name} in {language}",
            "/audio/transcriptions",
            form=(
                *fields(
                    model="gpt-4o-mini-transcribe",
                    language=language,
                    prompt=PROMPT,
                    response_format="json",
                ),
                part,
            ),
            headers=SDK,
        )
        for part, language in (
            (sound("a.wav", "audio/x-wav"), "en"),
            (sound("a.ogg", "audio/ogg"), "fil"),
            # Where the system knows no type for the name.
            (sound("a.ogg", "application/octet-stream"), "no"),
        )
    ),
    *(
        Sent(
            f"Home Assistant, speech as {response_format}",
            "/audio/speech",
            json={
                "input": LIGHT,
                "model": "gpt-4o-mini-tts",
                "voice": voice,
                # str(None), where nothing is set.
                "instructions": "None",
                "response_format": response_format,
                "speed": 1.25,
            },
            headers=SDK_AUDIO,
        )
        for response_format, voice in (
            *(("mp3", "marin"), ("opus", "cedar"), ("aac", "alloy"), ("flac", "verse")),
            *(("wav", "onyx"), ("pcm", "sage")),
        )
    ),
)

_TALK = [
    {"type": "message", "role": "developer", "content": "You are a voice assistant."},
    {"type": "message", "role": "user", "content": "Turn on the light."},
    {"type": "message", "role": "assistant", "content": "Which one?"},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"},
    {"type": "function_call", "name": "HassTurnOn", "arguments": "{}", "call_id": "call_1"},
    {"type": "function_call_output", "call_id": "call_1", "output": "{}"},
    {"type": "message", "role": "user", "content": "The one in the kitchen."},
]
_SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}
_TOOL = {"type": "function", "name": "HassTurnOn", "parameters": {}, "strict": False}
_ASKED = {"max_output_tokens": 3000, "user": "01K9", "store": False, "stream": True}
CONVERSATION = (
    Sent(
        "Home Assistant, conversation",
        "/responses",
        json={
            "model": "gpt-4o-mini",
            "input": _TALK,
            **_ASKED,
            "top_p": 1.0,
            "temperature": 1.0,
            "prompt_cache_retention": "24h",
            "tools": [_TOOL],
        },
        headers=SDK,
    ),
    Sent(
        "Home Assistant, conversation of a reasoning model",
        "/responses",
        json={
            "model": "gpt-5-mini",
            "input": _TALK[:2],
            **_ASKED,
            "reasoning": {"effort": "low", "summary": "auto"},
            "include": ["reasoning.encrypted_content"],
            "text": {"verbosity": "medium"},
        },
        headers=SDK,
    ),
    Sent(
        "Home Assistant, task with a structure",
        "/responses",
        json={
            "model": "gpt-4o-mini",
            "input": _TALK[:2],
            **_ASKED,
            "text": {
                "format": {"type": "json_schema", "name": "light", "schema": {"type": "object"}}
            },
        },
        headers=SDK,
    ),
)

ADDED = (
    Sent(
        "Home Assistant, openai_stt",
        "/audio/transcriptions",
        form=(
            sound("whisper_audio.wav", "audio/wav"),
            *fields(
                model="gpt-4o-mini-transcribe",
                language="mi",
                prompt="",
                temperature="0",
                response_format="json",
            ),
        ),
    ),
    Sent(
        "Home Assistant, openai_tts tests the key",
        "/audio/speech",
        json={"model": "tts-1", "input": ".", "voice": "alloy", "response_format": "mp3"},
    ),
    Sent("Home Assistant, openai_tts, voices", "/audio/voices"),
    *(
        Sent(
            f"Home Assistant, openai_tts as {response_format}",
            "/audio/speech",
            json={
                "model": "tts-1",
                "input": LIGHT,
                "voice": "shimmer",
                "response_format": response_format,
                "speed": 1.0,
                **more,
            },
            headers={"User-Agent": "HomeAssistant-OpenAI-TTS"},
        )
        for response_format, more in (
            ("mp3", {"instructions": "Calm."}),
            # What people type as extra payload.
            ("opus", {"lang_code": "e", "chunk_size": 100}),
        )
    ),
)

_FUNCTION = {"name": "execute_services", "parameters": {"type": "object", "properties": {}}}
_CHAT = [
    {"role": "system", "content": "You are a voice assistant."},
    {"role": "user", "content": "Turn on the light."},
    {"role": "assistant"},
    {"role": "user", "content": "The one in the kitchen."},
]
EXTENDED = (
    Sent(
        "Home Assistant, extended_openai_conversation",
        "/chat/completions",
        json={
            "messages": _CHAT,
            "model": "gpt-4o-mini",
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_completion_tokens": 500,
            "top_p": 1,
            "temperature": 0.5,
            "tools": [{"type": "function", "function": _FUNCTION}],
            "tool_choice": "auto",
        },
        headers=SDK,
    ),
    Sent(
        "Home Assistant, extended_openai_conversation of a structure",
        "/chat/completions",
        json={
            "messages": _CHAT[:2],
            "model": "gpt-5-mini",
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_completion_tokens": 500,
            "reasoning_effort": "low",
            "service_tier": "flex",
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "light", "strict": True, "schema": _SCHEMA},
            },
        },
        headers=SDK,
    ),
    Sent(
        "Home Assistant, extended_openai_conversation with functions",
        "/chat/completions",
        json={
            "messages": _CHAT[:2],
            "model": "gpt-4o-mini",
            "max_tokens": 150,
            "top_p": 1,
            "temperature": 0.5,
            "user": "01K9",
            "functions": [_FUNCTION],
            "function_call": "auto",
        },
        headers=SDK,
    ),
)

_WYOMING = sound("recording.wav", "audio/x-wav")
BRIDGE = (
    Sent(
        "Wyoming, transcription",
        "/audio/transcriptions",
        form=(*fields(model="whisper-1", response_format="json"), _WYOMING),
        headers=SDK,
    ),
    Sent(
        "Wyoming, streamed transcription",
        "/audio/transcriptions",
        form=(
            *fields(
                model="gpt-4o-transcribe",
                prompt="Kitchen, Kowalski",
                response_format="json",
                stream="true",
                temperature="0.0",
            ),
            _WYOMING,
        ),
        headers=SDK,
    ),
    Sent(
        "Wyoming, transcription for Speaches",
        "/audio/transcriptions",
        form=(
            *fields(model="whisper-1", response_format="json", vad_filter="false"),
            _WYOMING,
        ),
        headers=SDK,
    ),
    *(
        Sent(
            f"Wyoming, speech of {voice}",
            "/audio/speech",
            json={
                "input": LIGHT,
                "model": "gpt-4o-mini-tts",
                "voice": voice,
                "response_format": "wav",
                **more,
            },
            headers=SDK_AUDIO,
        )
        for voice, more in (("alloy", {}), ("ash", {"speed": 1.5, "instructions": "Whisper."}))
    ),
)
REQUESTS = (*OWN, *CONVERSATION, *ADDED, *EXTENDED, *BRIDGE)
