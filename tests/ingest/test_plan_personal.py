"""The detector of personal data: finds what it should, and leaves numbers that only look so alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ariane.ingest.plan.personal import is_card, is_iban, is_nir, luhn, signs
from ariane.ingest.plan.suspecting import Suspicion, declared_in, looked_at, suspicions
from ariane.model import Event


def found(
    values: list[Any], field: str = "note", declared: Any = None, where: str = "properties"
) -> tuple[Suspicion, ...]:
    made = [
        Event(
            event_id=str(n), message_id="", source="s", type="track", name="X", channel="", occurred_us=0,
            received_us=0, **{where: {field: value}},
        )
        for n, value in enumerate(values)
    ]  # fmt: skip
    return suspicions(looked_at(made), declared)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("ana@example.org", "email"), ("Ana.Diaz+lamp@mail.example.co.uk", "email"),
        ("write to ana@example.org!", "email"),
        ("+33 6 12 34 56 78", "phone"), ("06 12 34 56 78", "phone"), ("06.12.34.56.78", "phone"),
        ("+14155550132", "phone"),
        ("call 01-42-68-53-00 please", "phone"),
        ("4111 1111 1111 1111", "card"), ("5555-5555-5555-4444", "card"), ("3782 822463 10005", "card"),
        ("my card is 4111111111111111", "card"),
        ("FR14 2004 1010 0505 0001 3M02 606", "iban"), ("DE89370400440532013000", "iban"), ("NO9386011117947", "iban"),
        ("2 69 05 49 588 157 80", "nir"), ("1 85 05 2A 123 456 " + f"{97 - 1850519123456 % 97:02d}", "nir"),
        ("2001:4860:4860::8888", None), ("icon@2x.png", None), ("v1.2.3", None), ("2026-10-01T10:00:00Z", None),
        ("12345678", None), ("ORD-2026-000123", None), ("1 234 567 890 €", None), ("@lampe", None), ("a@b", None),
        ("4111 1111 1111 1112", None), ("FR14 2004 1010 0505 0001 3M02 607", None), ("+48.8566123", None),
        ("FF00::", None), ("10.0.0.1", None), ("", None), (True, None), (None, None), (1.5, None),
    ],
)  # fmt: skip
def test_one_value(value: Any, kind: str | None) -> None:
    assert [one.kind for one in found([value])] == ([kind] if kind else [])


@pytest.mark.parametrize(
    ("field", "values", "kind"),
    [
        ("card_number", ["4111111111111111"], "card"),
        ("reference", ["4111111111111111", "5555555555554444", "378282246310005"], "card"),
        ("telephone", ["0612345678", "0712345679"], "phone"),
        ("order", ["0612345678", "0712345679"], None),
        ("client_ip", ["81.2.69.142"], "ip"),
        ("firmware_version", ["81.200.69.142"] * 5, None),
    ],
)
def test_a_field_is_judged_by_its_name_and_all_its_values(field: str, values: list[str], kind: str | None) -> None:
    assert [one.kind for one in found(values, field)] == ([kind] if kind else [])


def test_examples_are_masked_and_values_are_nowhere() -> None:
    seen = found(["ana.diaz@example.org", "4111 1111 1111 1111", "+33612345678"])
    assert {one.kind: one.example for one in seen} == {"email": "a…@….org", "card": "…1111", "phone": "+33…78"}
    assert not any(secret in str(seen) for secret in ("diaz", "4111 1111", "612345"))


def test_identifiers_and_declared_fields_are_no_surprise() -> None:
    address = ["ana@example.org"]
    assert (
        not found(address, "email")
        and not found(["+33612345678"], "phone")
        and not found(["81.2.69.142"], "ip", where="context")
    )
    assert found(address, "friend_email") and found(address, "email", where="context")[0].field == "context.email"
    schema = {"properties": {"properties": {"properties": {"friend_email": {"type": "string", "x-personal": "email"}}}}}
    from ariane.ingest.plan import planned

    assert not found(address, "friend_email", {planned("X"): declared_in(schema)})


def test_nested_fields_lists_and_names_are_looked_at() -> None:
    made = Event(
        event_id="", message_id="", source="s", type="track", name="Mailed to ana@example.org", channel="",
        occurred_us=0, received_us=0, properties={"a": {"b": [{"c": "bo@example.org"}]}},
        context={"page": {"url": "/?m=cy@example.org"}},
    )  # fmt: skip
    assert {one.field for one in suspicions(looked_at([made]))} == {"event", "properties.a.b[].c", "context.page.url"}


@given(st.text(max_size=60))
def test_no_text_breaks_the_detector(text: str) -> None:
    assert list(signs(text)) is not None


@given(st.integers(10**14, 10**15 - 1))
def test_one_digit_completes_a_number(body: int) -> None:
    assert sum(luhn(f"{body}{digit}") for digit in range(10)) == 1


@pytest.mark.parametrize(
    ("check", "good"), [(is_card, "4012888888881881"), (is_iban, "GB29NWBK60161331926819"), (is_nir, "269054958815780")]
)
def test_a_wrong_digit_is_seen(check: Callable[[str], bool], good: str) -> None:
    assert check(good)
    for at in range(4, len(good)):
        if good[at].isdigit():
            assert not check(good[:at] + str((int(good[at]) + 1) % 10) + good[at + 1 :])


NUMBERS: dict[str, Callable[[random.Random, int], Any]] = {
    "sequence": lambda rng, n: str(10_000_000 + 7 * n),
    "padded": lambda rng, n: f"{123_456 + 17 * n:010d}",
    "random 13": lambda rng, n: str(rng.randrange(10**12, 10**13)),
    "random 15": lambda rng, n: str(rng.randrange(10**14, 10**15)),
    "random 16": lambda rng, n: str(rng.randrange(10**15, 10**16)),
    "random 16, whole numbers": lambda rng, n: rng.randrange(10**15, 10**16),
    "sequence within an issuer's range": lambda rng, n: str(4_970_000_000_000_000 + n),
    "EAN of a German maker": lambda rng, n: f"4{rng.randrange(10**11, 10**12)}",
    "milliseconds": lambda rng, n: 1_795_338_000_000 + 977 * n,
    "hexadecimal": lambda rng, n: f"{rng.getrandbits(64):016x}",
    "parcel": lambda rng, n: f"JD{rng.randrange(10**14, 10**15)}",
    "place": lambda rng, n: f"+{rng.random() * 90:.7f}",
    "version": lambda rng, n: f"{rng.randrange(9)}.{rng.randrange(20)}.{rng.randrange(20)}.{rng.randrange(20)}",
    "invoice": lambda rng, n: f"2026-11-{rng.randrange(10**6):06d}",
}


def test_order_numbers_are_not_cards() -> None:
    rng = random.Random(5)
    wrong = [
        (name, size)
        for size in (1, 3, 30, 300)
        for name, make in NUMBERS.items()
        for _ in range(10 if size < 100 else 2)
        if found([make(rng, rng.randrange(10**5)) for _ in range(size)], "order_number")
    ]
    n_fields = len(NUMBERS) * 32
    assert len(wrong) / n_fields < 0.005, wrong


@pytest.mark.needs("data")
def test_real_data_sets_raise_no_false_alarm(shared_data: Path) -> None:
    """Tables of orders, calls, money and clicks: among 100 columns nothing is taken for personal that is not."""
    import duckdb

    wrong, n_columns = [], 0
    for name in (
        "olist_sample",
        "online_retail",
        "bank_marketing",
        "call_centre_feb1999",
        "cdnow",
        "telco",
        "fitbit_daily",
    ):
        for file in sorted((shared_data / name).glob("*.csv*")):
            read = f"SELECT * FROM read_csv('{file}', all_varchar = true, ignore_errors = true) LIMIT 500"
            rows = duckdb.connect().sql(read).to_arrow_table()
            for column in rows.column_names:
                n_columns += 1
                values = [value for value in rows.column(column).to_pylist() if value is not None]
                wrong += [(file.name, column, one.kind) for one in found(values, column)]
    assert n_columns >= 100 and wrong in ([], [("olist_sellers.csv.gz", "seller_city", "email")]), wrong
