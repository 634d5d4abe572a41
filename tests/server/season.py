"""A season of the demo competition in real records: real samples, judges, verdicts; made answers.

Only the models are missing: each entrant answers with a skill of its own, from a seed.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from palio.canonical import digest_of
from palio.clock import ManualClock
from palio.competition.model import Competition
from palio.contest.entrants import Entrant
from palio.contest.verdict import RoundFacts, StoredRound, decide, history_from
from palio.errors import Fault
from palio.evaluation.evaluate import requests_of, scorecard_of
from palio.evaluation.scorecard import Scorecard, Unscored
from palio.inference.protocol import (
    Answer,
    ChoiceAnswer,
    ChoiceRequest,
    LossAnswer,
    LossRequest,
    Request,
    TextAnswer,
)
from palio.randomness import stream
from palio.records.rows import NewSubmission, Submission
from palio.records.store import Records
from palio.submissions.refusals import rejected
from palio.tasks.drawing import Round, draw_round
from palio.validator.entrants import entrant_of

ENVIRONMENT = {"device": "cpu", "torch": "2.13.0", "transformers": "5.17.1", "dtype": "float32"}
HOSTILE = "<script>document.title='owned'</script>"
BACKWARDS = "gnp\N{RIGHT-TO-LEFT OVERRIDE}.elif"
WORDS = ["the", "model", "wrote", "a", "short", "answer", "that", "keeps", "few", "of", "rules"]


@dataclass(frozen=True)
class Entry:
    """An entrant: ``skill`` scales its losses, below 1 being better; None for a refused one."""

    name: str
    block: int
    skill: float | None
    refused: str = ""
    fails: bool = False


ENTRIES = (
    Entry("aquila", 2, 0.97),
    Entry("bruco", 4, 0.93),
    Entry("civetta", 12, 0.70),
    Entry("drago", 13, 0.76),
    Entry("giraffa", 14, None, refused="E_COPY_EXACT"),
    Entry("istrice", 14, None, refused="E_ST_NONFINITE"),
    Entry("leocorno", 15, 1.0, fails=True),
    Entry("lupa", 32, 0.75),
)
ROUNDS = (10, 20, 30)


def demo() -> Competition:
    """Like the catalogue's, but fixed, so that who wins here never depends on it."""
    per_byte = {"method": "reference_loss", "method_options": {"unit": "bits_per_byte"}}
    bits = {"kind": "baseline", "loss": 3.0, "cap": 0.5}
    share = {"kind": "baseline", "loss": 0.75, "cap": 1.3333}
    return Competition.model_validate(
        {
            "name": "DEMO",
            "id": "D",
            "description": "A complete competition for models of at most five million parameters.",
            "constraints": {
                "architectures": ["LlamaForCausalLM"],
                "max_parameters": 5_000_000,
                "max_bytes": 33_554_432,
                "sequence_length": 512,
            },
            "tasks": {
                "SYNTHETIC_MMLU": {
                    "dataset": "embedded_choices",
                    "method": "choice_likelihood",
                    "samples": 60,
                    "weight": 0.2,
                    "normalisation": share,
                },
                "WORD_SORTING": {
                    "dataset": "words",
                    "dataset_options": {"minimum": 2, "maximum": 8, "list": "basic_english"},
                    "samples": 40,
                    "weight": 0.3,
                    "normalisation": bits,
                    **per_byte,
                },
                "FINEWEB": {
                    "dataset": "embedded_passages",
                    "method": "text_loss",
                    "method_options": {"unit": "bits_per_byte"},
                    "samples": 24,
                    "weight": 0.3,
                    "normalisation": bits,
                },
                "QA_LOSS": {
                    "dataset": "embedded_dialogues",
                    "samples": 40,
                    "weight": 0.1,
                    "normalisation": bits,
                    **per_byte,
                },
                "IF_EVAL": {
                    "dataset": "rules",
                    "dataset_options": {
                        "version": "V1",
                        "source": "embedded",
                        "rule_counts": [1, 4],
                    },
                    "method": "rule_following",
                    "method_options": {"max_new_tokens": 32},
                    "samples": 10,
                    "weight": 0.1,
                    "normalisation": share,
                },
            },
            "rule": {"kind": "duel", "alpha": 0.01},
            "epsilon": {"start": 0.01, "end": 0.01},
            "schedule": {"cadence_blocks": 10, "evaluation_delay_blocks": 5},
        }
    )


