"""Recomputing what was published: honest rounds pass, and every kind of tampering is found."""

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from palio.canonical import canonical_json, digest_of, sha256_hex
from palio.clock import ManualClock
from palio.ledger.local import LocalLedger
from palio.ledger.protocol import Weights
from palio.records.evidence import SUFFIX
from palio.records.rows import NewSubmission
from palio.records.store import Records
from palio.submissions.commitment import Commitment
from palio.validator.submitting import submit
from palio.validator.verifying import Check, ledger_check, verify_rounds
from tests.validator.scene import START, VALIDATOR, keypair, make_scene, open_ledger

STEPS = (
    "the seed is that of the block's hash",
    "the samples are those the seed draws",
    "every scorecard adds up",
    "the verdict follows from the scorecards",
    "the entrants committed before the seed existed",
    "the ledger holds the weights of this verdict",
)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, models: dict[str, Path]) -> Path:
    """A home folder with two rounds of a duel."""
    scene = make_scene(tmp_path_factory.mktemp("played") / "home")
    scene.enter("rough", models["rough"], 2)
    scene.enter("middling", models["middling"], 3)
    scene.play(10)
    scene.enter("calm", models["calm"], 12)
    scene.play(20)
    scene.ledger.close()
    return scene.home


@pytest.fixture
def home(played: Path, tmp_path: Path) -> Path:
    """A copy of it to be spoilt."""
    return Path(shutil.copytree(played, tmp_path / "home"))


def verify(home: Path) -> list[Check]:
    clock = ManualClock(START)
    ledger = open_ledger(home, clock)
    try:
        with Records.open(f"sqlite:///{home / 'records.db'}", home / "evidence", clock) as records:
            return [ledger_check(ledger), *verify_rounds(ledger, records)]
    finally:
        ledger.close()


def faults(home: Path) -> dict[str, str]:
    """What is wrong, by what was checked; the first one names its round."""
    return {check.what: f"{check.about}: {check.fault}" for check in verify(home) if check.fault}


@contextmanager
def database(home: Path, name: str = "records.db") -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(home / name)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def edit(home: Path, statement: str, *values: object) -> None:
    with database(home) as connection:
        assert connection.execute(statement, values).rowcount == 1


def evidence(home: Path, digest: str) -> Path:
    return home / "evidence" / digest[:2] / f"{digest}{SUFFIX}"


def read_evidence(home: Path, digest: str) -> Any:  # noqa: ANN401 - any JSON value
    return json.loads(zstandard.decompress(evidence(home, digest).read_bytes(), 2**24))


def write_evidence(home: Path, value: object) -> str:
    """Forged evidence under its own true digest, as a forger who knows Palio would write it."""
    data = canonical_json(value)
    path = evidence(home, sha256_hex(data))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(zstandard.compress(data))
    return sha256_hex(data)


def card_of(home: Path, name: str, sync_block: int) -> tuple[int, str]:
    """Row and digest of an entrant's scorecard."""
    with database(home) as connection:
        row: tuple[int, str] = connection.execute(
            "SELECT evaluations.id, scorecard FROM evaluations "
            "JOIN submissions ON submissions.id = submission_id "
            "JOIN rounds ON rounds.id = round_id WHERE name = ? AND sync_block = ?",
            (name, sync_block),
        ).fetchone()
    return row


def forge_card(home: Path, name: str, change: Callable[[Any], None]) -> None:
    row, digest = card_of(home, name, 20)
    card = read_evidence(home, digest)
    change(card)
    edit(home, "UPDATE evaluations SET scorecard = ? WHERE id = ?", write_evidence(home, card), row)


def verdict_of(home: Path, sync_block: int) -> tuple[int, Any]:
    with database(home) as connection:
        row, text = connection.execute(
            "SELECT verdicts.id, verdict FROM verdicts JOIN rounds ON rounds.id = round_id "
            "WHERE sync_block = ?",
            (sync_block,),
        ).fetchone()
    return row, json.loads(text)


