"""Chat completions, built and read without a network."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.engines.wire.body import PLACEHOLDER
from core.engines.wire.chat import (
    Completion,
    build_messages,
    find_audio_data,
    make_answer,
    read_completion,
    read_event,
)
from core.engines.wire.errors import read_json
from core.errors import EngineBadReply, EngineRefused
from core.models import Answer, Audio, Question, Turn

USAGE = {"prompt_tokens": 4, "completion_tokens": 2}


def choice(content: Any = "Good.", finish_reason: Any = "stop", **message: Any) -> dict[str, Any]:
    return {"finish_reason": finish_reason, "message": {"content": content, **message}}


def read(*choices: Any, **fields: Any) -> Answer:
    return make_answer(read_completion({"choices": [*choices], **fields}), None)


def test_answer_is_read() -> None:
    completion = read_completion(
        {"choices": [choice(" Good.\n", reasoning_content="Hm.")], "usage": USAGE}
    )
    assert (completion.text, completion.reasoning, completion.usage) == (" Good.\n", "Hm.", USAGE)
    assert make_answer(completion, None) == Answer("Good.", reasoning="Hm.")


CHOICES: list[Any] = [[], None, {}, ["x"], [{}]]
NO_CHOICES: list[Any] = [{}, *({"choices": found} for found in CHOICES)]
NO_WORDS = [choice(None), choice(["x"]), choice(""), choice("<think></think>")]
NO_END = [choice(finish_reason=reason) for reason in (None, "tool_calls", ["stop"])]


@pytest.mark.parametrize(
    "body", [*NO_CHOICES, *({"choices": [found]} for found in (*NO_WORDS, *NO_END))]
)
def test_malformed_response_is_a_bad_reply(body: dict[str, Any]) -> None:
    with pytest.raises(EngineBadReply):
        make_answer(read_completion(body), None)


def test_finish_reason_is_read() -> None:
    for reason, is_cut in {"stop": False, "length": True, "repetition_truncation": True}.items():
        assert read(choice(finish_reason=reason)).is_cut is is_cut
    with pytest.raises(EngineRefused):
        read(choice(finish_reason="content_filter"))


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_is_separated(name: str) -> None:
    assert read(choice("", **{name: "Hm."})) == Answer("", reasoning="Hm.")
    assert read(choice(None, **{name: "Hm."})) == Answer("", reasoning="Hm.")


@pytest.mark.parametrize(
    ("content", "text", "reasoning"),
    [
        ("<think>Hm.</think>\n\nGood.", "Good.", "Hm."),
        (" <think>\nHm.\n</think>Good.", "Good.", "Hm."),
        ("<think>Hm.", "", "Hm."),
        ("In HTML <think>no</think>", "In HTML <think>no</think>", ""),
        ("<", "<", ""),
        ("a\x00b\ud83d\ude00\ud800", "ab😀\ufffd", ""),
    ],
)
def test_reasoning_inside_the_text_is_separated(content: str, text: str, reasoning: str) -> None:
    assert read(choice(content)) == Answer(text, reasoning=reasoning)


def chunk(content: Any = None, finish_reason: str | None = None, **delta: Any) -> str:
    choices = [{"delta": {"content": content, **delta}, "finish_reason": finish_reason}]
    return json.dumps({"choices": choices, "usage": None})


def follow(*events: str) -> list[Completion]:
    completions = [Completion()]
    for event in events:
        completions.append(read_event(event, completions[-1], read_json))
    return completions


END = chunk(finish_reason="stop")
COST = json.dumps({"choices": [], "usage": USAGE})


def test_stream_is_read_to_its_end() -> None:
    events = [chunk(""), chunk(reasoning_content="Hm."), chunk("Good"), chunk(" day."), END, COST]
    completions = follow(*events, "[DONE]")
    assert [each.text for each in completions] == [
        "",
        "",
        "",
        "Good",
        "Good day.",
        *3 * ["Good day."],
    ]
    assert make_answer(completions[-1], None) == Answer("Good day.", reasoning="Hm.")
    assert completions[-1].usage == USAGE


def test_streamed_reasoning_is_never_shown() -> None:
    parts = ["<", "thi", "nk>", "Hm", ".</thi", "nk>", "\n", "Good."]
    completions = follow(*map(chunk, parts), END, "[DONE]")
    shown = [each.text for each in completions]
    assert set(shown[:6]) == {""} and shown[-1] == "Good."
    assert make_answer(completions[-1], None) == Answer("Good.", reasoning="Hm.")


def test_surrogate_halves_are_joined() -> None:
    completions = follow(chunk("a\ud83d"), chunk("\ude00"), END, "[DONE]")
    assert completions[-1].text == "a😀"


@pytest.mark.parametrize(
    "events",
    [
        [], ["[DONE]"], [chunk("Good")], [chunk("Good"), "[DONE]"], [chunk("Good"), END, COST],
        [chunk("Good"), chunk(finish_reason="odd"), "[DONE]"],
        [chunk("Good"), END, chunk(" day"), "[DONE]"],
        [chunk("Good"), END, "[DONE]", chunk(reasoning_content=" day")],
        [chunk("x" * 700_000), chunk("x" * 700_000), chunk("x"), END, "[DONE]"], ["nonsense"],
    ],
    ids=lambda events: str(len(events)),
)  # fmt: skip
def test_incomplete_stream_is_an_error(events: list[str]) -> None:
    with pytest.raises(EngineBadReply):
        make_answer(follow(*events)[-1], None)


def show(audio: Audio) -> dict[str, Any]:
    return {"audio": audio.url or PLACEHOLDER}


def test_messages_follow_the_order_of_turns() -> None:
    first, second = Audio(b"1", "audio/wav", 1.0), Audio(b"2", "audio/wav", 1.0)
    linked = Audio(b"", "audio/wav", 1.0, url="https://example.org/a.wav")
    asked = Turn("user", "What\x00 is this?\ud800", (first, linked))
    turns = (asked, Turn("assistant", "A song."), Turn("user", " ", (second,)), Turn("user", "So?"))
    question = Question(turns, instructions="You are\x00 Hearsay.")
    messages = build_messages(question, show)
    assert messages[0] == {"role": "system", "content": "You are Hearsay."}
    assert messages[1]["content"] == [
        {"audio": PLACEHOLDER},
        {"audio": "https://example.org/a.wav"},
        {"type": "text", "text": "What is this?\ufffd"},
    ]
    assert messages[2] == {"role": "assistant", "content": "A song."}
    assert messages[3]["content"][0] == {"audio": PLACEHOLDER}
    assert messages[3]["content"][1]["text"].strip(), "a message must have a text"
    assert messages[4] == {"role": "user", "content": "So?"}
    assert find_audio_data(question) == (b"1", b"2")
    [only] = build_messages(Question((Turn("user", "Hi."),)), show)
    assert only == {"role": "user", "content": "Hi."}, "there are no instructions"
