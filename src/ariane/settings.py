"""A workspace's settings: `ariane.toml`, then `ARIANE_*` variables, then what each field says here.

Every field is documented in docs/settings.md; a test holds the two together.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import tomllib
from difflib import get_close_matches
from pathlib import Path

import msgspec

from ariane.errors import Conflict, InputError, NotFound

WORKSPACE_FORMAT = 1
"""The layout of the workspace folder. A workspace with a higher number was written by a newer Ariane."""

PropertyType = str  # one of: string, double, int64, bool, minor


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where events come from: its write key, and the channel its events belong to when they do not say. With `secret`,
    what other tools post to its hooks must be signed with it."""

    write_key: str
    channel: str = ""
    secret: str = ""


class PurposeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The legal basis under which a purpose may read a person: contract, legitimate_interest or consent."""

    basis: str


class Bridge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An MQTT broker whose messages become events: where it is, the topics to follow, and what their events are."""

    address: str
    topics: tuple[str, ...]
    events: dict[str, str] = {}
    channel: str = "object"
    username: str = ""
    password: str = ""
    tls: bool = False
    ca: str = ""
    client_id: str = ""


class Noise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From when on what one identifier did on a day is no person's doing."""

    fast_view_s: float = 2.0
    fast_views: int = 20
    views_a_minute: int = 30
    busy_minutes: int = 10
    speed_kmh: float = 1_000.0


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a shop is, in degrees."""

    latitude: float
    longitude: float


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every setting, with its default.

    >>> Settings().session_gap_s
    1800
    """

    format: int = WORKSPACE_FORMAT
    name: str = "Ariane"
    language: str = "en"
    default_country: str = "FR"
    currency: str = "EUR"
    timezone: str = "UTC"
    host: str = "127.0.0.1"
    hosts: tuple[str, ...] = ()
    port: int = 8600
    collector_workers: int = 1
    max_event_bytes: int = 32_768
    max_body_bytes: int = 4_194_304
    segment_bytes: int = 67_108_864
    log_retention_days: int = 30
    session_gap_s: int = 1800
    lake_interval_s: float = 1.0
    stream_batch: int = 5_000
    duplicate_window_days: int = 30
    state_url: str = ""
    log_url: str = ""
    lake_url: str = ""
    max_lag_bytes: int = 8_589_934_592
    spark_remote: str = ""
    email_sender: str = ""
    minimum_cell: int = 5
    sources: dict[str, Source] = {}
    bridges: dict[str, Bridge] = {}
    purposes: dict[str, PurposeSettings] = {}
    properties: dict[str, PropertyType] = {}
    noise: Noise = Noise()
    places: dict[str, Place] = {}
    consent_categories: dict[str, str] = {}


def load(path: Path) -> Settings:
    """Read `path`/ariane.toml and the environment.

    Raises NotFound when there is no workspace, Conflict when a newer Ariane wrote it, InputError naming the line or
    the field when the file cannot be used.
    """
    file = path / "ariane.toml"
    if not file.exists():
        raise NotFound(
            f"No workspace in {path}.",
            where=str(file),
            next_step=f"Run 'ariane init {path}', or 'ariane demo' for a town to explore.",
        )
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"The file is not TOML: {error}.", where=str(file), next_step="Mend it and start again."
        ) from error
    written = raw.get("format", WORKSPACE_FORMAT)
    if isinstance(written, int) and written > WORKSPACE_FORMAT:
        raise Conflict(
            f"This workspace has format {written}; this Ariane reads up to {WORKSPACE_FORMAT}.",
            where=str(file),
            next_step="Install a newer Ariane. Nothing was changed.",
        )
    raw.update(_from_environment())
    unknown = sorted(set(raw) - set(Settings.__struct_fields__))
    if unknown:
        close = get_close_matches(unknown[0], Settings.__struct_fields__, n=1)
        raise InputError(
            f"Unknown setting '{unknown[0]}'" + (f": did you mean '{close[0]}'?" if close else "."),
            where=str(file),
            allowed=", ".join(Settings.__struct_fields__),
        )
    try:
        return msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        raise InputError(f"{error}.", where=str(file), next_step="See docs/settings.md.") from error