def forge_verdict(home: Path, change: Callable[[Any], None], *, with_digest: bool = True) -> None:
    row, verdict = verdict_of(home, 20)
    change(verdict)
    edit(home, "UPDATE verdicts SET verdict = ? WHERE id = ?", json.dumps(verdict), row)
    if with_digest:
        edit(
            home, "UPDATE verdicts SET digest = ? WHERE id = ?", write_evidence(home, verdict), row
        )


# -- honest ------------------------------------------------------------------------------


def test_honest_rounds_pass_every_check(played: Path) -> None:
    checks = verify(played)
    assert [check.fault for check in checks] == [None] * (1 + 2 * len(STEPS))
    assert checks[0].about == "ledger"
    assert checks[0].what.startswith("every hash and signature (21 blocks, 5 entries)")
    assert [(check.about, check.what) for check in checks[1:]] == [
        (f"TINY round {block}", what) for block in (10, 20) for what in STEPS
    ]
    assert checks[0].to_json() == {
        "about": "ledger",
        "what": checks[0].what,
        "ok": True,
        "fault": None,
    }


# -- scorecards --------------------------------------------------------------------------


def test_a_damaged_scorecard_is_found(home: Path) -> None:
    _, digest = card_of(home, "calm-1", 20)
    data = bytearray(zstandard.decompress(evidence(home, digest).read_bytes(), 2**24))
    data[100] ^= 1
    evidence(home, digest).write_bytes(zstandard.compress(bytes(data)))
    fault = faults(home)["every scorecard adds up"]
    assert fault.startswith("TINY round 20: ")
    assert "damaged" in fault


def test_a_missing_scorecard_is_found(home: Path) -> None:
    evidence(home, card_of(home, "calm-1", 20)[1]).unlink()
    assert "is missing" in faults(home)["every scorecard adds up"]


def test_a_score_that_does_not_follow_from_its_tasks_is_found(home: Path) -> None:
    forge_card(home, "calm-1", lambda card: card.update(score=0.1))
    assert "its tasks add up to" in faults(home)["every scorecard adds up"]


def test_a_task_that_does_not_follow_from_its_samples_is_found(home: Path) -> None:
    forge_card(home, "calm-1", lambda card: card["tasks"]["WORDS"].update(raw=0.1))
    fault = faults(home)["every scorecard adds up"]
    assert "task WORDS does not follow from its sample scores" in fault


def test_a_scorecard_without_a_task_is_found(home: Path) -> None:
    forge_card(home, "calm-1", lambda card: card["tasks"].pop("FACTS"))
    assert "it holds WORDS, not the tasks of TINY" in faults(home)["every scorecard adds up"]


def test_better_losses_that_add_up_change_the_verdict_and_are_found(home: Path) -> None:
    # The forger keeps everything consistent, scorecard by scorecard, but for the verdict.
    _, digest = card_of(home, "calm-1", 20)
    _, other = card_of(home, "rough-1", 20)
    good = read_evidence(home, digest)
    forge_card(
        home,
        "rough-1",
        lambda card: card.update(
            {key: good[key] for key in ("score", "interval", "tasks", "cost")}
        ),
    )
    assert other != card_of(home, "rough-1", 20)[1]
    assert "deciding again gives" in faults(home)["the verdict follows from the scorecards"]


# -- verdicts ----------------------------------------------------------------------------


def test_an_edited_verdict_is_found_by_its_digest(home: Path) -> None:
    forge_verdict(home, lambda verdict: verdict.update(reason="Because."), with_digest=False)
    fault = faults(home)["the verdict follows from the scorecards"]
    assert "does not have the recorded digest" in fault


def test_an_edited_verdict_with_its_digest_is_found_by_deciding_again(home: Path) -> None:
    _, verdict = verdict_of(home, 20)
    loser = next(row["submission"] for row in verdict["entrants"] if row["status"] == "open")
    forge_verdict(home, lambda one: one.update(champion_after=loser, shares={loser: 1.0}))
    assert "the verdict follows from the scorecards" in faults(home)


