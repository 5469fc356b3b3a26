"""The mapping file: it reads back as it was written; every mistake is answered with where, what and what instead."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ariane.errors import InputError, NotFound
from ariane.ingest.importers import Mapping, mapping_text, read_mapping
from ariane.ingest.mapping import KINDS, Column, EventRule, Field, Skip, ValueType, When, parse_mapping
from ariane.model import PURPOSES

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
finite = st.floats(allow_nan=False, allow_infinity=False)
fields = st.one_of(
    words,
    st.builds(Field, column=words, type=st.sampled_from(get_args(ValueType))),
    st.builds(Field, value=st.one_of(words, st.integers(-(2**63), 2**63 - 1), finite, st.booleans())),
)
instants = st.builds(
    When,
    column=words,
    format=st.sampled_from(["iso", "epoch_s", "epoch_ms", "%d/%m/%Y"]),
    timezone=st.sampled_from(["UTC", "Europe/Paris"]),
)
rules = st.builds(
    EventRule,
    timestamp=instants,
    name=st.one_of(words, st.builds(Column, words)),
    type=st.sampled_from(["track", "identify", "page", "screen"]),
    optional=st.booleans(),
    properties=st.dictionaries(words, fields, max_size=4),
)
skips = st.one_of(
    st.builds(Skip, column=words, reason=words, equals=st.lists(words, max_size=3).map(tuple)),
    st.builds(Skip, column=words, empty=st.booleans()),
    st.builds(Skip, column=words, below=finite),
    st.builds(Skip, column=words, above=finite),
)
mappings = st.builds(
    Mapping,
    events=st.lists(rules, min_size=1, max_size=3).map(tuple),
    format=st.sampled_from(["", "csv", "ndjson", "parquet"]),
    source=st.sampled_from(["", "till", "loyalty-2"]),
    channel=st.one_of(words, st.builds(Column, words)),
    basis=st.sampled_from(PURPOSES),
    user_id=words,
    message_id=st.lists(words, max_size=2).map(tuple),
    keep_duplicates=st.booleans(),
    delimiter=st.sampled_from(["", ",", ";", "\t"]),
    missing=st.lists(words, max_size=2).map(tuple),
    identifiers=st.dictionaries(st.sampled_from(KINDS), words, max_size=3),
    context=st.dictionaries(st.sampled_from(["campaign.name", "os.name", "page"]), words),
    skip=st.lists(skips, max_size=2).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(mappings)
def test_what_is_written_reads_back(mapping: Mapping) -> None:
    assert parse_mapping(mapping_text(mapping)) == mapping


GOOD = """user_id = "who"
channel = "store"

[identifiers]
email = "mail"

[[events]]
name = "Order Completed"
timestamp = { column = "at" }

[[events]]
name = "Delivery Made"
timestamp = { column = "arrived", format = "epoch_s" }
[events.properties]
order_id = { column = "no", type = "text" }
"""


@pytest.mark.parametrize(
    ("old", "new", "where", "says"),
    [
        ("user_id", "user_idd", "m.toml:1", "unknown field 'user_idd': did you mean 'user_id'?"),
        ("email =", "emial =", "m.toml:5", "unknown identifier kind 'emial': did you mean 'email'?"),
        ('"epoch_s"', '"epoch_sec"', "m.toml:13", "unknown format 'epoch_sec': did you mean 'epoch_s'?"),
        ('"epoch_s"', '"iso", timezone = "Europe/Pari"', "m.toml:13", "unknown time zone 'Europe/Pari'"),
        ('"epoch_s"', '"iso", timezone = "../../etc/passwd"', "m.toml:13", "unknown time zone"),
        ('type = "text"', 'type = "txt"', "m.toml:15", "did you mean 'text'? Allowed: text, number, integer"),
        ('type = "text"', 'typ = "text"', "m.toml:15", "unknown field 'typ': did you mean 'type'?"),
        ('column = "no", ', "", "m.toml:15", "give a column or a value"),
        ('name = "Delivery Made"\n', "", "m.toml:11", "a track event needs a name"),
        ('timestamp = { column = "at" }\n', "", "m.toml:7", "events[0] lacks 'timestamp'"),
        ('channel = "store"', 'basis = "measurment"', "m.toml:2", "did you mean 'measurement'?"),
        ('channel = "store"', 'delimiter = ";;"', "m.toml:2", "it must be one character"),
        ('channel = "store"', 'source = "_ariane"', "m.toml:2", "cannot name a source"),
        ('channel = "store"', "skip = [{ column = 'a' }]", "m.toml:2", "exactly one test"),
        ('channel = "store"', "context = { 'channel.x' = 'a' }", "m.toml:2", "something else stands under that name"),
        ('channel = "store"', "channel = 3", "m.toml:2", "channel"),
        ('channel = "store"', "channel = ", "m.toml", "not TOML"),
    ],
)
def test_a_mistake_is_answered_with_its_place_and_the_way_out(old: str, new: str, where: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(InputError) as caught:
        parse_mapping(GOOD.replace(old, new), "m.toml")
    assert str(caught.value).startswith(f"{where}: ") and says in str(caught.value)


def test_no_events_and_no_file(tmp_path: object) -> None:
    with pytest.raises(InputError, match="no event is described"):
        parse_mapping("events = []")
    with pytest.raises(NotFound, match="proposed from the first rows"):
        read_mapping("nowhere/mapping.toml")


def test_a_workspace_may_know_more_kinds() -> None:
    text = GOOD.replace("email =", "badge =")
    with pytest.raises(InputError, match="unknown identifier kind 'badge'"):
        parse_mapping(text)
    assert parse_mapping(text, kinds=(*KINDS, "badge")).identifiers == {"badge": "mail"}


TOGETHER = """
import importlib, msgspec, sys, threading, tomllib
from ariane.ingest import grammar, mapping
raw = tomllib.loads(sys.argv[1])
sys.setswitchinterval(1e-6)
for _ in range(400):
    importlib.reload(grammar), importlib.reload(mapping)
    begin = threading.Barrier(6)
    def read():
        begin.wait()
        msgspec.convert(raw, mapping.Mapping)
    threads = [threading.Thread(target=read) for _ in range(6)]
    [thread.start() for thread in threads], [thread.join() for thread in threads]
"""


def test_threads_that_read_their_first_mapping_together_do_not_end_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", TOGETHER, GOOD], capture_output=True, timeout=120)
    assert done.returncode == 0, (done.returncode, done.stderr[-500:])
