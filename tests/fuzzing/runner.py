"""Fuzz one target in this process: python -m tests.fuzzing.runner TARGET SECONDS FOLDER [FILE ...].

The code of the program is instrumented while it is imported, so nothing of it may be imported here.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from pathlib import Path

import atheris

from tests.fuzzing.limits import limit_memory, limited
from tests.fuzzing.mutations import mutate_json

#: Of an input. Longer ones only make each call slower.
_MOST_BYTES = 6000
#: An input that takes longer by the clock hangs.
_HANG_S = 300


def main() -> None:
    name, seconds, folder, *files = sys.argv[1:]
    logging.disable()
    with atheris.instrument_imports(include=["bots", "core", f"tests.fuzzing.{name}"]):
        target = import_module(f"tests.fuzzing.{name}")
    corpus = Path(folder) / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number:03}").write_bytes(seed)
    # Smaller inputs of the same effect would lose the fields in which the next fault may be.
    options = [
        f"-max_total_time={seconds}", f"-timeout={_HANG_S}", "-rss_limit_mb=0",
        f"-report_slow_units={_HANG_S}",
        f"-max_len={_MOST_BYTES}", f"-artifact_prefix={folder}/",
        "-reduce_inputs=0", "-keep_seed=1",
    ]  # fmt: skip
    limit_memory()
    atheris.Setup(
        ["fuzzing", *options, *(files or [str(corpus)])], limited(target.check),
        custom_mutator=lambda data, longest, seed: mutate_json(data, longest, seed, atheris.Mutate),
    )  # fmt: skip
    atheris.Fuzz()


if __name__ == "__main__":
    main()
