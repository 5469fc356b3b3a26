"""The source under test: its modules, what they import, what they offer."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.machine import REPOSITORY

PACKAGE = REPOSITORY / "src" / "ariane"

OPEN = ("model", "errors", "settings", "intervals", "result", "face", "arrow")
"""What every room may import, module by module. None of them imports a room."""

ORDER = (
    "store", "consent", "ingest", "identity", "journeys", "voice", "attribution", "segments", "predict", "decide",
    "deliver", "measure", "relations", "kept", "processes", "opened", "asking", "planning", "linkage", "suggestions",
    "rooms",
    "workspace", "demo", "api", "console", "cli", "",
)  # fmt: skip
"""The rooms and root modules in the order of need: each may import those before it. "" is the package's own face."""


@dataclass(frozen=True)
class Module:
    """One file. `name` is dotted without the leading package: "store.log", "model", "" for the package itself."""

    path: Path
    name: str
    tree: ast.Module
    text: str

    @property
    def room(self) -> str:
        return self.name.split(".")[0]

    @property
    def where(self) -> str:
        return str(self.path.relative_to(REPOSITORY))


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the package."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        found.append(Module(path, name, ast.parse(text, str(path)), text))
    return tuple(found)


@cache
def rooms() -> tuple[str, ...]:
    """Folders that hold modules."""
    return tuple(sorted({module.room for module in modules() if len(module.path.relative_to(PACKAGE).parts) > 1}))


def imports(module: Module) -> Iterator[tuple[int, str]]:
    """(line, dotted name without the leading package) of everything of ours that `module` imports, wherever it does.

    `from ariane import store` and `from ariane.store import Lake` both give "store"; `import ariane` gives "".
    """
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == "ariane" or alias.name.startswith("ariane."):
                    yield node.lineno, alias.name.removeprefix("ariane").lstrip(".")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.where}:{node.lineno}: write the whole name, not a relative import"
            if node.module == "ariane":
                for alias in node.names:
                    yield node.lineno, alias.name if _is_module(alias.name) else ""
            elif (node.module or "").startswith("ariane."):
                base = str(node.module).removeprefix("ariane.")
                for alias in node.names:
                    inner = f"{base}.{alias.name}"
                    yield node.lineno, inner if _is_module(inner) else base


def _is_module(name: str) -> bool:
    path = PACKAGE.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


def public(module: Module) -> list[str]:
    """The names in a module's `__all__`, which must be written out."""
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return [str(name) for name in ast.literal_eval(node.value)]
    return []


@cache
def committed() -> tuple[Path, ...]:
    """Files git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    said = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True).stdout
    paths = (REPOSITORY / name.decode() for name in said.split(b"\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))
