"""The blueprint: a journey as the brand designed it, read from a file anybody can edit and written back readable.

The steps are the customer-journey stages of Lemon & Verhoef (2016), with the owner of each touchpoint; front- and
backstage are the lanes of a service blueprint (Bitner, Ostrom & Morgan 2008).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from ariane.errors import InputError, NotFound
from ariane.model import STAGES, Medium, Owner, Stage
from ariane.store import COLUMNS, schema_of

Text = str | dict[str, str]
"""One text, or one a language: `{"en": "Pays", "fr": "Paie"}`."""
Element = Literal["sensory", "affective", "cognitive", "relational", "behavioural"]
Occurrence = Literal["any", "first", "again"]
Value = str | int | float | bool
MAXIMUM_STEPS = 100


class Desired(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the brand wants of a step: emotion −2…+2, satisfaction 1–5, effort 1–7, conversion 0–1, time in seconds."""

    emotion: float | None = None
    satisfaction: float | None = None
    effort: float | None = None
    conversion: float | None = None
    time_s: float | None = None


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A named moment within a stage, and the rule that recognises it.

    An event belongs to the step when its name is one of `events` and every column in `where` has one of the values
    listed. `occurrence` keeps only a person's first such event, or all but the first (`again`). An event that fits
    several steps belongs to the first of them.
    """

    key: str
    stage: Stage
    events: tuple[str, ...]
    name: Text = ""
    where: dict[str, tuple[Value, ...]] = {}
    occurrence: Occurrence = "any"
    owner: Owner = "brand"
    medium: Medium = "owned"
    elements: tuple[Element, ...] = ()
    frontstage: Text = ""
    backstage: Text = ""
    desired: Desired | None = None

    def label(self, language: str = "en") -> str:
        """The step's name in a language.

        >>> Step(key="pays", stage="conversion", events=("Order Completed",)).label()
        'Pays'
        """
        return say(self.name, language) or self.key.replace("_", " ").capitalize()


class Journey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A journey: steps in their order, the step that is its goal, and what the rows of its touchpoint grid are.

    >>> buys = Step(key="buys", stage="conversion", events=("Order Completed",))
    >>> journey = Journey(name={"en": "Buying", "fr": "Achat"}, goal="buys", steps=(buys,))
    >>> journey.label("fr"), journey.keys(), journey.index("buys")
    ('Achat', ('buys',), 0)
    """

    steps: tuple[Step, ...]
    name: Text = ""
    goal: str = ""
    rows: str = "channel"
    window_days: int = 30
    proposed: bool = False

    def label(self, language: str = "en") -> str:
        return say(self.name, language) or "Journey"

    def keys(self) -> tuple[str, ...]:
        return tuple(step.key for step in self.steps)

    def index(self, key: str) -> int:
        """Where a step stands, from 0. NotFound names the steps there are."""
        if key not in self.keys():
            raise _unknown_step(key, self.keys())
        return self.keys().index(key)

    def step(self, key: str) -> Step:
        return self.steps[self.index(key)]

    def goal_index(self) -> int:
        """The goal's place; without one, the last step's."""
        return self.index(self.goal) if self.goal else len(self.steps) - 1

    def to_toml(self) -> str:
        """The journey as the text of a journey file; reading it gives an equal journey."""
        return _write(self)


def say(text: Text, language: str = "en") -> str:
    """A text in `language`, else in English, else in whatever language there is.

    >>> say({"en": "Pays", "fr": "Paie"}, "fr"), say({"fr": "Paie"}, "en"), say("Pays", "fr")
    ('Paie', 'Paie', 'Pays')
    """
    if isinstance(text, str):
        return text
    return text.get(language) or text.get("en") or next(iter(text.values()), "")


