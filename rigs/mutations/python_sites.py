"""Where a line of Python can be made wrong: by its syntax tree, without touching anything else."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from itertools import pairwise

COMPARISONS = {
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "==": "!=",
    "!=": "==",
    "is not": "is",
    "is": "is not",
    "not in": "in",
    "in": "not in",
}
_COMPARISON = re.compile(rb"<=|>=|==|!=|<|>|\bis\s+not\b|\bis\b|\bnot\s+in\b|\bin\b")
_AND_OR = re.compile(rb"\b(?:and|or)\b")
_PLUS_MINUS = re.compile(rb"[+-]")
_OF_TIME = re.compile(r"timeout|delay|pause|interval|period|seconds|backoff|patience|silence", re.I)
_LOG = re.compile(r"(^|_)(log|logger|logging)$", re.I)
_TEXTS = (ast.JoinedStr, ast.List, ast.Tuple, ast.ListComp)


@dataclass(frozen=True)
class Site:
    """A line that can be made wrong, and how; `line` from 1, texts without indentation."""

    line: int
    kind: str
    old: str
    new: str


def python_sites(text: str) -> list[Site]:
    """Return what can be made wrong in a module; every result compiles."""
    found = _Finder(text.encode())
    found.visit(ast.parse(text))
    return [site for site in found.sites if _compiles(text, site)]


def _compiles(text: str, site: Site) -> bool:
    lines = text.split("\n")
    old = lines[site.line - 1]
    lines[site.line - 1] = old.replace(old.strip(), site.new)
    try:
        compile("\n".join(lines), "mutated", "exec")
    except SyntaxError:
        return False
    return True


class _Finder(ast.NodeVisitor):
    def __init__(self, source: bytes) -> None:
        self.sites: list[Site] = []
        self._source = source
        self._starts = [0]
        for line in source.split(b"\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)

    # --- what is left alone -------------------------------------------------------------------

    def visit(self, node: ast.AST) -> None:
        """Go on below, except where a fault would say nothing of the product."""
        if isinstance(node, ast.JoinedStr) or _is_log_call(node) or _is_for_types(node):
            return
        super().visit(node)

    def generic_visit(self, node: ast.AST) -> None:
        """Go on below, but not to annotations, decorators and durations."""
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    self.visit(child)

    def visit_keyword(self, node: ast.keyword) -> None:
        if not _OF_TIME.search(node.arg or ""):
            self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        names = {name.id for name in node.targets if isinstance(name, ast.Name)}
        if not any(name == "__all__" or _OF_TIME.search(name) for name in names):
            self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value and not _OF_TIME.search(ast.unparse(node.target)):
            self.visit(node.value)

    # --- what is made wrong -------------------------------------------------------------------

    def visit_Compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        for one, other in pairwise(sides):
            if found := self._between(one, other, _COMPARISON):
                start, end, operator = found
                self._add("comparison", start, end, COMPARISONS[" ".join(operator.split())])
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        for one, other in pairwise(node.values):
            if found := self._between(one, other, _AND_OR):
                start, end, operator = found
                self._add("and-or", start, end, "or" if operator == "and" else "and")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        sides = (node.left, node.right)
        if isinstance(node.op, (ast.Add, ast.Sub)) and not any(map(_is_text, sides)):
            self._add_plus_minus(*sides)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.op, (ast.Add, ast.Sub)) and not _is_text(node.value):
            self._add_plus_minus(node.target, node.value)
        self.visit(node.value)

    def _add_plus_minus(self, one: ast.expr, other: ast.expr) -> None:
        if found := self._between(one, other, _PLUS_MINUS):
            start, end, operator = found
            self._add("plus-minus", start, end, "-" if operator == "+" else "+")

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        start = self._span(node)[0]
        if isinstance(node.op, ast.Not) and self._source[start : start + 4] == b"not ":
            self._add("not", start, start + 4, "")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._add("boolean", *self._span(node), str(not node.value))
        elif type(node.value) is int and b"seconds" not in self._line(node.lineno):
            self._add("integer", *self._span(node), str(node.value + 1))

    def visit_Return(self, node: ast.Return) -> None:
        if node.value and not (isinstance(node.value, ast.Constant) and node.value.value is None):
            self._add("return", *self._span(node), "return None")
            self.visit(node.value)

    def visit_Expr(self, node: ast.Expr) -> None:
        value = node.value.value if isinstance(node.value, ast.Await) else node.value
        if isinstance(value, ast.Call) and not _is_log_call(value):
            self._add("statement", *self._span(node), "pass")
            self.visit(value)

    # --- places -------------------------------------------------------------------------------

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def _line(self, number: int) -> bytes:
        return self._source[self._starts[number - 1] : self._starts[number] - 1]

    def _between(
        self, one: ast.expr, other: ast.expr, pattern: re.Pattern[bytes]
    ) -> tuple[int, int, str] | None:
        start, end = self._span(one)[1], self._span(other)[0]
        found = pattern.search(self._source, start, end)
        if not found or b"#" in self._source[start:end]:
            return None
        return found.start(), found.end(), found[0].decode()

    def _add(self, kind: str, start: int, end: int, new: str) -> None:
        line = self._source.count(b"\n", 0, start)
        first, last = self._starts[line], self._starts[line + 1] - 1
        if end > last:
            return  # spread over several lines
        whole = self._line(line + 1).decode()
        made = (self._source[first:start] + new.encode() + self._source[end:last]).decode()
        self.sites.append(Site(line + 1, kind, whole.strip(), made.strip()))


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, _TEXTS) or (
        isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))
    )


def _is_log_call(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return bool(_LOG.search(ast.unparse(node.func.value).rpartition(".")[2]))


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
