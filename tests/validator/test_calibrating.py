"""What is proposed follows from scorecards: losses, caps, spreads, samples."""

import math
from collections.abc import Mapping

import numpy as np
import pytest

from palio.competition.model import Competition, RawNormalisation
from palio.errors import ConfigError
from palio.evaluation.scorecard import Cost, Interval, Scorecard, score_task, total
from palio.tasks.drawing import Round, draw_round
from palio.tasks.samples import SampleScore, sample_id
from palio.validator.calibrating import calibrate, proposed_numbers
from tests.validator.scene import DEFINITION

SAMPLES = 200


@pytest.fixture(scope="module")
def drawn() -> Round:
    return draw_round(Competition.model_validate(DEFINITION), 5, samples=SAMPLES)


def card(drawn: Round, losses: Mapping[str, np.ndarray]) -> Scorecard:
    tasks = {
        name: score_task(
            task.spec,
            task.method,
            [
                SampleScore(sample_id(sample), float(loss))
                for sample, loss in zip(task.samples, losses[name], strict=True)
            ],
        )
        for name, task in drawn.tasks.items()
    }
    score, interval = total(drawn.competition, tasks)
    return Scorecard(
        "m", "TINY", drawn.competition.digest, drawn.seed, drawn.samples_digest, score, interval,
        tasks, {}, Cost(0, 0, 0),
    )  # fmt: skip


def cards(drawn: Round, *spreads: float) -> list[Scorecard]:
    """A baseline of loss 3.21987 (words) and .6 (facts), and models that differ by a spread."""
    rng = np.random.default_rng(8)
    words = 3.21987 + 0.5 * _standard(rng)
    facts = 0.6 + 0.1 * _standard(rng)
    others = [
        card(drawn, {"WORDS": words + 3.22 * spread * _standard(rng), "FACTS": facts})
        for spread in spreads
    ]
    return [card(drawn, {"WORDS": words, "FACTS": facts}), *others]


def _standard(rng: np.random.Generator) -> np.ndarray:
    """Draws with mean 0 and standard deviation 1, exactly."""
    found = rng.standard_normal(SAMPLES)
    return (found - found.mean()) / found.std(ddof=1)


def test_a_single_model_gives_losses_and_the_caps_of_shares(drawn: Round) -> None:
    words, facts = calibrate(drawn, cards(drawn))
    assert words.loss == pytest.approx(3.21987)
    assert words.interval == pytest.approx(
        Interval(3.21987 - 1.96 * 0.5 / math.sqrt(200), 3.21987 + 1.96 * 0.5 / math.sqrt(200)),
        abs=1e-4,
    )
    assert (words.proposed_loss, words.proposed_cap, words.spread) == (3.22, None, None)
    assert (facts.proposed_loss, facts.proposed_cap) == (0.6, 1.67), "1 / .6, rounded up"
    assert words.cheapest_samples is None
    assert (words.unit, words.samples, words.stated_samples) == ("bits/byte", SAMPLES, 24)


def test_more_models_give_spreads_and_the_caps_of_losses(drawn: Round) -> None:
    words, facts = calibrate(drawn, cards(drawn, 0.03))
    assert words.spread == pytest.approx(0.03)
    assert words.proposed_cap == 0.18, "six spreads"
    assert facts.spread == 0
    assert facts.cheapest_samples is None, "equal models tell nothing of what a sample proves"
    wider, _ = calibrate(drawn, cards(drawn, 0.03, 0.05))
    assert wider.spread is not None
    assert 0.03 < wider.spread < 0.06
    assert wider.proposed_cap is not None
    assert 6 * wider.spread <= wider.proposed_cap < 6.7 * wider.spread


def test_samples_are_shared_out_by_weight_times_cap(drawn: Round) -> None:
    words, facts = calibrate(drawn, cards(drawn, 0.03))
    # .8 * .18 to .2 * 1.67 of 32 samples.
    assert (words.proposed_samples, facts.proposed_samples) == (10, 22)


def test_every_look_keeps_an_equal_part_of_each_task() -> None:
    tasks = {name: {**task, "samples": 24} for name, task in DEFINITION["tasks"].items()}
    definition = DEFINITION | {"tasks": tasks, "rule": {"kind": "duel", "looks": 8}}
    looked = draw_round(Competition.model_validate(definition), 5, samples=SAMPLES)
    words, facts = calibrate(looked, cards(looked, 0.03))
    assert (words.proposed_samples, facts.proposed_samples) == (16, 32)


def test_numbers_proposed_are_those_of_tasks_with_a_baseline(drawn: Round) -> None:
    numbers = proposed_numbers(calibrate(drawn, cards(drawn)))
    assert numbers == {
        ("tasks", "WORDS", "normalisation", "loss"): 3.22,
        ("tasks", "FACTS", "normalisation", "loss"): 0.6,
        ("tasks", "FACTS", "normalisation", "cap"): 1.67,
    }
    raw = {
        name: {**task, "normalisation": RawNormalisation().model_dump()}
        for name, task in DEFINITION["tasks"].items()
    }
    rule = {"kind": "win_rate", "average_retains": 0.5, "share_threshold": 0.1}
    plain = draw_round(
        Competition.model_validate(DEFINITION | {"tasks": raw, "rule": rule}), 5, samples=SAMPLES
    )
    found = calibrate(plain, cards(plain, 0.03))
    assert [(task.stated_loss, task.proposed_loss) for task in found] == [(None, 3.22), (None, 0.6)]
    assert proposed_numbers(found) == {}


def test_a_baseline_without_losses_is_no_unit(drawn: Round) -> None:
    perfect = card(drawn, {"WORDS": np.ones(SAMPLES), "FACTS": np.zeros(SAMPLES)})
    with pytest.raises(ConfigError, match="task FACTS: the baseline's loss is 0"):
        calibrate(drawn, [perfect])
