"""Every screen, in both languages, full, hostile and empty: complete, safe, and the same for the same address."""

from __future__ import annotations

import csv
import io
import re

import httpx
import pytest

from tests.console.conftest import HOSTILE, Site, serving

SCREENS = ("/", "/people", "/identity", "/journeys", "/live", "/sources", "/sources/import", "/plan", "/planted")
PAGES = (
    *SCREENS,
    "/people/PERSON",
    "/people?q=a",
    "/people?q=order completed&state=merged",
    "/people/PERSON?channel=web&text=product&since=2020-01-01",
    "/people/PERSON/decide?do=merge&q=example",
    "/journeys?range=all&open=step:pays",
    "/people/PERSON?reveal=support",
)
SHEETS = (
    "/people.csv", "/channels.csv", "/sources.csv", "/plan.csv",
    "/plan/quarantine.csv", "/planted.csv", "/journeys/steps.csv", "/journeys/touchpoints.csv",
    "/journeys/findings.csv", "/journeys/behind.csv?open=step:searches", "/people/PERSON/timeline.csv",
    "/people/PERSON/identifiers.csv", "/people/PERSON/evidence.csv",
    "/people.csv?q=order completed", "/identity/counts.csv", "/identity/shared.csv", "/identity/refused.csv",
    "/identity/changes.csv",
)  # fmt: skip


def at(site: Site, where: str) -> str:
    return where.replace("PERSON", site.person()) if "PERSON" in where else where


def plus(where: str, query: str) -> str:
    return where + ("&" if "?" in where else "?") + query


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize("where", PAGES)
def test_a_screen_is_whole(town_site: Site, where: str, lang: str) -> None:
    answer = town_site.get(plus(at(town_site, where), f"lang={lang}"))
    assert answer.status_code == 200
    assert f'<html lang="{lang}"' in answer.text
    assert answer.text.count("<h1") == 1
    assert (
        "Undefined" not in answer.text and "%(" not in answer.text and "None" not in re.sub(r"<[^>]*>", "", answer.text)
    )


@pytest.mark.parametrize("where", ["/", "/people", "/identity", "/journeys", "/live", "/sources/import"])
def test_an_empty_workspace_names_the_next_command(empty_site: Site, where: str) -> None:
    answer = empty_site.get(where)
    assert answer.status_code == 200
    assert re.search(r'class="cmd"[^>]*>.*?ariane \w+', answer.text, re.DOTALL)


@pytest.mark.parametrize(
    "where", [*(page for page in PAGES if "planted" not in page), "/journeys?open=step:order_completed"]
)
def test_hostile_words_stay_words(hostile_site: Site, where: str) -> None:
    for lang in ("en", "fr"):
        answer = hostile_site.get(plus(at(hostile_site, where), f"lang={lang}&range=all"))
        assert answer.status_code in (200, 404)
        for text in ("<script>alert", "<img src=x", "><b>"):
            assert text not in answer.text
        assert 'href="javascript:' not in answer.text


def test_a_hostile_address_stays_an_address(town_site: Site) -> None:
    for text in (*HOSTILE, "\x00", "a" * 5_000):
        for query in (
            "q",
            "segment",
            "open",
            "range",
            "sort",
            "page",
            "lang",
            "theme",
            "channel",
            "since",
            "reveal",
            "kind",
            "state",
        ):
            for screen in ("/people", "/live"):
                answer = town_site.client.get(screen, params={query: text})
                assert answer.status_code in (200, 400, 404), (screen, query, text)
                assert "<script>alert" not in answer.text and "<img src=x" not in answer.text


@pytest.mark.parametrize("where", SHEETS)
def test_every_table_can_be_taken_along(town_site: Site, where: str) -> None:
    answer = town_site.get(at(town_site, where))
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert rows and all(len(row) == len(rows[0]) for row in rows)


def test_no_sheet_runs_a_formula(hostile_site: Site) -> None:
    for where in (
        "/people.csv?reveal=support",
        "/people/PERSON/timeline.csv",
        "/people/PERSON/identifiers.csv?reveal=support",
    ):
        text = hostile_site.get(at(hostile_site, where)).content.decode("utf-8-sig")
        for row in csv.reader(io.StringIO(text, newline="")):
            for cell in row:
                assert not cell.startswith(("=", "+", "@")) and not (cell.startswith("-") and not _number(cell))


def _number(cell: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", cell) is not None


def test_every_answer_is_guarded(town_site: Site) -> None:
    for where in ("/", "/nowhere", "/people.csv", "/static/style.css"):
        headers = town_site.get(where).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "script-src" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


def test_no_script_stands_in_a_page(town_site: Site) -> None:
    for where in PAGES:
        text = town_site.get(at(town_site, where)).text
        assert not re.search(r"<script(?![^>]*\bsrc=)", text)
        assert not re.search(r"\son\w+=", text)
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text)


