"""Scorecards: normalisation, intervals, totals, and what is written down."""

import json
import math
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.competition.loading import resolve
from palio.competition.model import (
    BaselineNormalisation,
    InverseExponential,
    RawNormalisation,
    TaskSpec,
)
from palio.evaluation.evaluate import requests_of, scorecard_of
from palio.evaluation.scorecard import (
    Scorecard,
    TaskScore,
    normalise,
    score_task,
    scorecard_from_json,
    total,
)
from palio.inference.protocol import (
    Answer,
    ChoiceAnswer,
    ChoiceRequest,
    GenerateRequest,
    LossAnswer,
    Request,
    TextAnswer,
)
from palio.tasks.drawing import Round, draw_round
from palio.tasks.methods.text_loss import TextLoss
from palio.tasks.samples import SampleScore

SEED = 2**255 + 12345


@pytest.fixture(scope="module")
def drawn() -> Round:
    return draw_round(resolve("demo/DEMO"), SEED, samples=2)


def middling(request: Request) -> Answer:
    """What a middling model would answer; every answer a little different."""
    size = sum(map(ord, repr(request))) % 97
    match request:
        case ChoiceRequest(choices=choices):
            return ChoiceAnswer(tuple(1.0 + (size + i) % 7 / 8 for i in range(len(choices))))
        case GenerateRequest():
            return TextAnswer("A", 1, "stop")
        case _:
            assert not isinstance(request, GenerateRequest)
            length = len(request.target.encode())
            return LossAnswer(nats=length * (1 + size / 97), tokens=length, bytes=length)


@pytest.fixture(scope="module")
def card(drawn: Round) -> Scorecard:
    answers = [middling(request) for request in requests_of(drawn)]
    return scorecard_of(drawn, "ab" * 32, answers, {"engine": "test", "device": "cpu é"})


# -- normalisation ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "ceiling", "expected"),
    [
        # (1 - exp(-x/c)) / (1 - exp(-1)), computed with 30 decimal digits. Subnet 37 used
        # c = 40 for word sorting and c = 20 for web text.
        (0.0, 40, 0.0),
        (0.3, 40, 0.0118204432311),
        (11.5, 40, 0.3952781312667),
        (2.0, 20, 0.1505449880327),
        (10.0, 20, 0.6224593312019),
        (1e-6, 40, 3.95494171774e-8),
        (20.0, 20, 1.0),
        (20.000001, 20, 1.0),
        (1e9, 20, 1.0),
    ],
)
def test_inverse_exponential_gives_subnet_37s_values(
    raw: float, ceiling: float, expected: float
) -> None:
    rule = InverseExponential(kind="inverse_exponential", ceiling=ceiling)
    assert normalise(raw, rule) == pytest.approx(expected, rel=1e-9, abs=0)


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0.1, 50))
def test_inverse_exponential_never_turns_an_order_round(
    one: float, other: float, ceiling: float
) -> None:
    rule = InverseExponential(kind="inverse_exponential", ceiling=ceiling)
    low, high = sorted([one, other])
    assert 0 <= normalise(low, rule) <= normalise(high, rule) <= 1


def test_the_baseline_itself_scores_one() -> None:
    rule = BaselineNormalisation(kind="baseline", loss=0.75, cap=1.0)
    assert normalise(0.75, rule) == 1.0
    assert normalise(0.0, rule) == 0.0
    assert normalise(1.5, rule) == 2.0


def test_without_normalisation_raw_is_raw() -> None:
    assert normalise(0.25, RawNormalisation()) == 0.25


# -- one task --------------------------------------------------------------------------------


def spec(weight: float = 0.5) -> TaskSpec:
    return TaskSpec(dataset="words", method="text_loss", samples=1, weight=weight)


def scored(*losses: float, weights: tuple[float, ...] = ()) -> TaskScore:
    samples = [
        SampleScore(f"{i:016x}", loss, {}, weight)
        for i, (loss, weight) in enumerate(zip(losses, weights or [1.0] * len(losses), strict=True))
    ]
    return score_task(spec(), TextLoss(), samples)


def test_the_interval_is_the_means_normal_interval() -> None:
    losses = [1.0, 2.0, 4.0, 3.5, 0.5]
    task = scored(*losses)
    half = 1.959963984540054 * statistics.stdev(losses) / math.sqrt(5)
    assert task.raw == pytest.approx(2.2)
    assert task.interval == pytest.approx((2.2 - half, 2.2 + half))
    assert (task.weighted, task.normalised) == (1.1, 2.2)


def test_one_sample_has_no_spread() -> None:
    assert scored(1.5).interval == (1.5, 1.5)


def test_equal_samples_have_no_spread() -> None:
    assert scored(2.0, 2.0, 2.0).interval == (2.0, 2.0)