def test_an_entrant_added_later_is_found(home: Path) -> None:
    def add(verdict: Any) -> None:  # noqa: ANN401 - JSON
        verdict["entrants"].append(verdict["entrants"][0] | {"submission": "f" * 64, "sequence": 9})

    forge_verdict(home, add)
    assert faults(home)


PATHS = st.sampled_from(
    [
        ("entrants",),
        ("entrants", 0, "status"),
        ("entrants", 1, "duel"),
        ("entrants", 2, "interval"),
        ("carry",),
        ("carry", "duels"),
        ("carry", "champion"),
        ("champion_after",),
        ("champion_before",),
        ("shares",),
        ("seed",),
        ("sync_block",),
        ("samples_digest",),
        ("outcome",),
        ("kept",),
        ("competition",),
    ]
)
VALUES = st.sampled_from([None, 0, -1, 1.5, "", "x", "f" * 64, [], [1], {}, {"a": 1.0}, True])


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(path=PATHS, value=VALUES)
def test_any_damage_to_a_verdict_is_a_fault_and_never_a_crash(
    played: Path, tmp_path: Path, path: tuple[str | int, ...], value: object
) -> None:
    spoilt = tmp_path / "spoilt"
    shutil.rmtree(spoilt, ignore_errors=True)
    shutil.copytree(played, spoilt)

    def damage(verdict: Any) -> None:  # noqa: ANN401 - JSON
        *parents, last = path
        for step in parents:
            verdict = verdict[step]
        assume(canonical_json(verdict[last]) != canonical_json(value))
        verdict[last] = value

    forge_verdict(spoilt, damage)
    assert faults(spoilt)


# -- samples, seeds, definitions ---------------------------------------------------------


def test_edited_samples_are_found(home: Path) -> None:
    with database(home) as connection:
        (digest,) = connection.execute(
            "SELECT samples_evidence FROM rounds WHERE sync_block = 20"
        ).fetchone()
    drawn = read_evidence(home, digest)
    drawn["tasks"]["WORDS"][0]["reference"] = "easy"
    edit(
        home,
        "UPDATE rounds SET samples_evidence = ? WHERE sync_block = 20",
        write_evidence(home, drawn),
    )
    fault = faults(home)["the samples are those the seed draws"]
    assert "the samples have digest" in fault


def test_samples_of_another_seed_are_found(home: Path) -> None:
    with database(home) as connection:
        rows = dict(
            connection.execute("SELECT sync_block, samples_evidence FROM rounds").fetchall()
        )
    edit(home, "UPDATE rounds SET samples_evidence = ? WHERE sync_block = 20", rows[10])
    assert "the seed draws samples" in faults(home)["the samples are those the seed draws"]


def test_another_seed_is_found(home: Path) -> None:
    edit(home, "UPDATE rounds SET seed = '7' WHERE sync_block = 20")
    fault = faults(home)["the seed is that of the block's hash"]
    assert "block 20 has another hash" in fault


def test_an_edited_definition_is_found(home: Path) -> None:
    with database(home) as connection:
        (text,) = connection.execute(
            "SELECT definition FROM rounds WHERE sync_block = 20"
        ).fetchone()
    definition = json.loads(text)
    definition["epsilon"] = {"start": 0.5, "end": 0.5, "decay_blocks": 0}
    edit(
        home,
        "UPDATE rounds SET definition = ? WHERE sync_block = 20",
        json.dumps(definition),
    )
    fault = faults(home)["the samples are those the seed draws"]
    assert "does not have the recorded digest" in fault
    with database(home) as connection:
        connection.execute(
            "UPDATE rounds SET competition_digest = ? WHERE sync_block = 20",
            (digest_of(definition),),
        )
    assert faults(home)


