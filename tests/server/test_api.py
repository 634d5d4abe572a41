"""The HTTP API over real records."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from palio.clock import ManualClock
from palio.competition.loading import find
from palio.contest.reading import verdict_from_json
from palio.evaluation.scorecard import scorecard_from_json
from palio.ledger.local import LocalLedger
from palio.records.store import Records
from palio.server.app import UNAVAILABLE, create_app
from palio.server.openapi import description
from tests.server.season import content_digest, demo, play_season

API = "/api/v1"


def test_competitions_are_listed_with_their_champions(client: TestClient) -> None:
    (found,) = client.get(f"{API}/competitions").json()
    assert (found["name"], found["champion_name"], found["rounds"]) == ("DEMO", "civetta", 3)


def test_board_is_what_the_command_prints(client: TestClient, season: Records) -> None:
    board = client.get(f"{API}/competitions/DEMO/board").json()
    assert board["champion"] == content_digest("civetta")
    assert [row["rank"] for row in board["rows"]] == [1, 2, 3, 4, None, None, None, None]
    assert board["last_round"]["seed"] == str(season.rounds("DEMO")[-1].seed)


def test_definition_is_that_of_the_round_in_force(client: TestClient, season: Records) -> None:
    answer = client.get(f"{API}/competitions/DEMO", params={"block": 25}).json()
    assert answer["digest"] == season.rounds("DEMO")[1].competition_digest
    assert answer["definition"]["name"] == "DEMO"


def test_round_carries_a_readable_verdict_and_its_evidence(client: TestClient) -> None:
    answer = client.get(f"{API}/competitions/DEMO/rounds/20").json()
    verdict = verdict_from_json(answer["verdict"])
    assert verdict.digest == answer["verdict_digest"]
    assert answer["champion"] == content_digest("civetta")
    assert set(answer["evidence"]) == {"samples", "verdict"}
    for path in answer["evidence"].values():
        body = client.get(path).content
        assert hashlib.sha256(body).hexdigest() == path.rpartition("/")[2]


def test_scorecards_are_found_by_the_digests_a_round_names(client: TestClient) -> None:
    digests = client.get(f"{API}/competitions/DEMO/rounds/30").json()["scorecards"]
    assert content_digest("civetta") in digests
    for submission, digest in digests.items():
        card = scorecard_from_json(client.get(f"{API}/scorecards/{digest}").json())
        assert (card.submission, card.digest) == (submission, digest)


def test_immutable_answers_may_be_kept_and_are_not_sent_twice(client: TestClient) -> None:
    digests = client.get(f"{API}/competitions/DEMO/rounds/30").json()["scorecards"]
    path = f"{API}/scorecards/{digests[content_digest('civetta')]}"
    first = client.get(path)
    assert "immutable" in first.headers["cache-control"]
    again = client.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_board_may_change_so_it_is_asked_for_again(client: TestClient) -> None:
    assert client.get(f"{API}/competitions/DEMO/board").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("name", ["civetta", "istrice", "leocorno"])
def test_submission_is_found_by_its_commitment(client: TestClient, name: str) -> None:
    rows = client.get(f"{API}/competitions/DEMO/board").json()["rows"]
    row = next(each for each in rows if each["name"] == name)
    found = client.get(f"{API}/submissions/{row['commitment']}").json()
    assert found["entrant"] == f"siena/{name}"
    assert (found["status"], found["code"], found["hint"]) == (
        row["status"],
        row["code"],
        row["hint"],
    )


def test_submission_is_found_by_its_content_with_all_evaluations(client: TestClient) -> None:
    found = client.get(f"{API}/submissions/{content_digest('civetta')}").json()
    assert [each["sync_block"] for each in found["evaluations"]] == [20, 30]
    assert found["evaluations"][-1]["score"] == pytest.approx(sum(found["interval"]) / 2)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/competitions/NOPE", "no competition is called 'NOPE'; known: DEMO"),
        ("/competitions/NOPE/board", "no competition is called 'NOPE'; known: DEMO"),
        ("/competitions/NOPE/rounds", "no competition is called 'NOPE'; known: DEMO"),
        ("/competitions/NOPE/rounds/1", "no competition is called 'NOPE'; known: DEMO"),
        (
            "/competitions/DEMO/rounds/11",
            "DEMO has no round of block 11; the newest is that of block 30",
        ),
        (f"/submissions/{'0' * 64}", f"no submission has the digest '{'0' * 64}'"),
        (f"/scorecards/{'0' * 64}", f"there is no evidence of digest '{'0' * 64}'"),
        ("/evidence/..%2F..%2Frecords.db", "Not Found"),
        ("/evidence/records.db", "there is no evidence of digest 'records.db'"),
        ("/ledger/head", "this server has no ledger to read"),
    ],
)
def test_what_is_not_there_is_a_404_with_a_sentence(
    client: TestClient, path: str, sentence: str
) -> None:
    answer = client.get(f"{API}{path}")
    assert (answer.status_code, answer.json()) == (404, {"detail": sentence})


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_changed(client: TestClient, method: str) -> None:
    for path in ("/competitions", "/competitions/DEMO/board"):
        assert client.request(method, f"{API}{path}").status_code == 405


def test_evidence_of_another_kind_is_no_scorecard(client: TestClient) -> None:
    verdict = client.get(f"{API}/competitions/DEMO/rounds/20").json()["verdict_digest"]
    answer = client.get(f"{API}/scorecards/{verdict}")
    assert (answer.status_code, answer.json()) == (503, {"detail": UNAVAILABLE})


def test_damaged_evidence_is_never_served_and_no_folder_is_named(tmp_path: Path) -> None:
    with play_season(tmp_path) as records:
        digest = records.verdicts("DEMO")[0].digest
        records.evidence.path(digest).write_bytes(b"nonsense")
        answer = TestClient(create_app(records)).get(f"{API}/evidence/{digest}")
    assert (answer.status_code, answer.json()) == (503, {"detail": UNAVAILABLE})


def test_verdict_of_another_version_is_no_crash(tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 7, 2, tzinfo=UTC))
    with Records.open(f"sqlite:///{tmp_path / 'r.db'}", tmp_path, clock) as records:
        opened = records.open_round(demo(), sync_block=10, seed=1)
        foreign = {"champion_before": None, "champion_after": None, "new": "unknown"}
        records.decide_round(opened.id, foreign)
        answer = TestClient(create_app(records)).get(f"{API}/competitions/DEMO/board")
    assert (answer.status_code, answer.json()) == (503, {"detail": UNAVAILABLE})


def test_definition_keeps_the_digest_it_was_recorded_with(tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 7, 2, tzinfo=UTC))
    with Records.open(f"sqlite:///{tmp_path / 'r.db'}", tmp_path, clock) as records:
        opened = records.open_round(demo(), sync_block=10, seed=1)
        answer = TestClient(create_app(records)).get(f"{API}/competitions/DEMO").json()
    assert answer["digest"] == opened.competition_digest
    assert answer["definition"] == opened.definition


def test_ledger_head_is_read_without_sealing_blocks(season: Records, tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 7, 2, tzinfo=UTC))
    created = LocalLedger.create(tmp_path / "ledger.db", clock)
    sealed = created.advance()
    created.close()
    standing = ManualClock(datetime(2000, 1, 1, tzinfo=UTC))
    ledger = LocalLedger(tmp_path / "ledger.db", standing)
    answer = TestClient(create_app(season, ledger)).get(f"{API}/ledger/head").json()
    ledger.close()
    assert (answer["block"], answer["hash"]) == (sealed.number, sealed.hash)


def test_competition_without_a_round_is_shown_from_its_file(season: Records) -> None:
    file = find("sn37/SN9_MODEL")
    client = TestClient(create_app(season, competitions={file.name: file}))
    names = [each["name"] for each in client.get(f"{API}/competitions").json()]
    assert names == ["DEMO", "SN9_MODEL"]
    before = client.get(f"{API}/competitions/SN9_MODEL", params={"block": 0})
    assert before.status_code == 404
    assert "is not live at block 0" in before.json()["detail"]


def test_committed_description_of_the_api_is_current() -> None:
    committed = Path(__file__).parents[2] / "docs" / "openapi.json"
    assert json.loads(committed.read_text()) == json.loads(description()), (
        "run: python -m palio.server.openapi docs/openapi.json"
    )


def test_every_route_of_the_description_stands_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    for path in json.loads(description())["paths"]:
        assert f"`GET {path}`" in text
