"""hearsay ask, as a process of its own."""

from __future__ import annotations

import pytest

from tests.emulators.mimo import MimoServer
from tests.support import audio_samples
from tests.support.hearsay_command import KEY, Hearsay
from tests.support.paths import SPEECH

CARDS, JFK = str(SPEECH / "cards-001.wav"), str(SPEECH / "jfk.flac")
EXTRACT = "This is an extract selected by rules, because no language model is set up."
ROUGH = "Rough English transcript, made offline: expect mistakes."


def at(mimo: MimoServer) -> dict[str, str]:
    return {"MIMO_API_KEY": KEY, "MIMO_BASE_URL": mimo.base_url}


@pytest.mark.pocketsphinx
def test_offline_answers_are_passages_and_nothing_is_made_up(hearsay: Hearsay) -> None:
    done = hearsay("ask", CARDS, "Which clubs?")
    assert (done.returncode, done.stdout) == (0, "- ten of clubs [0:00]\n")
    assert done.stderr.splitlines() == [EXTRACT, ROUGH]
    # The transcript is stored: the recording is not transcribed again.
    done = hearsay("ask", CARDS, "Is she being sarcastic?")
    assert (done.returncode, done.stdout) == (1, "")
    assert "None of these words are in it" in done.stderr


@pytest.mark.pocketsphinx
def test_a_recording_without_speech_is_reported(hearsay: Hearsay) -> None:
    (hearsay.folder / "hiss.wav").write_bytes(audio_samples.wav(audio_samples.noise(2.0)))
    done = hearsay("ask", "hiss.wav", "What is said?")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "hearsay: No speech was detected in this recording.\n"


def test_the_audio_is_sent_and_paid_once(hearsay: Hearsay, mimo: MimoServer) -> None:
    mimo.add_answer("(tone) She is tired.", pattern="How does she feel")
    for _ in range(2):
        done = hearsay("ask", CARDS, "How does she feel?", **at(mimo))
        assert (done.returncode, done.stdout) == (0, "She is tired.\n")
        assert done.stderr == "This is based on how it sounds, not on the words.\n"
    assert len(mimo.billed) == 1


def test_several_recordings_go_into_one_question(hearsay: Hearsay, mimo: MimoServer) -> None:
    done = hearsay("ask", CARDS, JFK, "Who speaks?", "--thinking", **at(mimo))
    assert done.returncode == 0
    assert done.stdout.startswith("I heard 2 recordings: 1.1 s")
    (call,) = mimo.billed
    assert call.body["thinking"] == {"type": "enabled"}


def test_an_answer_holds_no_control_sequences_and_no_links(
    hearsay: Hearsay, mimo: MimoServer
) -> None:
    mimo.add_answer("\x1b[2JSee https://evil.example/x\x07 now!\u3000می\u200cروم", pattern="Where")
    done = hearsay("ask", CARDS, "Where?", **at(mimo))
    assert done.stdout == "[2JSee […] now!\u3000می\u200cروم\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["What?"], 2, "name a recording, then ask"),
        ([CARDS, " "], 2, "name a recording, then ask"),
        (["nowhere.ogg", "What?"], 1, "nowhere.ogg: No such file or directory"),
        ([str(SPEECH), "What?"], 1, "Is a directory"),
        ([str(SPEECH / "SOURCES.md"), "What?"], 1, "file type is not supported"),
    ],
)
def test_a_mistake_prints_one_line(
    hearsay: Hearsay, arguments: list[str], code: int, words: str
) -> None:
    done = hearsay("ask", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("hearsay: ") and words in line
