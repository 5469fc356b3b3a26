"""The console: the screens people read the measured journey on, as one ASGI application.

Server-rendered pages (Starlette and Jinja) with htmx for parts of a page and a few small custom elements; every state
is in the URL. A screen is one file in `views/`: it asks the rooms' faces, and hands a typed, frozen context to its
template. Numbers and dates are put into words in one place, in Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.console.app import create_app

__all__ = ["create_app"]

__getattr__ = face(__name__, {"create_app": "app"})