def answers_of(drawn: Round, name: str, skill: float) -> list[Answer]:
    rng = stream(drawn.seed, "answers of", name)
    return [_answer(request, skill, rng) for request in requests_of(drawn)]


def _answer(request: Request, skill: float, rng: np.random.Generator) -> Answer:
    if isinstance(request, LossRequest):
        size = len(request.target.encode())
        bits = max(2.6 * skill + 0.3 * float(rng.standard_normal()), 0.1)
        return LossAnswer(bits * size * math.log(2), max(size // 3, 1), size)
    if isinstance(request, ChoiceRequest):
        return ChoiceAnswer(tuple(3.0 + float(one) for one in rng.random(len(request.choices))))
    count = int(rng.integers(3, 30))
    return TextAnswer(" ".join(rng.choice(WORDS, count)) + f" {HOSTILE}", count, "stop")


def scorecard(drawn: Round, submission: str, name: str, skill: float) -> Scorecard:
    return scorecard_of(drawn, submission, answers_of(drawn, name, skill), ENVIRONMENT)


def play_season(folder: Path, *, entries: tuple[Entry, ...] = ENTRIES) -> Records:
    """Records of three rounds; the newest entrants have not been evaluated yet."""
    folder.mkdir(parents=True, exist_ok=True)
    clock = ManualClock(datetime(2026, 7, 2, 17, 30, tzinfo=UTC))
    records = Records.open(f"sqlite:///{folder / 'records.db'}", folder / "evidence", clock)
    competition = demo()
    entered = [_enter(records, number, entry) for number, entry in enumerate(entries, start=1)]
    stored: list[StoredRound] = []
    for sync_block in ROUNDS:
        clock.wait(120)
        _play_round(
            records, competition, sync_block, list(zip(entries, entered, strict=True)), stored
        )
    return records


def content_digest(name: str) -> str:
    return digest_of(f"content of {name}")


def _enter(records: Records, number: int, entry: Entry) -> Submission:
    participant = f"5{digest_of(entry.name)[:46]}"
    submission = records.add_submission(
        NewSubmission(
            commitment=digest_of(f"commitment of {entry.name}"),
            line=f"{entry.name}:{entry.name}:{'0' * 40}:{'A' * 43}=:D",
            participant=participant,
            block=entry.block,
            sequence=number,
            competition_id="D",
            namespace="siena",
            name=entry.name,
            commit="0" * 40,
            secure_hash="A" * 43 + "=",
        )
    )
    if entry.block > ROUNDS[-1]:
        return submission
    if entry.refused:
        return records.refuse(submission.id, rejected(entry.refused, HOSTILE))
    return records.admit(
        submission.id,
        content_digest=content_digest(entry.name),
        weights_digest=digest_of(f"weights of {entry.name}"),
    )


def _play_round(
    records: Records,
    competition: Competition,
    sync_block: int,
    entered: list[tuple[Entry, Submission]],
    stored: list[StoredRound],
) -> None:
    seed = int(digest_of(f"block {sync_block}"), 16)
    drawn = draw_round(competition, seed)
    opened = records.open_round(competition, sync_block=sync_block, seed=seed)
    records.fix_samples(opened.id, drawn.samples_digest, [drawn.to_json()])
    results: dict[str, Scorecard | Unscored] = {}
    entrants: list[Entrant] = []
    for entry, submission in entered:
        digest = submission.content_digest
        if digest is None or entry.skill is None or entry.block + 5 > sync_block:
            continue
        entrants.append(entrant_of(submission))
        if entry.fails:
            failure = Unscored(
                digest,
                "E_RT_OOM",
                f"it needs too much memory {HOSTILE}",
                Fault.PARTICIPANT,
                "Submit a smaller model.",
            )
            results[digest] = failure
            records.record_failure(opened.id, submission.id, failure, seconds=3.0)
            continue
        card = scorecard(drawn, digest, entry.name, entry.skill)
        results[digest] = card
        records.record_scorecard(opened.id, submission.id, card, seconds=7.5)
    verdict = decide(
        competition,
        RoundFacts(sync_block, seed, drawn.samples_digest),
        entrants,
        results,
        history_from(competition, stored),
    )
    stored.append(StoredRound(verdict, results))
    records.decide_round(opened.id, verdict.to_json())