def _from_environment() -> dict[str, object]:
    """`ARIANE_PORT=8700` sets `port`. Only plain values can be set this way."""
    types = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    found: dict[str, object] = {}
    for name, kind in types.items():
        text = os.environ.get(f"ARIANE_{name.upper()}")
        if text is not None and kind in (int, float, str):
            try:
                found[name] = kind(text)
            except ValueError as error:
                raise InputError(f"'{text}' is not a {kind.__name__}.", where=f"ARIANE_{name.upper()}") from error
    return found


class Misdirected(InputError):
    """The request's Host names no server of ours: perhaps a page elsewhere made its own name lead here, to read us."""

    code, status = "misdirected", 421


_HOST = re.compile(r"(?:\[([0-9a-f:.]{2,45})\]|([^\[\]:@/\s]{1,253}))(?::\d{1,5})?")
_ANYWHERE = frozenset({"0.0.0.0", "::"})


def check_host(settings: Settings, host: str) -> None:
    """Misdirected unless a request's Host is localhost, a loopback address, where we listen, or one of `hosts`.

    A name can be made to lead here after its page was loaded (DNS rebinding), and that page would be same-origin; an
    address cannot. So whoever listens everywhere answers to any address. Ports say nothing about who asks.

    >>> check_host(Settings(hosts=("ariane.example.org",)), "Ariane.example.org:8600")
    >>> check_host(Settings(), "[::1]:8600")
    >>> try:
    ...     check_host(Settings(), "evil.test:8600")
    ... except Misdirected as error:
    ...     error.status
    421
    """
    name = _host_name(host)
    listening = {_host_name(settings.host), _host_name(os.environ.get("ARIANE_BIND_HOST", ""))}
    if name and (name == "localhost" or name in listening or name in {_host_name(one) for one in settings.hosts}):
        return
    try:
        if ipaddress.ip_address(name).is_loopback or listening & _ANYWHERE:
            return
    except ValueError:
        pass
    raise Misdirected(
        f"Nothing here answers to the name '{name[:100]}'.",
        allowed="localhost, the address Ariane listens on, and the names in the setting 'hosts'",
        next_step="If the name is yours, add it to 'hosts' in ariane.toml and start Ariane again.",
    )


def _host_name(host: str) -> str:
    """The name or address of a Host, without port; empty when it is none."""
    if host.count(":") > 1 and not host.startswith("["):
        return host.lower()  # an address as settings write it
    found = _HOST.fullmatch(host.strip().lower().removesuffix("."))
    return (found[1] or found[2]).removesuffix(".") if found else ""


def new_write_key() -> str:
    return "wk_" + secrets.token_urlsafe(18)


def create(path: Path, name: str = "Ariane", sources: dict[str, Source] | None = None) -> Settings:
    """Make the folder a workspace: write `ariane.toml` with one source and a fresh write key. Conflict if it is one."""
    file = path / "ariane.toml"
    if file.exists():
        raise Conflict("There is a workspace here already.", where=str(path), next_step="Open it with 'ariane serve'.")
    path.mkdir(parents=True, exist_ok=True)
    listed = sources or {"default": Source(write_key=new_write_key())}
    lines = [
        "# Ariane workspace. Every setting: docs/settings.md",
        f"format = {WORKSPACE_FORMAT}",
        f"name = {msgspec.json.encode(name).decode()}",
        "",
    ]
    for key, source in listed.items():
        lines += [f"[sources.{key}]", f'write_key = "{source.write_key}"', f"channel = {_quoted(source.channel)}", ""]
    file.write_text("\n".join(lines), encoding="utf-8")
    return load(path)


_SOURCE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def _quoted(text: str) -> str:
    """As a TOML string: JSON's escapes are among TOML's, which escapes DEL too."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


def add_source(path: Path, name: str, channel: str = "") -> Source:
    """Append a source with a fresh write key to `ariane.toml`. Conflict if the name is taken."""
    if name in load(path).sources:
        raise Conflict(f"There is a source named '{name}' already.", where=str(path / "ariane.toml"))
    if not _SOURCE.fullmatch(name):
        raise InputError(f"'{name}' cannot name a source.", allowed="a to z, digits and _, not a digit first")
    source = Source(write_key=new_write_key(), channel=channel)
    with (path / "ariane.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[sources.{name}]\nwrite_key = "{source.write_key}"\nchannel = {_quoted(channel)}\n')
    return source


# Made here, by one thread: two that first ask for a type's shape at the same moment end msgspec 0.22, and the process.
msgspec.json.Decoder(Settings)
