"""How large modules, classes and functions are: `python -m tests.style.sizes` prints the largest."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from tests.style.source import modules

LIMITS = {"module": 400, "class": 250, "function": 50}
"""Lines of a module's file; of a class and of a function without their docstring."""


class Size(NamedTuple):
    kind: str
    lines: int
    where: str

    @property
    def over(self) -> bool:
        return self.lines > LIMITS[self.kind]


def sizes() -> list[Size]:
    """Every module, class and function with its lines, largest first within its kind."""
    found = [Size("module", module.text.count("\n"), module.where) for module in modules()]
    for module in modules():
        for node, name in _definitions(module.tree, ""):
            kind = "class" if isinstance(node, ast.ClassDef) else "function"
            found.append(Size(kind, _lines(node), f"{module.where}:{node.lineno} {name}"))
    return sorted(found, key=lambda size: (list(LIMITS).index(size.kind), -size.lines, size.where))


def _definitions(
    node: ast.AST, prefix: str
) -> Iterator[tuple[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield child, prefix + child.name
            yield from _definitions(child, f"{prefix}{child.name}.")
        else:
            yield from _definitions(child, prefix)


def _lines(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """From the `def` to the end, without the docstring."""
    whole = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node, clean=False) is None:
        return whole
    said = node.body[0]
    return whole - ((said.end_lineno or said.lineno) - said.lineno + 1)


def table(largest: int = 5) -> str:
    """The largest of each kind, and all that are over the limit."""
    lines = []
    for kind, limit in LIMITS.items():
        of_kind = [size for size in sizes() if size.kind == kind]
        lines.append(f"{kind}: {len(of_kind)}, at most {limit} lines")
        for rank, size in enumerate(of_kind):
            if size.over or rank < largest:
                lines.append(f"  {size.lines:>5}  {size.where}{'   TOO LONG' if size.over else ''}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