# -- the ledger --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET body = replace(body, 'rough', 'bough') WHERE sequence = 1",
        "UPDATE entries SET author = upper(author) WHERE sequence = 1",
        "UPDATE entries SET block = 1 WHERE sequence = 2",
        "DELETE FROM entries WHERE sequence = 4",
        "UPDATE blocks SET entropy = zeroblob(32) WHERE number = 10",
        "UPDATE settings SET commit_interval_blocks = 9",
    ],
)
def test_an_edited_ledger_is_found(home: Path, statement: str) -> None:
    with database(home, "ledger.db") as connection:
        triggers = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute(statement).rowcount == 1
    ledger = verify(home)[0]
    assert ledger.about == "ledger"
    assert ledger.fault


@pytest.mark.parametrize("block", [4, 5])
def test_an_entrant_that_the_validator_made_up_is_found(
    tmp_path: Path, models: dict[str, Path], block: int
) -> None:
    scene = make_scene(tmp_path / "home")
    scene.enter("rough", models["rough"], 5)
    nowhere = LocalLedger.create(tmp_path / "nowhere.db", ManualClock(START))
    entry = submit(
        models["middling"],
        competition=scene.file,
        keypair=keypair("friend"),
        repository=("friend", "friend-1"),
        ledger=nowhere,
        store_folder=scene.deployment.store_folder,
    )
    line = Commitment.parse(entry.line)
    with scene.records() as records:
        records.add_submission(
            NewSubmission(
                commitment=entry.digest,
                line=entry.line,
                participant=entry.participant,
                block=block,
                sequence=7,
                competition_id=line.competition_id,
                namespace=line.namespace,
                name=line.name,
                commit=line.commit,
                secure_hash=line.secure_hash,
            )
        )
    scene.play(10)
    scene.ledger.close()
    friend = scene.digest("friend-1")
    assert faults(scene.home) == {
        "the entrants committed before the seed existed": "TINY round 10: the ledger has no "
        f"commitment of {friend[:12]} at block {block}"
    }


def test_a_verdict_that_was_never_published_is_found(
    tmp_path: Path, models: dict[str, Path]
) -> None:
    scene = make_scene(tmp_path / "home")
    scene.enter("rough", models["rough"], 2)
    scene.play(10)
    scene.ledger.close()
    with database(scene.home, "ledger.db") as connection:
        connection.execute("DROP TRIGGER entries_are_kept")
        assert connection.execute("DELETE FROM entries WHERE kind = 'weights'").rowcount == 1
    assert (
        "nothing was published"
        in faults(scene.home)["the ledger holds the weights of this verdict"]
    )


@pytest.mark.parametrize("forged", ["shares", "scorecards", "verdict"])
def test_weights_that_are_not_those_of_the_verdict_are_found(
    tmp_path: Path, models: dict[str, Path], forged: str
) -> None:
    scene = make_scene(tmp_path / "home")
    scene.enter("rough", models["rough"], 2)
    scene.enter("middling", models["middling"], 3)
    scene.play(10)
    (honest,) = scene.ledger.weights()
    scene.ledger.close()
    # The validator itself signs other weights than its verdict gives, on a ledger that it forges.
    (scene.home / "ledger.db").unlink()
    again = make_scene(scene.home)
    for name, block in (("rough", 2), ("middling", 3)):
        again.enter(name, models[name], block)
    again.ledger.advance(to=10)
    loser = next(one for one in honest.weights.scorecards if one not in honest.weights.shares)
    changes: dict[str, Any] = {
        "shares": {"shares": {loser: 1.0}},
        "scorecards": {"scorecards": dict.fromkeys(honest.weights.scorecards, "e" * 64)},
        "verdict": {"verdict": "d" * 64},
    }
    weights: Weights = replace(honest.weights, **changes[forged])
    again.ledger.publish_weights(keypair(VALIDATOR), weights)
    again.ledger.close()
    found = faults(scene.home)
    assert set(found) == {"the ledger holds the weights of this verdict"}
    assert forged.removesuffix("s") in found["the ledger holds the weights of this verdict"]
