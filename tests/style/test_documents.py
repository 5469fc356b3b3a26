"""What a reader can look up: settings, events, screens, dependencies, and links that lead somewhere."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
import pytest

from ariane.settings import Settings
from tests.machine import REPOSITORY
from tests.style.source import PACKAGE, committed, rooms

DOCS = REPOSITORY / "docs"
PAGES = [path for path in committed() if path.suffix == ".md"]


def _said(page: str) -> set[str]:
    """Everything the page sets in code type at the start of a table row or of a heading."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return set(re.findall(r"^(?:\| |#+ )`([^`]+)`", text, re.MULTILINE))


def _settings() -> dict[str, Any]:
    """Setting → type; those of a nested table as `sources.<name>.write_key`."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        found[field.name] = field.type
        if get_origin(field.type) is dict and hasattr(inner := get_args(field.type)[1], "__struct_fields__"):
            found |= {f"{field.name}.<name>.{name}": object for name in inner.__struct_fields__}
    return found


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert _said("settings.md") == set(_settings())


def test_every_known_event_is_documented_and_nothing_else() -> None:
    from ariane.ingest import INTERNAL_EVENTS, KNOWN_EVENTS

    assert _said("events.md") == {*KNOWN_EVENTS, *INTERNAL_EVENTS}


def test_every_property_of_a_known_event_is_documented_with_it() -> None:
    from ariane.ingest import INTERNAL_EVENTS, KNOWN_EVENTS

    text = (DOCS / "events.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([^`]+)` \|(.*)\|$", text, re.MULTILINE))
    for event, properties in (KNOWN_EVENTS | INTERNAL_EVENTS).items():
        assert set(re.findall(r"`([a-z_]+)`", rows.get(event, ""))) >= set(properties), event


@pytest.mark.parametrize("journey", [path for path in committed() if path.name == "journey.toml"], ids=str)
def test_shipped_journeys_name_known_events(journey: Path) -> None:
    from ariane.ingest import KNOWN_EVENTS

    steps = tomllib.loads(journey.read_text(encoding="utf-8")).get("steps", [])
    assert {event for step in steps for event in step.get("events", [])} <= set(KNOWN_EVENTS)


def _screens() -> set[str]:
    """The console's addresses."""
    from starlette.routing import Route

    from ariane.console import create_app

    return {route.path for route in create_app(Path("/nowhere")).routes if isinstance(route, Route)}


def test_every_screen_is_documented_and_nothing_else() -> None:
    assert _said("console.md") == _screens()


def test_every_room_has_a_page() -> None:
    assert not [room for room in rooms() if not (DOCS / f"{room}.md").exists()]


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9_-]", requirement)[0].lower() for requirement in requirements}


def test_every_dependency_earns_its_line() -> None:
    """Run-time packages and those of the extras, each with a row in docs/dependencies.md, and no others."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = _names(project["dependencies"]) | _names([name for extra in extras.values() for name in extra])
    assert _said("dependencies.md") == wanted | _vendored()


def _vendored() -> set[str]:
    """What of others we ship: whatever lies directly in a folder called vendor, files and folders, licences aside."""
    found = {path.parts[path.parts.index("vendor") + 1] for path in committed() if "vendor" in path.parts[:-1]}
    return {name for name in found if "LICENSE" not in name.upper() and not name.endswith(".json")}


def test_whoever_ships_files_of_others_ships_their_licences() -> None:
    folders = {
        path.parents[len(path.parts) - path.parts.index("vendor") - 2] for path in committed() if "vendor" in path.parts
    }
    for folder in folders:
        assert any("LICENSE" in path.name.upper() for path in folder.iterdir()), folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_package_data_is_where_it_is_read() -> None:
    """Everything beside the modules is inside the package, so the wheel has it."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [str(PACKAGE.relative_to(REPOSITORY))]
    assert (PACKAGE / "py.typed").exists()
    assert json.dumps(project["project"]["scripts"]) == '{"ariane": "ariane.cli:main"}'