@pytest.mark.parametrize("origin", [None, "http://elsewhere.example", "null"])
def test_what_comes_from_elsewhere_changes_nothing(town_site: Site, origin: str | None) -> None:
    headers = {"origin": origin} if origin else {}
    assert town_site.client.post("/people", headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("where", "status"),
    [
        ("/nowhere", 404), ("/people/P-NOBODY", 404), ("/journeys?since=yesterday", 400),
        ("/journeys?since=2026-05-02&until=2026-05-01", 400), ("/journeys?segment=colour:red", 400),
        ("/journeys?open=what", 400), ("/journeys?open=step:nothing", 404), ("/journeys?open=finding:none", 404),
        ("/people/P-X/nothing.csv", 404), ("/identity/nothing.csv", 404), ("/people/PERSON/decide?do=doubt", 400),
        ("/people/PERSON/decide?do=split&a=1&b=2", 400), ("/people/PERSON?a=0000000000000001&b=0000000000000002", 404),
        ("/people/PERSON/decide?do=split&a=0000000000000001&b=0000000000000002", 404),
        ("/people/PERSON?since=May", 400),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_said_in_the_look(town_site: Site, where: str, status: int) -> None:
    answer = town_site.get(at(town_site, where))
    assert answer.status_code == status
    assert 'class="rail"' in answer.text and "Back to the overview" in answer.text


def test_no_workspace_is_no_reason_to_break(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with serving(tmp_path / "nothing") as address:
        for where in SCREENS:
            answer = httpx.get(address + where, timeout=30)
            assert answer.status_code == 404
            assert "ariane init" in answer.text


def test_found_vs_planted_is_for_demos(empty_site: Site) -> None:
    assert "/planted" not in empty_site.get("/").text
    assert empty_site.get("/planted").status_code == 404


def test_the_same_address_shows_the_same(town_site: Site) -> None:
    for where in ("/journeys?range=28d&lang=fr", "/people?sort=n_events&page=2", "/planted"):
        assert town_site.get(where).text == town_site.get(where).text


def test_links_keep_what_was_chosen(town_site: Site) -> None:
    text = town_site.get("/journeys?range=28d&lang=fr&theme=dark").text
    assert 'data-theme="dark"' in text
    for place in re.findall(r'class="item" href="([^"]+)"', text):
        assert "range=28d" in place and "lang=fr" in place and "theme=dark" in place


def test_the_browser_s_language_is_spoken_unless_the_address_says_otherwise(town_site: Site) -> None:
    assert '<html lang="fr"' in town_site.get("/people", **{"accept-language": "fr-CA,fr;q=0.9"}).text
    assert '<html lang="en"' in town_site.get("/people?lang=en", **{"accept-language": "fr"}).text


def test_nobody_s_identifiers_are_shown_without_a_reason(town_site: Site) -> None:
    where = f"/people/{town_site.person()}"
    clear = csv.DictReader(io.StringIO(town_site.get(where + "/identifiers.csv?reveal=support").text.lstrip("\ufeff")))
    values = [row["value"].removeprefix("'") for row in clear if len(row["value"]) > 5]
    assert values
    two = re.findall(r'<option value="([0-9a-f]{16})"', town_site.get(where).text)[:2]
    pair = f"a={two[0]}&b={two[1]}"
    hidden = ("/identity", "/identity/shared.csv", f"{where}?{pair}", f"{where}/decide?do=split&{pair}")
    for masked in (
        where, where + "/identifiers.csv", where + "/evidence.csv", "/people", "/people?reveal=curiosity", *hidden
    ):  # fmt: skip
        shown = town_site.get(masked).text
        assert not [value for value in values if value in shown]
    assert all(value in town_site.get(where + "?reveal=support").text for value in values[:3])


def test_a_person_is_found_by_anything_known_of_them(town_site: Site) -> None:
    person = town_site.person()
    sheet = town_site.get(f"/people/{person}/identifiers.csv?reveal=support").text.lstrip("\ufeff")
    rows = csv.DictReader(io.StringIO(sheet))
    values = [row["value"].removeprefix("'") for row in rows if row["status"] == "live"]
    for asked in (*values[:4], person):
        assert f"/people/{person}" in town_site.client.get("/people", params={"q": asked}).text


def test_few_persons_are_a_count(town_site: Site) -> None:
    """A cell of fewer persons than the least lists nobody, in the drawer and in its sheet."""
    rows = list(csv.DictReader(io.StringIO(town_site.get("/journeys/touchpoints.csv?range=all").text.lstrip("\ufeff"))))
    assert rows and all(int(row["n_persons"]) >= 5 for row in rows)
    few = re.findall(r'class="cell few-n"[^>]*href="([^"]+)"', town_site.get("/journeys?range=all").text)
    for href in few[:2]:
        assert "/people/P-" not in re.split(r'id="drawer"', town_site.get(href.replace("&amp;", "&")).text)[1]
