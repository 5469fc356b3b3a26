"""The house: imports point downward, rooms speak through faces, faces are small and documented."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from types import ModuleType

import pytest

from tests.machine import REPOSITORY
from tests.style.sizes import sizes, table
from tests.style.source import OPEN, ORDER, Module, imports, modules, public, rooms

FORBIDDEN = {"utils", "util", "helpers", "helper", "misc", "core", "manager", "managers", "common"}
FACES = [module for module in modules() if module.path.name == "__init__.py" and "." not in module.name]
FACE_NAMES = {module.name for module in modules() if module.path.name == "__init__.py" and public(module)}
"""Packages with an `__all__`: the rooms, and the parts of a room that have a face of their own."""

AT_MOST = {"": 12}


def _rank(room: str) -> int:
    return -1 if room in OPEN else ORDER.index(room)


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.where)
def test_imports_point_downward_and_go_through_faces(module: Module) -> None:
    assert module.room in OPEN + ORDER, f"{module.where}: give '{module.room}' its place in tests/style/source.py"
    for line, name in imports(module):
        room, where = name.split(".")[0], f"{module.where}:{line}"
        if room == module.room:
            continue
        assert room in OPEN + ORDER, f"{where} imports ariane.{name}, which has no place in the order"
        if room == "demo":
            assert module.room == "cli", f"{where}: only the command line may know the demo"
        if name == "" and module.room in ("api", "console", "cli"):
            continue  # the package's own face is for whoever stands outside, and these three do
        assert _rank(room) < _rank(module.room) or (room in OPEN and module.room in OPEN), (
            f"{where}: '{module.room or 'ariane'}' stands below '{room or 'ariane'}' and may not import it"
        )
        assert "." not in name or name in FACE_NAMES, f"{where} reaches into ariane.{name}: ask the face of '{room}'"


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.where)
def test_a_module_says_what_it_is_for(module: Module) -> None:
    assert module.path.stem not in FORBIDDEN, f"{module.where}: name the file by what it does"
    assert module.path.stem == "__main__" or ast.get_docstring(module.tree), f"{module.where} has no docstring"


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.where)
def test_a_face_is_small(face: Module) -> None:
    names, at_most = public(face), AT_MOST.get(face.room, 10)
    assert names, f"{face.where} has no __all__"
    assert len(names) <= at_most, f"{face.where} offers {len(names)} names; at most {at_most}"


def test_every_room_has_a_face() -> None:
    assert set(rooms()) <= {face.room for face in FACES}


PUBLIC = [(face.name, name) for face in FACES for name in public(face)]


@pytest.mark.parametrize(("room", "name"), PUBLIC, ids=[f"{room}.{name}".lstrip(".") for room, name in PUBLIC])
def test_a_public_name_is_documented_with_an_executed_example(room: str, name: str) -> None:
    """The example stands in its docstring, in that of one of its methods, or in the face's: pytest runs them all."""
    value = getattr(importlib.import_module(f"ariane.{room}".rstrip(".")), name)
    if not (inspect.isclass(value) or inspect.isroutine(value)) or isinstance(value, ModuleType):
        return  # a constant: the comment under it documents it
    docs = [inspect.getdoc(value) or ""]
    if inspect.isclass(value):
        docs += [inspect.getdoc(member) or "" for member in vars(value).values()]
        if issubclass(value, Exception):
            docs += [inspect.getdoc(base) or "" for base in inspect.getmro(value)]  # the base shows how they are raised
    assert docs[0], f"ariane.{room}.{name} has no docstring"
    shown = any(">>>" in text for text in docs) or name in _shown_by_the_face(room)
    assert shown, f"ariane.{room}.{name}: no executed example in its docstring or in that of its room"


def _shown_by_the_face(room: str) -> set[str]:
    """The words in the examples of the room's own docstring."""
    face = next(face for face in FACES if face.name == room)
    lines = (ast.get_docstring(face.tree) or "").splitlines()
    return {word for line in lines if line.startswith((">>>", "...")) for word in re.findall(r"\w+", line)}


def test_what_is_imported_is_locked() -> None:
    """On a new machine only the run-time lock is there. Inside a function a package may be one of an extra."""
    lock = (REPOSITORY / "requirements" / "run.txt").read_text(encoding="utf-8")
    locked = {name.removesuffix("-framework").replace("-", "_") for name in re.findall(r"^([a-z0-9-]+)==", lock, re.M)}
    for module in modules():
        for node in module.tree.body:
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [str(node.module)]
            else:
                continue
            foreign = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"ariane"}
            assert foreign <= locked, f"{module.where}:{node.lineno}: {foreign - locked} is in no lock of run time"


def test_sizes() -> None:
    assert not [size for size in sizes() if size.over], "\n" + table()


def test_importing_ariane_is_light() -> None:
    """Only msgspec, what it loads itself, and the standard library."""
    look = "import sys; before = set(sys.modules); import ariane; print(*(set(sys.modules) - before))"
    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout
    loaded = {name.split(".")[0] for name in said.split()} - set(sys.stdlib_module_names)
    assert loaded <= {"ariane", "msgspec", "typing_extensions"}, f"import ariane loads {sorted(loaded)}"
