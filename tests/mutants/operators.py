"""Mutants: single small changes of a module's source, by mutmut's operators and ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import libcst as cst
from libcst import matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation import mutators

#: Upper and lower case of every text, and `a = None` for every assignment, say little.
_LEFT_OUT = {mutators.operator_string, mutators.operator_arg_removal, mutators.operator_assignment}
_LOGGED = m.Call(func=m.Attribute(value=m.Name("log") | m.Name("_log")))
#: What is said to operators in logs is no promise; nor are types, decorators and `__all__`.
_NOT_OURS = (
    m.Annotation()
    | m.Decorator()
    | _LOGGED
    | m.Expr(value=_LOGGED)
    | m.Assign(targets=[m.AssignTarget(target=m.Name("__all__"))])
    | m.If(test=m.Name("TYPE_CHECKING"))
    | m.Assert()
)


@dataclass(frozen=True)
class Mutant:
    line: int
    #: Where its statement begins: parts of one that are constants are not seen to be run.
    statement: int
    #: The constant of the module that the change sets, or None inside a function.
    constant: str | None
    #: Where and what, without line numbers: how accepted survivors are named.
    name: str
    source: str


def _without_statement(node: cst.Expr) -> Iterable[cst.CSTNode]:
    if not m.matches(node.value, m.SimpleString() | m.ConcatenatedString()):
        yield cst.Pass()


def _not(test: cst.BaseExpression) -> cst.BaseExpression:
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        return test.expression
    inner = test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return cst.UnaryOperation(cst.Not(), inner)


def _other_branch(node: cst.If | cst.While) -> Iterable[cst.CSTNode]:
    if not isinstance(node.test, cst.Comparison | cst.UnaryOperation) and not m.matches(
        node.test, m.Name("True")
    ):
        yield node.with_changes(test=_not(node.test))


def _nothing_returned(node: cst.Return) -> Iterable[cst.CSTNode]:
    if node.value and not m.matches(node.value, m.Name("None")):
        yield node.with_changes(value=cst.Name("None"))


def _no_assignment(node: cst.Assign) -> Iterable[cst.CSTNode]:
    """Leave an attribute as it was; a name that is never set fails anyway."""
    if m.matches(node.targets[0].target, m.Attribute() | m.Subscript()):
        yield cst.Pass()


def _other_text(node: cst.SimpleString) -> Iterable[cst.CSTNode]:
    if not node.value.endswith(('"""', "'''")):
        yield node.with_changes(value=f"{node.value[:-1]}XX{node.value[-1]}")


def _without_argument(node: cst.Call) -> Iterable[cst.CSTNode]:
    for position, argument in enumerate(node.args):
        if argument.keyword and len(node.args) > 1:
            rest = [*node.args[:position], *node.args[position + 1 :]]
            yield node.with_changes(args=rest)


_OPERATORS: list[tuple[type, Callable[[Any], Iterable[cst.CSTNode]]]] = [
    *(pair for pair in mutators.mutation_operators if pair[1] not in _LEFT_OUT),
    (cst.Expr, _without_statement),
    (cst.If, _other_branch),
    (cst.While, _other_branch),
    (cst.Return, _nothing_returned),
    (cst.Assign, _no_assignment),
    (cst.SimpleString, _other_text),
    (cst.Call, _without_argument),
]


_STATEMENTS = (cst.SimpleStatementLine, cst.BaseCompoundStatement)


class _Finder(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[tuple[int, int, str | None, str], cst.CSTNode, cst.CSTNode]] = []
        self._statements: list[int] = []
        self._where: list[str] = []
        self._functions = 0
        self._constant: str | None = None

    def on_visit(self, node: cst.CSTNode) -> bool:
        if m.matches(node, _NOT_OURS):
            return False
        if isinstance(node, _STATEMENTS):
            self._statements.append(self.get_metadata(PositionProvider, node).start.line)
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._where.append(node.name.value)
            self._functions += isinstance(node, cst.FunctionDef)
        elif not self._where and isinstance(node, cst.Assign | cst.AnnAssign):
            target = node.target if isinstance(node, cst.AnnAssign) else node.targets[0].target
            self._constant = target.value if isinstance(target, cst.Name) else None
        elif self._functions or self._constant:
            self._mutate(node)
        return not isinstance(node, cst.Parameters)  # what defaults are is settled at import

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, _STATEMENTS) and not m.matches(original_node, _NOT_OURS):
            self._statements.pop()
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self._where.pop()
            self._functions -= isinstance(original_node, cst.FunctionDef)
        elif not self._where and isinstance(original_node, cst.Assign | cst.AnnAssign):
            self._constant = None

    def _mutate(self, node: cst.CSTNode) -> None:
        position = self.get_metadata(PositionProvider, node, None)
        for kind, operator in _OPERATORS:
            if position and isinstance(node, kind):
                where = ".".join(self._where) or str(self._constant)
                place = (position.start.line, self._statements[-1], self._constant, where)
                self.found.extend((place, node, new) for new in operator(node))


def _text(node: cst.CSTNode) -> str:
    code = cst.Module([]).code_for_node(node) if not isinstance(node, cst.Module) else node.code
    return " ".join(code.split())


def _difference(old: str, new: str) -> str:
    """Name a change by what differs, with a few letters before and after it."""
    start = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), len(new))
    start = max(0, start - 30)
    return f"{old[start : start + 70]} => {new[start : start + 70]}"


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module that can be compiled."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    finder = _Finder()
    wrapper.visit(finder)
    names: Counter[str] = Counter()
    for (line, statement, constant, where), old, new in finder.found:
        changed = wrapper.module.deep_replace(old, new)
        assert isinstance(changed, cst.Module)
        try:
            compile(changed.code, "mutant", "exec", dont_inherit=True)
        except SyntaxError:
            continue
        name = f"{where}: {_difference(_text(old), _text(new))}"
        names[name] += 1
        number = f" #{names[name]}" if names[name] > 1 else ""
        yield Mutant(line, statement, constant, name + number, changed.code)
