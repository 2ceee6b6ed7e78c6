"""Running jobs: with one process on SQLite, with any number of them on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Flag, auto
from typing import TYPE_CHECKING, Protocol

from core.assistant import Assistant
from core.interfaces import Platform
from core.operations.model_probe import ModelProbe
from core.store import Store

if TYPE_CHECKING:
    from core.jobs.steps import JobSteps


class Runner(Protocol):
    """What runs the jobs of a store."""

    #: What it does with each job.
    steps: JobSteps

    async def run(self) -> None:
        """Run jobs until cancelled."""

    async def stop(self, grace_s: float = 5.0) -> None:
        """Begin no more jobs; those that still run after `grace_s` run again later."""


class Takes(Flag):
    """Which jobs a process runs, where several share them."""

    #: Those that any process can run.
    SHARED = auto()
    #: Those that it alone can run.
    OWN = auto()


def build_runner(
    store: Store,
    assistant: Assistant,
    platforms: Mapping[str, Platform],
    model_probe: ModelProbe | None = None,
    takes: Takes = Takes.SHARED,
) -> Runner:
    """Return the runner for the store's kind of database. model_probe: None to never probe."""
    if store.is_shared:
        # Loaded only where it is used.
        from core.jobs.queue_runner import QueueRunner

        return QueueRunner(store, assistant, platforms, model_probe, takes)
    from core.jobs.runner import JobRunner

    return JobRunner(store, assistant, platforms, model_probe)
