"""What the browser libraries fetch before they send anything: where to send, and that nothing else is to be loaded."""

from __future__ import annotations

import re
from typing import Any

from ariane.ingest.headers import Headers

_HOST = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,255}")


def address_of(headers: Headers, scheme: str, host: str) -> tuple[str, str]:
    """(protocol, host) under which the client reached this server, through however many proxies.

    >>> address_of({"x-forwarded-proto": "https", "host": "events.example.org"}, "http", "")
    ('https', 'events.example.org')
    """
    said = (headers.get("x-forwarded-proto") or scheme).split(",")[0].strip().lower()
    named = (headers.get("x-forwarded-host") or headers.get("host") or host).split(",")[0].strip()
    return ("https" if said == "https" else "http"), (named if _HOST.fullmatch(named) else "localhost")


def segment_settings(write_key: str, protocol: str, host: str) -> dict[str, Any]:
    """Segment's settings of a source: its library then sends here, and a site changes nothing but its `cdnURL`.

    >>> segment_settings("wk_1", "https", "events.example.org")["integrations"]["Segment.io"]["apiHost"]
    'events.example.org/v1'
    """
    own = {
        "apiKey": write_key,
        "apiHost": f"{host}/v1",
        "protocol": protocol,
        "addBundledMetadata": True,
        "unbundledIntegrations": [],
        "maybeBundledConfigIds": {},
        "retryQueue": True,
        "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
    }
    return {
        "integrations": {"Segment.io": own},
        "plan": {},
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0, "host": f"{host}/v1"},
        "legacyVideoPluginsEnabled": False,
        "remotePlugins": [],
    }


def rudder_source(write_key: str, name: str) -> dict[str, Any]:
    """RudderStack's description of a source: switched on, no destinations, no reports about the library to anybody.

    >>> rudder_source("wk_1", "web")["source"]["destinations"]
    []
    """
    stamp = "2026-01-01T00:00:00.000Z"
    definition = {"id": "javascript", "name": "Javascript", "displayName": "JavaScript", "category": None,
                  "config": None, "configSchema": None, "options": None, "uiConfig": None,
                  "createdAt": stamp, "updatedAt": stamp}  # fmt: skip
    source = {
        "id": name, "name": name, "writeKey": write_key, "enabled": True, "deleted": False, "transient": False,
        "workspaceId": "ariane", "sourceDefinitionId": "javascript", "sourceDefinition": definition,
        "secretVersion": None, "createdBy": "", "createdAt": stamp, "updatedAt": stamp,
        "config": {"statsCollection": {"errors": {"enabled": False}, "metrics": {"enabled": False}}},
        "liveEventsConfig": {"eventUpload": False, "eventUploadTS": 0},
        "connections": [], "destinations": [], "dataplanes": {},
    }  # fmt: skip
    return {"source": source, "updatedAt": stamp}
