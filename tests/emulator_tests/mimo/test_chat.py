"""That the local MiMo understands as strictly as the documents say, and answers as it is told."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from core.models import Attachment, Remembered, Segment, Transcript
from core.summaries.prompt import Task, ask_part, ask_whole
from core.summaries.read import read_summary, sources_in
from core.summaries.render import Talk, cut_parts
from core.summaries.script import ask_script, read_script
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording
from tests.support import sounds

WAV = make_recording([12, 345])
TEXT = {"type": "text", "text": "What is it?"}


def encode(sound: bytes, mime: str = "audio/wav") -> str:
    return f"data:{mime};base64,{base64.b64encode(sound).decode()}"


def sound(data: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": data or encode(WAV), **fields}}


def order(*content: Any, role: str = "user", **fields: Any) -> dict[str, Any]:
    messages = [{"role": role, "content": list(content)}]
    return {"model": "mimo-v2.6-flash", "messages": messages, **fields}


def talk_to(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "mimo-v2.6-flash", "messages": list(messages), **fields}


def said(role: str, content: Any = "Hi.", **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


CALLED = said("assistant", "", tool_calls=[{"id": "1"}])
RESULT = said("tool", "4", tool_call_id="1")
THINK, QUICK = {"type": "enabled"}, {"type": "disabled"}
REFUSED: list[tuple[dict[str, Any], str]] = [
    (order(TEXT, model="MiMo-V2.6-Flash"), "Unsupported model MiMo-V2.6-Flash"),
    (order(TEXT, model="mimo-v2.5"), "Unsupported model mimo-v2.5"),
    (order(TEXT, model="mimo-v2.5-asr[1m]"), "Unsupported model"),
    (order(sound()), "`text` is not set"),
    (order(sound(), {"type": "text", "text": " "}), "`text` is not set"),
    (order(), "`text` is not set"),
    (talk_to(said("user", None)), "`text` is not set"),
    (talk_to(), "messages must not be empty"),
    (talk_to(said("system")), "the last message must be of role user"),
    (talk_to(said("user"), said("assistant")), "the last message must be of role user"),
    (talk_to(said("bot")), "the role bot is not supported"),
    (talk_to(said("user", reasoning_content="x")), "unknown field reasoning_content"),
    (talk_to(said("system", [sound()]), said("user")), "unsupported content part"),
    (talk_to(said("user"), CALLED, RESULT, thinking=THINK), "must be passed back"),
    (talk_to(said("user"), CALLED, RESULT), "must be passed back"),
    (order(TEXT, {"type": "sound", "data": "x"}), "unsupported content part"),
    (order(TEXT, sound(base64.b64encode(WAV).decode())), "invalid URL"),
    (order(TEXT, sound("file:///a.wav")), "invalid URL"),
    (order(TEXT, sound("https://example.org/a.wav")), "cannot be downloaded"),
    (order(TEXT, sound(format="wav")), "input_audio is malformed"),
    (order(TEXT, sound(encode(WAV, "audio/aac"))), "unsupported audio MIME type audio/aac"),
    (order(TEXT, sound(encode(WAV, "audio/ogg"))), "the audio cannot be decoded"),
    (order(TEXT, sound(encode(b"OggS" + bytes(999), "audio/ogg"))), "cannot be decoded"),
    (order(TEXT, sound("data:audio/wav;base64,!!!!")), "is not valid base64"),
    (order(TEXT, sound("data:audio/wav;base64," + "A" * 50_000_004)), "the limit of 50 MB"),
    (order(TEXT, max_completion_tokens=0), "between 1 and 131072"),
    (order(TEXT, max_completion_tokens=131_073), "between 1 and 131072"),
    (order(TEXT, max_completion_tokens="9"), "between 1 and 131072"),
    (order(TEXT, thinking=True), "thinking.type must be"),
    (order(TEXT, thinking={"type": "auto"}), "thinking.type must be"),
    (order(TEXT, temperature=2), "temperature must be between 0 and 1.5"),
    (order(TEXT, stream="yes"), "stream must be a boolean"),
    (order(TEXT, max_tokens=9), "unknown field max_tokens"),
    (order(TEXT, asr_options={}), "unknown field asr_options"),
    (order(TEXT, tool_choice="none"), "tool_choice must be auto"),
    (order({"type": "text", "text": "字" * 1_000_001}), "exceeds the context"),
]


def post(client: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    reply: dict[str, Any] = client.post("/chat/completions", json=body).json()
    return reply


def ask(client: httpx.Client, text: str, **fields: Any) -> str:
    reply = post(client, talk_to(said("user", text), thinking=QUICK, **fields))
    return str(reply["choices"][0]["message"]["content"])


@pytest.mark.parametrize(("body", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_what_the_documents_refuse_is_refused(
    server: MimoServer, client: httpx.Client, body: dict[str, Any], reason: str
) -> None:
    response = client.post("/chat/completions", json=body, timeout=20)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, "400")
    assert reason in error.get("param", error["message"])
    assert not server.billed


@pytest.mark.parametrize(
    "body",
    [
        talk_to(said("user"), {**CALLED, "reasoning_content": ""}, RESULT, thinking=THINK),
        talk_to(said("user"), CALLED, RESULT, thinking=QUICK),
        talk_to(said("developer"), said("system"), said("user", [TEXT]), stream=False),
        order(TEXT, temperature=0, top_p=0.95, max_completion_tokens=131_072),
        order(TEXT, model="mimo-v2.6-pro[1m]"),
    ],
    ids=range(5),
)
def test_what_the_documents_allow_is_taken(client: httpx.Client, body: dict[str, Any]) -> None:
    assert client.post("/chat/completions", json=body).status_code == 200


def test_sounds_are_really_decoded(server: MimoServer, client: httpx.Client) -> None:
    ogg = sounds.file("ogg-opus", make_recording([1, 2, 3])[44:])
    reply = post(client, order(sound(), TEXT, sound(encode(ogg, "audio/ogg")), thinking=QUICK))
    text = reply["choices"][0]["message"]["content"]
    assert text == 'I heard 2 recordings: 2.0 s ("w12 w345"), 3.0 s ("w1 w2 w3").'
    assert reply["usage"]["prompt_tokens_details"]["audio_tokens"] == 12 + 19
    [call] = server.calls
    assert [(s["kind"], s["size_bytes"]) for s in call.sounds] == [
        ("wav", len(WAV)),
        ("ogg", len(ogg)),
    ]
    assert "base64" in json.dumps(call.request) and len(json.dumps(call.request)) < 1000


def test_answers_follow_the_script(server: MimoServer, client: httpx.Client) -> None:
    server.add_answer("once", pattern="song", times=1)
    server.add_answer("by sound", sound=WAV)
    server.add_answer("by text", pattern=r"^What (song|tune)")
    server.add_answer(lambda order: order.question.upper(), pattern="shout")
    assert [ask(client, "What song?") for _ in "ab"] == ["once", "by text"]
    heard = post(client, order(TEXT, sound()))["choices"][0]["message"]
    assert heard["content"] == "by sound" and heard["reasoning_content"]
    assert ask(client, "Now shout.") == "NOW SHOUT."
    assert ask(client, "12345") == "I read 5 characters and heard nothing."
    server.clear_answers()
    assert ask(client, "What song?").startswith("I read")


def test_script_from_outside(server: MimoServer, client: httpx.Client) -> None:
    control = f"{server.origin}/_control/answers"
    httpx.post(control, json=[{"answer": "yes", "pattern": "Is it"}]).raise_for_status()
    assert ask(client, "Is it?") == "yes"
    httpx.delete(control).raise_for_status()
    assert ask(client, "Is it?") != "yes"


def test_thoughts_count_among_the_tokens(client: httpx.Client, server: MimoServer) -> None:
    server.add_answer("word " * 10, reasoning="hmmm" * 5)
    [choice] = post(client, order(TEXT, max_completion_tokens=7))["choices"]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["content"] == "word wor"
    [choice] = post(client, order(TEXT, max_completion_tokens=5))["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("", "length")


def make_talk(count: int) -> Talk:
    """A talk of three people in two topics; every fifth message is a voice note of 14 s."""
    start = datetime(2026, 11, 21, 9, tzinfo=UTC)
    voice = Transcript(
        "the budget is ready we decided to sign",
        (Segment(0, 6, "the budget is ready"), Segment(12, 14, "we decided to sign")),
        14.0,
    )
    return Talk(
        [
            Remembered(
                message_id=str(n),
                sender_id=str(n % 3),
                sender_name=("Anna", "Ben", "Chen: x")[n % 3],
                sent_at=start + timedelta(minutes=n),
                text="" if n % 5 == 0 else f"Message {n}, who is going to answer?",
                attachment=None if n % 5 else Attachment("1", duration_s=14.0),
                transcript=None if n % 5 else voice,
                thread_id=str(n % 2),
            )
            for n in range(count)
        ]
    )


def test_summary_has_the_form_that_is_asked_for(client: httpx.Client) -> None:
    talk, task = make_talk(60), Task(date(2026, 11, 21), "English", "normal")
    summaries = []
    for part in cut_parts(list(talk.lines()), 700):
        text = ask(client, ask_part(part, task).turns[-1].text)
        assert text == ask(client, ask_part(part, task).turns[-1].text), "it is a function of it"
        summaries.append(read_summary(text, sources_in(talk), {"Anna", "Ben", "Chen: x"}))
    assert len(summaries) > 1
    kinds = {section.kind for summary in summaries for section in summary.sections}
    assert kinds == {"topic", "decisions", "questions", "actions"}
    for point in (point for summary in summaries for point in summary.points):
        [source] = point.sources
        message = talk.find(source.number)
        assert message is not None
        spoken = message.transcript is not None
        assert source.second == (12 if spoken else None)
        assert ("we decided to sign" if spoken else message.text) in point.text
    whole = read_summary(ask(client, ask_whole(summaries, task).turns[-1].text), sources_in(talk))
    assert 5 <= len(whole.points) <= 12 and all(point.sources for point in whole.points)
    script = ask_script(whole, ("Anna", "Ben"), task, 60)
    reply = post(
        client,
        talk_to(said("system", script.instructions), said("user", script.turns[-1].text)),
    )
    lines = read_script(reply["choices"][0]["message"]["content"], ("Anna", "Ben"))
    assert {"HOST", "Anna", "Ben"} >= {line.speaker for line in lines} > {"HOST"}
    assert all("[#" not in line.text for line in lines)


def test_summary_of_one_recording(client: httpx.Client) -> None:
    lines = "\n".join(f"[{n}:0{n}] words of minute {n}" for n in range(9))
    text = ask(client, f"<data>\n{lines}\n</data>")
    assert text.splitlines()[0] == "- words of minute 0 [0:00]"
    assert 3 <= len(text.splitlines()) <= 5