def load_journey(path: Path, *, properties: Mapping[str, str] | None = None) -> Journey:
    """Read and check a journey file. `properties` are the workspace's own registered properties (name → type).

    Raises NotFound when there is no file; InputError naming file, line, field and what was allowed when it is wrong.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "journey.toml"
    >>> _ = file.write_text('[[steps]]\\nkey = "pays"\\nstage = "conversion"\\nevents = ["Order Completed"]')
    >>> load_journey(file).keys()
    ('pays',)
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFound(
            "There is no journey file.", where=str(path), next_step="Run 'ariane journey --propose' to draft one."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"The file is not UTF-8 text: {error.reason}.", where=str(path)) from error
    return read_journey(text, str(path), properties=properties)


def read_journey(text: str, where: str = "journey.toml", *, properties: Mapping[str, str] | None = None) -> Journey:
    """A journey from the text of its file; see load_journey.

    >>> text = '[[steps]]\\nkey = "pays"\\nstage = "conversoin"\\nevents = ["Order Completed"]'
    >>> read_journey(text)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ariane.errors.InputError: journey.toml:3: steps[1].stage: 'conversoin' is not one of them: did you mean ...
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        place = f"{where}:{line.group(1)}" if line else where
        raise InputError(f"The file is not TOML: {error}.", where=place, next_step="Mend it and try again.") from error
    place_of = _Places(text, where)
    _check_fields(raw, Journey, (), place_of)
    try:
        journey = msgspec.convert(raw, Journey)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        keys = tuple(int(k) if k.isdigit() else k for k in re.findall(r"[A-Za-z_]\w*|\d+", path))
        raise InputError(f"{_spell(keys)}: {what}.", where=place_of(keys)) from error
    _check_sense(journey, place_of, set(properties or {}))
    return journey


class _Places:
    """Where in a file's text a field stands: TOML's parser does not keep it."""

    def __init__(self, text: str, where: str) -> None:
        self.lines, self.where = text.splitlines(), where

    def __call__(self, keys: tuple[str | int, ...]) -> str:
        line = self._line(keys)
        return f"{self.where}:{line}" if line else self.where

    def _line(self, keys: tuple[str | int, ...]) -> int:
        heads = [n for n, line in enumerate(self.lines, 1) if re.match(r"\s*\[\[\s*steps\s*\]\]", line)]
        start, end, names = 1, (heads[0] if heads else len(self.lines) + 1), [k for k in keys if isinstance(k, str)]
        if len(keys) > 1 and keys[0] == "steps" and isinstance(keys[1], int) and keys[1] < len(heads):
            start = heads[keys[1]]
            end = heads[keys[1] + 1] if keys[1] + 1 < len(heads) else len(self.lines) + 1
            names = names[1:]
        for name in reversed(names):
            for number in range(start, end):
                if re.search(rf"(?<![\w\"'-])[\"']?{re.escape(name)}[\"']?\s*[=\]]", self.lines[number - 1]):
                    return number
        return start if keys else 0


def _spell(keys: tuple[str | int, ...]) -> str:
    """A path as people count: steps[1] is the first."""
    return "".join(f"[{k + 1}]" if isinstance(k, int) else f".{k}" for k in keys).lstrip(".") or "the file"


