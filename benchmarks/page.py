"""First paint and size of the web page against its icon alone.

    python -m benchmarks.page

Measured in a browser with an empty cache; the icon shows the time of browser and server alone.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from pathlib import Path

from playwright.async_api import Browser

from tests.support.browser_pages import open_browser
from tests.support.web_program import run_program

SPEECH = Path(__file__).parents[1] / "tests" / "data" / "speech" / "sb_example1.wav"
ROUNDS = 7
LIMIT_MS, LIMIT_BYTES = 1000, 150_000
PAINTED = """() => new Promise((done) => {
  new PerformanceObserver((list) => {
    const first = list.getEntriesByName("first-contentful-paint")[0];
    if (first) done(first.startTime);
  }).observe({ type: "paint", buffered: true });
})"""
WEIGHT = """() => performance.getEntriesByType("navigation")
  .concat(performance.getEntriesByType("resource"))
  .filter((entry) => !entry.name.includes("/api/"))
  .reduce((sum, entry) => sum + entry.decodedBodySize, 0)"""


async def measure(browser: Browser, url: str) -> tuple[float, int, float]:
    """Return first paint (ms) and size (bytes) of the page, and the first paint of its icon."""
    # A new context has an empty cache.
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(url)
    paint_ms, size_bytes = await page.evaluate(PAINTED), await page.evaluate(WEIGHT)
    other = await context.new_page()
    await other.goto(f"{url}/static/icon.svg")
    other_ms = await other.evaluate(PAINTED)
    await context.close()
    return paint_ms, size_bytes, other_ms


async def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        async with run_program(Path(home)) as (_, url), open_browser(SPEECH) as browser:
            rounds = [await measure(browser, url) for _ in range(ROUNDS)]
    paint_ms = statistics.median(paint for paint, _, _ in rounds)
    other_ms = statistics.median(other for _, _, other in rounds)
    size_bytes = rounds[0][1]
    print(f"first paint: {paint_ms:.0f} ms (median of {ROUNDS}, empty cache; at most {LIMIT_MS})")
    print(f"icon alone: {other_ms:.0f} ms; page / icon: {paint_ms / other_ms:.1f}")
    print(f"size: {size_bytes / 1000:.1f} kB, uncompressed (at most {LIMIT_BYTES // 1000})")


if __name__ == "__main__":
    asyncio.run(main())
