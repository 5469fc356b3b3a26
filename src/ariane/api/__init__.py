"""What programs ask: the JSON API of one workspace. An endpoint is data (`ENDPOINTS`): what it is called with and what
it answers are Structs, from which requests are read and the OpenAPI `document` is made. `routes` serves them, computing
through the same `Workspace` as Python and the command line; `shown` puts what the rooms return into JSON's terms.

>>> from ariane import api
>>> sorted(endpoint.path for endpoint in api.ENDPOINTS if endpoint.method == "POST")[:3]
['/api/known', '/api/link', '/api/people/lift']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.api.edge import shown
    from ariane.api.endpoint import Endpoint
    from ariane.api.openapi import document
    from ariane.api.serving import ENDPOINTS, routes

__all__ = ["ENDPOINTS", "Endpoint", "document", "routes", "shown"]

__getattr__ = face(
    __name__,
    {"ENDPOINTS": "serving", "Endpoint": "endpoint", "document": "openapi", "routes": "serving", "shown": "edge"},
)
