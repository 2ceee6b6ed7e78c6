"""The tests of one module, collected once and run for each of its mutants."""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import coverage
import pytest

from tests.mutants.forks import fork_and_wait
from tests.mutants.operators import Mutant, mutants
from tests.support.paths import ROOT

_OPTIMIZED = 1  # CO_OPTIMIZED: the code of a function, and not of a class


def run_module(module: str, tests: list[str], options: argparse.Namespace, result: Path) -> int:
    """Write what became of the mutants of one module into `result`."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    marks = [] if options.real else ["-m", "not real_time and not browser and not chaos"]
    flags = ["-qq", "-s", "-p", "no:cacheprovider", "--no-header", *marks]
    return pytest.main([*flags, *tests], plugins=[_Mutations(module, options, result)])


class _Mutations:
    """A pytest plugin that takes the place of the usual loop over the tests."""

    def __init__(self, module: str, options: argparse.Namespace, result: Path) -> None:
        self._file = str(ROOT / module)
        self._module = module
        self._options = options
        self._result = result
        self._tests: dict[int, list[pytest.Item]] = {}
        self._durations: dict[str, float] = {}

    def pytest_collection(self) -> None:
        import hypothesis  # only now: pytest wants to be first

        phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
        hypothesis.settings.register_profile(
            "mutants",
            derandomize=True,
            database=None,
            deadline=None,
            phases=phases,
            max_examples=30,
        )
        os.environ["HYPOTHESIS_PROFILE"] = "mutants"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed or not session.items:
            return True
        failing = self._learn(session)
        found = list(mutants(Path(self._file).read_text()))
        fitting = [mutant for mutant in found if self._options.match in mutant.name]
        random.Random(self._options.seed).shuffle(fitting)
        outcome: dict[str, Any] = {"names": [mutant.name for mutant in found], "failing": failing}
        killed, survived, end_s = 0, [], time.monotonic() + self._options.seconds
        for mutant in fitting[: self._options.limit]:
            if time.monotonic() > end_s:
                print(f"{self._module}: the time is up")
                break
            if why := self._survives(session, mutant):
                survived.append({"why": why, **vars(mutant)})
            else:
                killed += 1
        self._result.write_text(json.dumps(outcome | {"killed": killed, "survived": survived}))
        return True

    def _learn(self, session: pytest.Session) -> list[str]:
        """Run everything once: which tests reach which line, how long they take, which fail."""
        with tempfile.NamedTemporaryFile() as file:
            notes = Path(file.name)
            ended = fork_and_wait(lambda: self._learn_in_child(session, notes))
            if ended != "0":
                raise RuntimeError(f"{self._module}: the first run ended with {ended}")
            learnt = json.loads(notes.read_text())
        self._durations = learnt["durations"]
        for line, names in learnt["lines"].items():
            # A test that shares a fixture with another reaches what that fixture reaches.
            self._tests[int(line)] = [
                item
                for item in session.items
                if item.nodeid not in learnt["failed"]
                and (item.nodeid in names or item.location[0] in names)
            ]
        return [f"{name}: {why}" for name, why in learnt["failed"].items()]

    def _learn_in_child(self, session: pytest.Session, notes: Path) -> int:
        measured = coverage.Coverage(
            data_file=None,
            config_file=False,
            include=[self._file],
            concurrency=["thread", "greenlet"],
        )
        durations: dict[str, float] = {}
        failed: dict[str, str] = {}

        class Watch:
            @pytest.hookimpl(wrapper=True)
            def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
                measured.switch_context(item.location[0])
                yield
                measured.switch_context(item.nodeid)

            @pytest.hookimpl(wrapper=True)
            def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
                measured.switch_context(item.location[0])
                yield

            def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
                durations[report.nodeid] = durations.get(report.nodeid, 0) + report.duration
                if report.failed:
                    failed[report.nodeid] = report.longreprtext.splitlines()[-1]

        session.config.pluginmanager.register(Watch())
        measured.start()
        _run(session, session.items, to_the_end=True)
        measured.stop()
        data = measured.get_data()
        lines = data.contexts_by_lineno(self._file)
        notes.write_text(json.dumps({"durations": durations, "failed": failed, "lines": lines}))
        return 0

    def _survives(self, session: pytest.Session, mutant: Mutant) -> str:
        """Return why a mutant lives, or "" if it is dead."""
        if mutant.constant:
            reached = {id(item): item for items in self._tests.values() for item in items}
            items = [item for item in session.items if id(item) in reached]
        else:
            items = self._tests.get(mutant.line) or self._tests.get(mutant.statement, [])
        if not items:
            return "no test reaches it"
        files: dict[str, float] = defaultdict(float)
        for item in items:
            files[item.location[0]] += self._durations.get(item.nodeid, 0)
        items = sorted(items, key=lambda item: files[item.location[0]])  # stable inside a file
        expected_s = sum(files.values())

        def run() -> int:
            apply(mutant, self._file)
            return _run(session, items)

        ended = fork_and_wait(run, cpu_s=int(10 + 4 * expected_s), wall_s=60 + 15 * expected_s)
        return f"{len(items)} tests pass" if ended == "0" else ""


def _run(session: pytest.Session, items: list[pytest.Item], *, to_the_end: bool = False) -> int:
    """Run tests in a folder of their own; return 1 as soon as one fails."""
    folder = Path(tempfile.mkdtemp(prefix="mutant-"))
    with suppress(AttributeError):
        session.config._tmp_path_factory._basetemp = folder  # type: ignore[attr-defined]
    for item, following in zip(items, [*items[1:], None], strict=True):
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed and not to_the_end:
            break
    shutil.rmtree(folder, ignore_errors=True)
    return int(session.testsfailed > 0)


def _outer_functions(code: CodeType) -> Iterator[CodeType]:
    """Yield the code of functions and methods, without what is defined inside them."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_flags & _OPTIMIZED:
                yield constant
            else:
                yield from _outer_functions(constant)


def apply(mutant: Mutant, file: str) -> None:
    """Put a mutant into the modules that are loaded in this process."""
    original = compile(Path(file).read_text(), file, "exec", dont_inherit=True)
    mutated = compile(mutant.source, file, "exec", dont_inherit=True)
    if mutant.constant:
        _apply_constant(mutant, file, mutated)
        return
    pairs = zip(_outer_functions(original), _outer_functions(mutated), strict=True)
    changed = {(old.co_qualname, old.co_firstlineno): new for old, new in pairs if old != new}
    gc.unfreeze()  # what is frozen is not found
    for found in gc.get_objects():
        # Some objects are proxies of what is gone: `isinstance` would ask them.
        if type(found) is FunctionType and found.__code__.co_filename == file:
            key = (found.__code__.co_qualname, found.__code__.co_firstlineno)
            if key in changed:
                found.__code__ = changed[key]


def _apply_constant(mutant: Mutant, file: str, mutated: CodeType) -> None:
    """Set a module's constant wherever it was imported."""
    assert mutant.constant
    module = next(one for one in sys.modules.values() if getattr(one, "__file__", None) == file)
    namespace = {"__name__": "mutant", "__file__": file, "__package__": module.__package__}
    exec(mutated, namespace)
    old = vars(module)[mutant.constant]
    for one in list(sys.modules.values()):
        if getattr(one, "__dict__", {}).get(mutant.constant) is old:
            vars(one)[mutant.constant] = namespace[mutant.constant]