def test_a_weight_of_two_moves_the_mean_as_two_samples_would() -> None:
    twice, double = scored(1.0, 3.0, 3.0), scored(1.0, 3.0, weights=(1.0, 2.0))
    assert double.raw == pytest.approx(twice.raw)


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 5)), min_size=2, max_size=9))
def test_the_interval_lies_around_the_weighted_mean(pairs: list[tuple[float, float]]) -> None:
    losses, weights = zip(*pairs, strict=True)
    task = scored(*losses, weights=weights)
    low, high = task.interval
    assert (low + high) / 2 == pytest.approx(task.raw, abs=1e-9)
    scaled = scored(*losses, weights=tuple(7 * weight for weight in weights))
    assert scaled.interval == pytest.approx(task.interval, abs=1e-9)


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_has_no_score(loss: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        scored(1.0, loss)


def test_no_samples_have_no_score() -> None:
    with pytest.raises(ValueError, match="no sample"):
        scored()


# -- the whole -------------------------------------------------------------------------------


def test_the_score_is_the_sum_of_the_weighted_tasks(card: Scorecard) -> None:
    assert card.score == pytest.approx(sum(task.weighted for task in card.tasks.values()))
    assert card.interval.low < card.score < card.interval.high


def test_intervals_of_tasks_add_up_as_variances_do(card: Scorecard, drawn: Round) -> None:
    halves = [
        task.weight
        * (task.interval.high - task.interval.low)
        / 2
        / drawn.competition.tasks[name].normalisation.loss  # type: ignore[union-attr]
        for name, task in card.tasks.items()
    ]
    half = (card.interval.high - card.interval.low) / 2
    assert half == pytest.approx(math.sqrt(sum(part**2 for part in halves)))


def test_a_score_follows_the_slope_of_its_normalisation() -> None:
    competition = resolve("sn37-reference/INSTRUCT_8B")
    tasks = {}
    for name, task_spec in competition.tasks.items():
        samples = [SampleScore(f"{i:016x}", 2.0 + i / 100, {}) for i in range(5)]
        tasks[name] = score_task(task_spec, TextLoss(), samples)
    _, interval = total(competition, tasks)
    variance = 0.0
    for name, task_spec in competition.tasks.items():
        raw, half = tasks[name].raw, (tasks[name].interval.high - tasks[name].interval.low) / 2
        rule, step = task_spec.normalisation, 1e-6
        slope = (normalise(raw + step, rule) - normalise(raw - step, rule)) / (2 * step)
        variance += (task_spec.weight * slope * half) ** 2
    assert (interval.high - interval.low) / 2 == pytest.approx(math.sqrt(variance), rel=1e-4)


@pytest.mark.parametrize("gone", [0, 2, 4])
def test_a_missing_task_is_refused_not_left_out(card: Scorecard, drawn: Round, gone: int) -> None:
    name = list(card.tasks)[gone]
    rest = {task: score for task, score in card.tasks.items() if task != name}
    with pytest.raises(ValueError, match=name):
        total(drawn.competition, rest)


def test_the_order_of_tasks_changes_nothing(card: Scorecard, drawn: Round) -> None:
    backwards = dict(reversed(list(card.tasks.items())))
    assert total(drawn.competition, backwards) == total(drawn.competition, card.tasks)


# -- written down ----------------------------------------------------------------------------


def test_a_scorecard_survives_json_with_its_digest(card: Scorecard) -> None:
    again = scorecard_from_json(json.loads(json.dumps(card.to_json())))
    assert again.digest == card.digest
    assert (again.score, again.seed, again.interval) == (card.score, SEED, card.interval)
    assert scorecard_from_json(again.to_json()) == again


def test_the_seed_is_written_as_digits(card: Scorecard) -> None:
    assert card.to_json()["seed"] == str(SEED)


def test_the_digest_does_not_depend_on_the_order_of_keys(card: Scorecard) -> None:
    value = card.to_json()
    shuffled = {key: value[key] for key in sorted(value, reverse=True)}
    shuffled["tasks"] = dict(reversed(value["tasks"].items()))
    assert scorecard_from_json(shuffled).digest == card.digest


def test_the_digest_moves_with_the_last_bit_of_a_loss(card: Scorecard) -> None:
    value = json.loads(json.dumps(card.to_json()))
    sample = value["tasks"]["FINEWEB"]["samples"][0]
    sample["loss"] = math.nextafter(sample["loss"], math.inf)
    assert scorecard_from_json(value).digest != card.digest


def _without(value: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name != key}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _value: {},
        lambda _value: [],
        lambda value: _without(value, "score"),
        lambda value: _without(value, "cost"),
        lambda value: value | {"seed": "many"},
        lambda value: value | {"extra": 1},
        lambda value: value | {"tasks": []},
        lambda value: value | {"tasks": {"A": 3}},
        lambda value: value | {"tasks": {"A": {"interval": [0, 1], "samples": 4}}},
        lambda value: value | {"interval": [1, 2, 3]},
        lambda value: value | {"score": math.nan},
        lambda value: value | {"interval": [0.0, math.inf]},
        lambda value: value | {"environment": {"a": "\ud800"}},
    ],
)
def test_what_is_no_scorecard_is_refused(card: Scorecard, spoil: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=r"\S"):
        scorecard_from_json(spoil(json.loads(json.dumps(card.to_json()))))


@given(st.lists(st.floats(0.1, 10.0), min_size=5, max_size=5))
def test_a_total_has_the_same_bits_in_whatever_order_a_definition_lists_its_tasks(
    losses: list[float],
) -> None:
    # Records write keys sorted, so a definition read back lists its tasks in another order.
    demo = resolve("demo/DEMO")
    backwards = demo.model_copy(update={"tasks": dict(reversed(demo.tasks.items()))})
    tasks = {
        name: score_task(spec, TextLoss(), [SampleScore("a", loss), SampleScore("b", loss / 3)])
        for (name, spec), loss in zip(demo.tasks.items(), losses, strict=True)
    }
    assert total(demo, tasks) == total(backwards, tasks)
