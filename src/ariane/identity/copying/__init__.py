"""What the lake's writer needs of identity: whose an event is, with the strength that decides it, whom a page's address
names, and what changed among persons since a version."""

from __future__ import annotations

from ariane.identity.addressing import linked
from ariane.identity.exporting import News, holders, news, version_of, whole
from ariane.identity.identifying import Named, named_in, recognise
from ariane.identity.rules import reading_of

__all__ = ["Named", "News", "holders", "linked", "named_in", "news", "reading_of", "recognise", "version_of", "whole"]
