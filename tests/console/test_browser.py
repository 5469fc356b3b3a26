"""The screens in a browser: readable by everybody, at every width, in both themes, with the keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.console.conftest import HOSTILE, Site

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (360, 1280, 2560)
THEME_RULES = ["color-contrast"]
"""The rules whose answer a theme can change."""

FULL = (
    "/", "/people?q=order completed", "/people/PERSON", "/people/PERSON/decide?do=split&PAIR",
    "/identity", "/journeys", "/journeys?open=step:searches", "/live", "/live?open=PLACE",
    "/sources", "/sources?open=till&channel=store", "/sources/import?file=till.csv", "/plan",
    "/plan?open=Order Completed", "/planted", "/nowhere",
)  # fmt: skip
EMPTY = ("/", "/people", "/journeys", "/live", "/sources", "/sources/import", "/plan")

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A fresh page that remembers what went wrong on it."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-GB", reduced_motion="reduce")
    opened.wrong = []
    opened.on("console", lambda said: opened.wrong.append(said.text) if said.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: opened.wrong.append(str(error)))
    opened.on("dialog", lambda dialog: opened.wrong.append(f"dialog {dialog.message}"))
    yield opened
    opened.close()


def visit(page: Any, site: Site, where: str) -> None:
    """Go there, and wait until it has been measured."""
    where = where.replace("PERSON", site.person()) if "PERSON" in where else where
    if "PAIR" in where:
        page_of = site.get(where.partition("/decide")[0]).text
        a, b = re.findall(r'<option value="([0-9a-f]{16})"', page_of)[:2]
        where = where.replace("PAIR", f"a={a}&b={b}")
    if "PLACE" in where:
        found = re.search(r"open=([^\"&]+)", site.get("/live?status=accepted").text)
        assert found
        where = where.replace("PLACE", found[1])
    page.goto(site.address + where, wait_until="load")
    page.wait_for_selector("h1")
    page.wait_for_selector("[data-measuring]", state="detached", timeout=120_000)


@pytest.fixture(scope="module")
def walker(browser: Any) -> Iterator[Any]:
    """One page that goes everywhere."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-GB", reduced_motion="reduce")
    opened.wrong = []
    opened.on("console", lambda said: opened.wrong.append(said.text) if said.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: opened.wrong.append(str(error)))
    yield opened
    opened.close()


@pytest.mark.parametrize("where", FULL)
def test_everybody_can_read_a_full_screen(walker: Any, town_site: Site, where: str) -> None:
    if "till.csv" in where:
        from ariane.ingest.sources import sample_of

        (town_site.path / "inbox").mkdir(exist_ok=True)
        (town_site.path / "inbox" / "till.csv").write_text(sample_of("till"), encoding="utf-8")
    readable(walker, town_site, where)


@pytest.mark.parametrize("where", EMPTY)
def test_everybody_can_read_an_empty_screen(walker: Any, empty_site: Site, where: str) -> None:
    readable(walker, empty_site, where)


def readable(page: Any, site: Site, where: str) -> None:
    """In both languages, both themes and at every width: nothing to complain of, nothing that scrolls sideways."""
    page.wrong.clear()
    for lang in ("en", "fr"):
        visit(page, site, where + ("&" if "?" in where else "?") + f"lang={lang}")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        for place, width in enumerate(WIDTHS):
            page.set_viewport_size({"width": width, "height": 900})
            # What a theme cannot change is looked at in one of them, a different one at the next width; and what only
            # a theme changes is the same in the other language.
            themes = ("light", "dark") if (place + (lang == "fr")) % 2 else ("dark", "light")
            for rules, theme in zip((RULES, THEME_RULES) if lang == "en" else (RULES,), themes, strict=False):
                page.emulate_media(color_scheme=theme, reduced_motion="reduce")
                fits = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
                assert fits, f"{width} px scrolls sideways"
                kind = "rule" if rules is THEME_RULES else "tag"
                asked = {"runOnly": {"type": kind, "values": rules}, "resultTypes": ["violations"]}
                found = page.evaluate("(asked) => axe.run(document, asked)", asked)
                told = [(one["id"], [node["html"][:160] for node in one["nodes"][:3]]) for one in found["violations"]]
                assert not told, f"{lang}, {width} px, {theme}"
    assert [said for said in page.wrong if "404" not in said or where != "/nowhere"] == []


