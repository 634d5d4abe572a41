"""The pages as HTML: what they say without scripts, and that every string is only text."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from palio.clock import ManualClock
from palio.records.rows import NewSubmission
from palio.records.store import Records
from palio.server.app import create_app
from palio.server.headers import FIXED
from tests.server.season import BACKWARDS, HOSTILE, content_digest, demo

PAGES = (
    "/",
    "/c/DEMO",
    "/c/DEMO/table",
    "/c/DEMO/rounds/20",
    f"/s/{content_digest('civetta')}",
    f"/s/{content_digest('leocorno')}",
    "/docs",
)


class Links(HTMLParser):
    """Collects tags, and what they load or link to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def tags_of(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Links()
    parser.feed(html)
    return parser.tags


@pytest.mark.parametrize("path", PAGES)
def test_page_is_whole_and_nothing_in_it_is_inline_or_from_elsewhere(
    client: TestClient, path: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    for tag, attributes in tags_of(answer.text):
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        assert tag != "style"
        if tag == "script":
            assert (attributes["src"] or "").startswith("/static/")
        for name in ("src", "href"):
            assert not (attributes.get(name) or "").startswith(("http:", "https:", "//", "data:"))


def test_every_link_leads_somewhere(client: TestClient) -> None:
    targets = {
        attributes[name] or ""
        for path in PAGES
        for _, attributes in tags_of(client.get(path).text)
        for name in ("src", "href")
        if name in attributes
    }
    assert len(targets) > 30
    for target in targets:
        assert target.startswith("#") or client.get(target).status_code == 200, target


@pytest.mark.parametrize("path", [*PAGES, "/nowhere", "/api/v1/competitions", "/static/palio.css"])
def test_every_answer_has_the_fixed_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert {name: headers.get(name) for name in FIXED} == FIXED
    assert "unsafe" not in headers["content-security-policy"]


def test_board_tells_the_standings_without_scripts(client: TestClient) -> None:
    html = client.get("/c/DEMO").text
    assert "Champion since block 20" in html
    assert html.count("<tr id=") == 8
    assert "E_ST_NONFINITE" in html
    assert "Look for a diverged training run" in html
    assert "takes the crown from aquila" in html


def test_standings_are_not_sent_again_while_nothing_changes(client: TestClient) -> None:
    first = client.get("/c/DEMO/table")
    again = client.get("/c/DEMO/table", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304


def test_submission_shows_its_worst_samples_with_the_right_answers(client: TestClient) -> None:
    html = client.get(f"/s/{content_digest('civetta')}").text
    assert html.count('<details class="worst-task">') == 5
    assert "<dt>right</dt>" in html
    assert "<dt>broken 1</dt>" in html


def test_a_challenger_is_told_why_and_an_unknown_digest_is_not(client: TestClient) -> None:
    digest = content_digest("bruco")
    assert f'href="/s/{digest}/why"' in client.get(f"/s/{digest}").text
    html = client.get(f"/s/{digest}/why").text
    assert "bruco</bdi> against <bdi>civetta" in html
    assert "Part of the lead" in html
    assert "style=" not in html, "the policy allows nothing inline"
    assert client.get(f"/s/{'0' * 64}/why").status_code == 404
    assert client.get(f"/s/{content_digest('leocorno')}/why").status_code == 404


def test_round_page_says_how_to_verify_it(client: TestClient, season: Records) -> None:
    html = client.get("/c/DEMO/rounds/20").text
    found = season.rounds("DEMO")[1]
    assert str(found.seed) in html
    assert f"/api/v1/evidence/{found.samples_evidence}" in html
    assert "palio verify" in html


def test_missing_page_is_a_page_with_a_sentence(client: TestClient) -> None:
    answer = client.get("/c/NOPE")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "no competition is called &#39;NOPE&#39;; known: DEMO" in answer.text


def test_names_in_addresses_are_only_text(client: TestClient) -> None:
    assert HOSTILE not in client.get(f"/c/{HOSTILE.replace('/', '')}").text
    assert "<script>" not in client.get("/s/<script>").text


def test_page_of_no_competition_says_what_to_do(tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 7, 2, tzinfo=UTC))
    with Records.open(f"sqlite:///{tmp_path / 'r.db'}", tmp_path, clock) as records:
        html = TestClient(create_app(records)).get("/").text
    assert "palio demo" in html


@pytest.mark.parametrize("name", [HOSTILE, BACKWARDS, "x" * 60, "{{ 7 * 7 }}", '" onload="x'])
def test_hostile_names_are_only_text(tmp_path: Path, name: str) -> None:
    client, commitment = with_submission_named(tmp_path, name)
    for path in ("/", "/c/DEMO", f"/s/{commitment}"):
        html = client.get(path).text
        assert "<script>document" not in html
        assert "49" not in html or "{{ 7 * 7 }}" not in name
        assert all("onload" not in attributes for _, attributes in tags_of(html))


def with_submission_named(folder: Path, name: str) -> tuple[TestClient, str]:
    clock = ManualClock(datetime(2026, 7, 2, tzinfo=UTC))
    records = Records.open(f"sqlite:///{folder / 'records.db'}", folder / "evidence", clock)
    competition = demo().model_copy(update={"description": name})
    records.open_round(competition, sync_block=10, seed=1)
    records.add_submission(
        NewSubmission("a" * 64, name, name, 3, 1, "D", name, name, "0" * 40, name)
    )
    return TestClient(create_app(records)), "a" * 64
