"""Looks: equal parts of every task, and a worker that stops when told to."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from palio.competition.loading import resolve
from palio.competition.model import Competition, DuelRule
from palio.evaluation.evaluate import evaluate, requests_of
from palio.evaluation.executor import LocalExecutor
from palio.evaluation.looks import in_order, looks_of, requests_by_look
from palio.evaluation.scorecard import Scorecard
from palio.tasks.drawing import draw_round
from tests.tiny_models import save_tiny


def with_looks(looks: int, samples: int = 4) -> Competition:
    demo = resolve("demo/DEMO").model_dump(mode="json")
    for task in demo["tasks"].values():
        task["samples"] = samples
    demo["rule"]["looks"] = looks
    return Competition.model_validate(demo)


def test_every_look_holds_every_task_in_the_same_proportion() -> None:
    drawn = draw_round(with_looks(2, 6), 1)
    seen: dict[int, dict[str, int]] = {}
    for look, task, _ in in_order(drawn):
        seen.setdefault(look, {}).setdefault(task.name, 0)
        seen[look][task.name] += 1
    assert seen == {look: dict.fromkeys(drawn.tasks, 3) for look in (0, 1)}


def test_looks_change_the_order_of_requests_and_nothing_else() -> None:
    once, thrice = draw_round(with_looks(1, 6), 1), draw_round(with_looks(3, 6), 1)
    assert sorted(map(repr, requests_of(once))) == sorted(map(repr, requests_of(thrice)))
    assert sum(map(len, requests_by_look(thrice))) == len(requests_of(once))


def test_samples_that_cannot_be_split_into_equal_looks_are_refused_by_name() -> None:
    with pytest.raises(ValidationError, match=r"tasks\.SYNTHETIC_MMLU\.samples: 4 cannot be split"):
        with_looks(3, 4)


def test_a_rule_without_looks_looks_once() -> None:
    assert looks_of(resolve("sn37-reference/INSTRUCT_8B")) == 1
    assert isinstance(resolve("demo/DEMO").rule, DuelRule)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("looks") / "model")


def test_an_entrant_that_is_stopped_early_has_the_first_looks_of_its_full_scorecard(
    model: Path,
) -> None:
    drawn = draw_round(with_looks(4), 1)
    asked: list[int] = []

    def goes_on(card: Scorecard) -> bool:
        asked.append(card.looks)
        return card.looks < 2

    digest = "0" * 64
    full = evaluate(drawn, model, digest, LocalExecutor()).scorecard
    short = evaluate(drawn, model, digest, LocalExecutor(), goes_on=goes_on).scorecard
    assert asked == [1, 2]
    assert (full.looks, short.looks) == (4, 2)
    for name, task in short.tasks.items():
        assert task.samples == full.tasks[name].samples[:2]
    assert short.cost.requests < full.cost.requests


def test_an_entrant_that_is_never_stopped_has_the_same_scorecard_as_one_never_asked(
    model: Path,
) -> None:
    drawn = draw_round(with_looks(2), 1)
    asked = evaluate(drawn, model, "0" * 64, LocalExecutor(), goes_on=lambda _: True)
    assert asked.scorecard == evaluate(drawn, model, "0" * 64, LocalExecutor()).scorecard


def test_what_a_look_is_decided_by_is_what_the_worker_answered(model: Path) -> None:
    drawn = draw_round(with_looks(2), 1)
    cards: list[Scorecard] = []

    def goes_on(card: Scorecard) -> bool:
        cards.append(card)
        return True

    whole = evaluate(drawn, model, "0" * 64, LocalExecutor(), goes_on=goes_on).scorecard
    (partial,) = cards
    assert {name: task.samples for name, task in partial.tasks.items()} == {
        name: task.samples[:2] for name, task in whole.tasks.items()
    }