def _check_fields(value: Any, kind: Any, keys: tuple[str | int, ...], place_of: _Places) -> None:
    """Names and closed lists, before types: the mistakes people make, answered with what was allowed."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        hints = get_type_hints(kind)
        for name in value:
            if name not in hints:
                raise InputError(
                    f"{_spell((*keys, name))}: unknown field{_meant(name, hints) or '.'}",
                    where=place_of((*keys, name)),
                    allowed=", ".join(kind.__struct_fields__),
                )
            _check_fields(value[name], hints[name], (*keys, name), place_of)
    elif get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise _not_listed(value, get_args(kind), keys, place_of)
    elif get_origin(kind) is tuple and isinstance(value, list):
        for number, item in enumerate(value):
            _check_fields(item, get_args(kind)[0], (*keys, number), place_of)
    elif Desired in get_args(kind):
        _check_fields(value, Desired, keys, place_of)


def _check_sense(journey: Journey, place_of: _Places, own: set[str]) -> None:
    """What types cannot say: unique keys, stages in order, a goal and columns that exist."""

    def wrong(what: str, *keys: str | int, allowed: str = "") -> InputError:
        return InputError(f"{_spell(keys)}: {what}", where=place_of(keys), allowed=allowed)

    if not 0 < len(journey.steps) <= MAXIMUM_STEPS:
        raise wrong(f"a journey has between 1 and {MAXIMUM_STEPS} steps, not {len(journey.steps)}.", "steps")
    seen: dict[str, int] = {}
    for number, step in enumerate(journey.steps):
        if not re.fullmatch(r"[a-z][a-z0-9_]*", step.key):
            raise wrong(
                f"'{step.key}' cannot be a key.", "steps", number, "key", allowed="a–z, 0–9 and _, a letter first"
            )
        if step.key in seen:
            raise wrong(f"'{step.key}' names step {seen[step.key] + 1} already.", "steps", number, "key")
        seen[step.key] = number
        if not step.events:
            raise wrong("name at least one event.", "steps", number, "events")
        if number and STAGES.index(step.stage) < STAGES.index(journey.steps[number - 1].stage):
            before = journey.steps[number - 1].stage
            raise wrong(
                f"'{step.stage}' comes before '{before}' of the step above.", "steps", number, "stage",
                allowed="stages in the order " + ", ".join(STAGES),
            )  # fmt: skip
        for name in step.where:
            if column_name(name, own) is None:
                raise _not_listed(name, sorted(_names(own)), ("steps", number, "where", name), place_of)
    if journey.goal and journey.goal not in seen:
        raise _not_listed(journey.goal, list(seen), ("goal",), place_of)
    if column_name(journey.rows, own) is None:
        raise _not_listed(journey.rows, sorted(_names(own)), ("rows",), place_of)
    if journey.window_days < 1:
        raise wrong("the window lasts at least one day.", "window_days", allowed="1 or more")


def _names(own: set[str]) -> set[str]:
    return {"channel", "event", "type", "source", *own, *(name.partition("_")[2] for name in COLUMNS)}


def column_name(name: str, own: set[str] | None = None) -> str | None:
    """The lake's column a name in a journey file means: a base column, a registered property, or one of the context.

    >>> column_name("store"), column_name("device_type"), column_name("channel"), column_name("colour")
    ('prop_store', 'ctx_device_type', 'channel', None)
    """
    columns = {*schema_of("events").names, *(f"prop_{one}" for one in own or ())}
    return next((column for column in (name, f"prop_{name}", f"ctx_{name}") if column in columns), None)


def _meant(name: object, among: Any) -> str:
    close = get_close_matches(str(name), [str(one) for one in among], n=1)
    return f": did you mean '{close[0]}'?" if close else ""


def _not_listed(value: object, allowed: Any, keys: tuple[str | int, ...], place_of: _Places) -> InputError:
    meant = _meant(value, allowed) or "."
    return InputError(
        f"{_spell(keys)}: '{value}' is not one of them{meant}",
        where=place_of(keys),
        allowed=", ".join(map(str, allowed)),
    )


def _unknown_step(key: str, keys: tuple[str, ...]) -> NotFound:
    return NotFound(
        f"The journey has no step '{key}'{_meant(key, keys) or '.'}", where="journey.toml", allowed=", ".join(keys)
    )


def _write(journey: Journey) -> str:
    head = [f"{name} = {_value(getattr(journey, name))}" for name in ("name", "goal", "rows", "window_days")]
    if journey.proposed:
        head.insert(
            0, "# Proposed from the data. Rename, reorder, add targets; then delete the next line.\nproposed = true"
        )
    blocks = ["\n".join(head)]
    for step in journey.steps:
        lines = ["[[steps]]"]
        for field in msgspec.structs.fields(Step):
            value = getattr(step, field.name)
            if field.name == "desired" or (value == field.default and not field.required) or value == {}:
                continue
            lines.append(f"{field.name} = {_value(value)}")
        if step.desired is not None:
            wanted = {k: v for k, v in msgspec.structs.asdict(step.desired).items() if v is not None}
            lines += ["[steps.desired]", *(f"{k} = {_value(v)}" for k, v in wanted.items())]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _value(value: Any) -> str:
    """A value as TOML. JSON's strings, numbers and booleans are TOML's too, but for the control character DEL."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }" if value else "{}"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    if isinstance(value, float):
        return repr(value)
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


# Made here, by one thread: two that first ask for a type's shape at the same moment end msgspec 0.22, and the process.
msgspec.json.Decoder(Journey)