def test_the_map_is_walked_with_the_arrows_and_opened_with_enter(page: Any, town_site: Site) -> None:
    visit(page, town_site, "/journeys?range=all")
    cell = page.locator(".map .cell").first
    cell.focus()
    first = cell.get_attribute("aria-label")
    for key in ("ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    second = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert second and second != first
    page.keyboard.press("Enter")
    page.wait_for_selector("#drawer:popover-open h2")
    assert "open=" in page.url
    assert page.evaluate("document.getElementById('drawer').contains(document.activeElement)")
    page.keyboard.press("Escape")
    page.wait_for_selector("#drawer:popover-open", state="detached")
    page.wait_for_function("() => !location.search.includes('open=')")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == second
    assert not page.wrong


def test_an_address_with_an_open_drawer_opens_it(page: Any, town_site: Site) -> None:
    visit(page, town_site, "/journeys?range=all&open=step:searches")
    page.wait_for_selector("#drawer:popover-open h2")
    person = page.locator("#drawer a.pid").first
    person.click()
    page.wait_for_url("**/people/P-*")
    page.go_back()
    page.wait_for_selector("#drawer:popover-open h2")


def test_keys_go_everywhere(page: Any, town_site: Site) -> None:
    visit(page, town_site, "/live")
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.wait_for_url("**/people*")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.keyboard.type("gp?")  # typed, not obeyed
    assert "/people" in page.url and not page.locator("#help:popover-open").count()
    page.keyboard.press("Tab")
    page.keyboard.press("?")
    page.wait_for_selector("#help:popover-open")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.wait_for_url("**/journeys*")


def test_the_first_tab_skips_to_the_content(page: Any, town_site: Site) -> None:
    visit(page, town_site, "/people")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.id === 'content'")


def test_a_choice_is_in_the_address_and_back_undoes_it(page: Any, town_site: Site) -> None:
    visit(page, town_site, "/journeys?range=all")
    before = page.locator(".bar .sub").inner_text()
    page.locator("select[name=range]").select_option("28d")
    page.wait_for_url("**range=28d*")
    page.wait_for_function("(before) => document.querySelector('.bar .sub')?.innerText !== before", arg=before)
    assert "range=28d" in page.locator(".rail [data-go=p]").get_attribute("href")
    page.go_back()
    page.wait_for_function("(before) => document.querySelector('.bar .sub')?.innerText === before", arg=before)
    assert page.locator("select[name=range]").input_value() == "all"
    assert not page.wrong


def test_sharing_copies_the_address(page: Any, town_site: Site) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit(page, town_site, "/people?sort=n_events")
    page.get_by_role("button", name="Share").click()
    page.wait_for_function("() => document.querySelector('share-link').innerText.includes('Link copied')")
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_the_search_answers_while_one_types(page: Any, town_site: Site) -> None:
    visit(page, town_site, "/people")
    person = town_site.person()
    page.locator("input[type=search]").press_sequentially(person, delay=5)
    page.wait_for_function("() => document.querySelectorAll('#found tbody tr').length === 1")
    assert f"q={person}" in page.url
    assert not page.wrong


def test_a_paused_feed_waits_and_then_catches_up(page: Any, town_site: Site) -> None:
    from ariane.store import SegmentLog
    from tests.console.conftest import event

    visit(page, town_site, "/live")
    page.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(700)
    with SegmentLog(town_site.path / "log").writer("browser") as writer:
        writer.append([event(event="While Paused", anonymous_id="browser-1")])
    page.wait_for_function("() => document.querySelector('[data-pause]').innerText.includes('1')")
    assert not page.get_by_text("While Paused").count()
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("While Paused").wait_for()


def test_hostile_words_run_nothing(page: Any, hostile_site: Site) -> None:
    for where in ("/", "/people", "/people/PERSON", "/journeys?range=all", "/live", "/sources"):
        visit(page, hostile_site, where)
        page.set_viewport_size({"width": 360, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), where
        assert page.evaluate("document.querySelectorAll('script:not([src]), img').length") == 0
    assert not page.wrong
    assert HOSTILE[0] in page.content() or page.get_by_text("<script>").count()


def test_what_is_typed_narrows_at_once(page: Any, town_site: Site) -> None:
    for where, field in (("/people", "q"), ("/live", "q"), ("/people/PERSON", "text")):
        visit(page, town_site, where)
        page.fill(f"input[name={field}]", "order completed")
        page.wait_for_function(f"() => location.search.includes('{field}=order')")
    assert not page.wrong
