"""The pages in a real browser: errors, requests, refreshing, phone width, hostile strings."""

import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from palio.records.rows import NewSubmission
from palio.records.store import Records
from palio.server.app import create_app
from tests.server.season import BACKWARDS, ENTRIES, HOSTILE, content_digest, play_season

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt install chromium)")


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    entries = tuple(
        replace(entry, name=name)
        for entry, name in zip(ENTRIES[:4], (HOSTILE, BACKWARDS, "x" * 60, "drago"), strict=True)
    )
    with play_season(tmp_path_factory.mktemp("hostile"), entries=entries) as found:
        yield found


@pytest.fixture(scope="module")
def url(records: Records) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(records), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listening.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Watched:
    """A page whose complaints and requests are written down."""

    def __init__(self, browser: Browser, **options: object) -> None:
        self.page: Page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))


def test_board_draws_without_complaint_or_request_elsewhere(browser: Browser, url: str) -> None:
    watched = Watched(browser)
    watched.page.goto(f"{url}/c/DEMO")
    expect(watched.page.locator("#rows tr")).to_have_count(4)
    expect(watched.page.locator("#history canvas")).to_be_visible()
    assert watched.complaints == []
    assert all(each.startswith(url) for each in watched.asked), watched.asked


@pytest.mark.parametrize("path", ["/", "/c/DEMO", "/c/DEMO/rounds/20", "/s/{}", "/docs", "/none"])
def test_page_on_a_phone_never_scrolls_sideways(browser: Browser, url: str, path: str) -> None:
    watched = Watched(browser, viewport={"width": 380, "height": 800})
    watched.page.goto(url + path.format(content_digest("x" * 60)))
    for summary in watched.page.locator("summary").all():
        summary.click()
    wide, room = watched.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= room
    assert [each for each in watched.complaints if "404" not in each] == []


def test_hostile_strings_run_nothing(browser: Browser, url: str) -> None:
    watched = Watched(browser)
    for path in ("/c/DEMO", f"/s/{content_digest(HOSTILE)}", "/c/DEMO/rounds/10"):
        watched.page.goto(url + path)
        assert "owned" not in watched.page.title().replace(HOSTILE, "")
        assert watched.page.locator("main script").count() == 0
        expect(watched.page.get_by_text("<script>").first).to_be_attached()
    assert watched.complaints == []


def test_text_that_runs_backwards_stays_inside_its_name(browser: Browser, url: str) -> None:
    watched = Watched(browser)
    watched.page.goto(f"{url}/c/DEMO")
    name = watched.page.locator("#rows bdi", has_text="gnp")
    assert name.evaluate("one => getComputedStyle(one).unicodeBidi") in {
        "isolate",
        "isolate-override",
    }


def test_standings_refresh_by_themselves(browser: Browser, url: str, records: Records) -> None:
    watched = Watched(browser)
    watched.page.clock.install()
    watched.page.goto(f"{url}/c/DEMO")
    expect(watched.page.locator("#rows tr")).to_have_count(4)
    records.add_submission(
        NewSubmission("f" * 64, "late", "someone", 33, 99, "D", "siena", "late", "0" * 40, "x")
    )
    watched.page.clock.run_for(10_500)
    expect(watched.page.locator("#rows tr")).to_have_count(5)
    assert watched.complaints == []


def test_board_reads_without_scripts(browser: Browser, url: str) -> None:
    watched = Watched(browser, java_script_enabled=False)
    watched.page.goto(f"{url}/c/DEMO")
    expect(watched.page.locator("tr.row-champion")).to_be_visible()
    expect(watched.page.locator(".hero-name")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(browser: Browser, url: str, scheme: str) -> None:
    watched = Watched(browser, color_scheme=scheme)
    watched.page.goto(f"{url}/c/DEMO")
    ratios = watched.page.evaluate((Path(__file__).parent / "contrast.js").read_text())
    assert ratios, "some text was measured"
    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}
