"""What has to hold once everything has ended, whatever happened before.

Each message that was acknowledged has a job, which is done, refused, cancelled or a dead letter.
People see one reply to each, and more only where a new message was sent and its answer lost.
Replies in a chat come in the order of the messages, unless people were told to wait.
Nothing that was paid for is paid for again, unless a crash came before it was saved.
Nothing of a job appears once a person was told that it is cancelled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.models import Job, JobState
from tests.stateful.outside import Place, key_of

if TYPE_CHECKING:
    from tests.stateful.machine import RoadMachine

_ENDED = (JobState.DONE, JobState.REFUSED, JobState.DEAD, JobState.CANCELLED)


async def check_promises(machine: RoadMachine) -> None:
    """Raise AssertionError if one is broken."""
    store, place = machine.life.store, machine.place
    found = await store.jobs.recent(tuple(JobState), limit=10_000)
    jobs = [job for job in reversed(found) if job.message.sender_id]
    assert all(job.state in _ENDED for job in jobs)
    keys = [key_of(job.message) for job in jobs]
    assert len(keys) == len({*keys}), "a message has one job"
    assert {key_of(message) for message in place.acknowledged} == {*keys}
    assert not place.faults
    for job in jobs:
        recorded = {part.platform_id for part in await store.deliveries.parts(job.job_id)}
        _check_visible(place, job, recorded)
    _check_order(place, jobs)
    _check_calls(machine)


def _check_visible(place: Place, job: Job, recorded: set[str]) -> None:
    parts = place.list_parts(job)
    # In a chat that has moved no earlier reply is edited: only the same one again is a repeat, and
    # not even that if the operator has run the job again.
    has_moved = not job.message.message_id
    may_repeat = has_moved and job.job_id in place.retried
    for shown in parts.values():
        # All but one are new messages whose answers were lost.
        confirmed = [sent.text if has_moved else "" for sent in shown if sent.is_confirmed]
        is_repeated = len(confirmed) > len({*confirmed}) and not may_repeat
        assert not is_repeated, f"{job.command} was answered twice: {shown}"
    is_told = job.state in (JobState.DONE, JobState.REFUSED)
    is_gone = job.state is JobState.CANCELLED and job.error == "ChatGone"
    if is_told:
        assert any(sent.is_confirmed for sent in parts.get(0, ())), f"no answer: {job}"
        assert recorded
    if job.state is JobState.DEAD and job.job_id not in place.refused:
        assert parts.get(0) or job.error == "the process kept ending", f"nobody was told: {job}"
    if job.state is JobState.CANCELLED and not is_gone:
        said = [s for shown in parts.values() for s in shown if key_of(job.message) in s.text]
        is_left = any(sent.is_confirmed for sent in said) and not has_moved
        assert not is_left, f"it is still visible: {said}"


def _check_order(place: Place, jobs: list[Job]) -> None:
    shown = {job_id: number for number, job_id in enumerate(place.shown)}
    for chat in {job.message.chat for job in jobs}:
        numbers = [
            shown[job.job_id]
            for job in jobs
            if job.message.chat == chat and _is_in_order(place, job) and job.job_id in shown
        ]
        assert numbers == sorted(numbers), f"out of order in {chat}"


def _is_in_order(place: Place, job: Job) -> bool:
    if not job.message.message_id:
        return False  # it came to a chat with another id, beside which this one went on
    is_passed = job.is_told or job.command == "cancel" or job.job_id in place.retried
    return not is_passed and job.state is not JobState.CANCELLED


def _check_calls(machine: RoadMachine) -> None:
    for key, paid in machine.service.paid.items():
        crashes = machine.crashes_of[key]
        assert paid <= 1 + crashes, f"{key} was paid for {paid} times in {crashes} crashes"
