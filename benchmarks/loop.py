"""Event loop lag under a full load of voice messages against that of an idle loop.

    python -m benchmarks.loop

A task that sleeps for 10 ms at a time records how late it wakes, in two places: in the pipeline
of `tests.support.loopback` in this process, and in `hearsay run` with a local Telegram and an
engine that takes no time. The idle loop shows the lag of the machine alone."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

from benchmarks.support.processes import ms, quantile, show, voice_notes
from benchmarks.support.watched_bot import Ticker
from benchmarks.throughput import SECONDS, SOUNDS, run_pipeline, run_telegram, silence_logs
from core.audio import Media

IDLE_S = 5.0
TARGET_S = 0.05


async def idle() -> list[float]:
    ticker = Ticker()
    ticker.start()
    await asyncio.sleep(IDLE_S)
    ticker.stop()
    return ticker.late_s


async def under_load(notes: list[bytes]) -> list[float]:
    media, ticker = Media(), Ticker()
    await media.warm_up()
    await run_pipeline(media, notes, ticker)
    await media.close()
    return ticker.late_s


async def measure(notes: list[bytes]) -> dict[str, list[float]]:
    late_s = {"idle": await idle(), "pipeline in this process": await under_load(notes)}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        await asyncio.to_thread(run_telegram, notes, report)
        late_s["program with local Telegram"] = json.loads(report.read_text())["loaded_late_s"]
    return late_s


def main() -> None:
    silence_logs()
    found = asyncio.run(measure(voice_notes(SOUNDS, SECONDS)))
    rows: list[tuple[object, ...]] = [("", "p50 ms", "p99 ms", "max ms", "ticks", "p99 target")]
    for name, late_s in found.items():
        statistics = [ms(quantile(late_s, share)) for share in (0.5, 0.99, 1.0)]
        target = "" if name == "idle" else f"< {TARGET_S * 1000:.0f}"
        rows.append((name, *statistics, len(late_s), target))
    show("Event loop lag", rows)


if __name__ == "__main__":
    main()
