"""How late the bot's event loop is while notes come as fast as they can be answered.

    python -m benchmarks.loop

A ticker asks to be woken every 10 ms and notes how late it is, in two places: on the road of
`tests.support.loopback` in this process, and inside `hearsay run` between a local Telegram and an
engine that needs no time. Idle is the same process with nothing to do: what the machine alone
costs."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

from benchmarks.processes import ms, quantile, show, voice_notes
from benchmarks.throughput import SECONDS, SOUNDS, run_road, run_telegram, silence_logs
from benchmarks.watched_bot import Ticker
from core.audio import Media

IDLE_S = 5.0
TARGET_S = 0.05


async def idle() -> list[float]:
    ticker = Ticker()
    ticker.start()
    await asyncio.sleep(IDLE_S)
    ticker.stop()
    return ticker.late_s


async def on_the_road(notes: list[bytes]) -> list[float]:
    media, ticker = Media(), Ticker()
    await media.warm_up()
    await run_road(media, notes, ticker)
    await media.close()
    return ticker.late_s


async def measure(notes: list[bytes]) -> dict[str, list[float]]:
    late_s = {"idle": await idle(), "the road, loopback": await on_the_road(notes)}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        await asyncio.to_thread(run_telegram, notes, report)
        late_s["the bot, local Telegram"] = json.loads(report.read_text())["loaded_late_s"]
    return late_s


def main() -> None:
    silence_logs()
    found = asyncio.run(measure(voice_notes(SOUNDS, SECONDS)))
    rows: list[tuple[object, ...]] = [("", "p50 ms", "p99 ms", "max ms", "ticks", "p99 target")]
    for name, late_s in found.items():
        statistics = [ms(quantile(late_s, share)) for share in (0.5, 0.99, 1.0)]
        target = "" if name == "idle" else f"< {TARGET_S * 1000:.0f}"
        rows.append((name, *statistics, len(late_s), target))
    show("How late the event loop wakes what is due", rows)


if __name__ == "__main__":
    main()
