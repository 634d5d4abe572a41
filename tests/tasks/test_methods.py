"""Every method's self-check on really drawn samples, and the arithmetic of losses."""

import math
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from palio.competition.model import TaskSpec
from palio.inference.protocol import (
    Answer,
    ChoiceAnswer,
    ChoiceRequest,
    GenerateRequest,
    LossAnswer,
    LossRequest,
    TextAnswer,
)
from palio.tasks.drawing import DrawnTask, draw_task
from palio.tasks.methods.multiple_choice import ChoiceLikelihood, GeneratedChoice, probabilities
from palio.tasks.methods.reference_loss import ReferenceLoss
from palio.tasks.methods.rule_following import RuleFollowing, prompt_of
from palio.tasks.methods.text_loss import TextLoss, cut_at_bytes
from palio.tasks.samples import (
    ChoiceSample,
    Provenance,
    Rule,
    RuledQuestion,
    RuleSample,
    SampleScore,
    TextSample,
    sample_id,
)

SOURCE = Provenance(source="test")
CHOICE = ChoiceSample("Which?", ("one", "two", "three", "four"), 2, SOURCE)


def _drawn(
    dataset: str,
    method: str,
    samples: int = 20,
    options: dict[str, JsonValue] | None = None,
) -> DrawnTask:
    spec = TaskSpec(
        dataset=dataset, method=method, method_options=options or {}, samples=samples, weight=1
    )
    return draw_task("T", spec, 11, "TEST")


def _worst(answer: Answer) -> Answer:
    """The answer of a model that is as wrong as can be, shaped like the gold answer."""
    match answer:
        case LossAnswer():
            return LossAnswer(1e4 * answer.bytes, answer.tokens, answer.bytes)
        case ChoiceAnswer():
            return ChoiceAnswer(tuple(50.0 - nats for nats in answer.nats))
        case TextAnswer():
            return TextAnswer("E is all I can say about it", 8, "length")


@pytest.mark.parametrize(
    ("dataset", "method", "options", "worst"),
    [
        ("embedded_choices", "multiple_choice", {}, 1.0),
        ("facts", "multiple_choice", {"parser": "first_word"}, 1.0),
        ("facts", "choice_likelihood", {}, 1.0),
        ("facts", "choice_likelihood", {"of": "texts", "instruction": ""}, 1.0),
        ("words", "reference_loss", {}, None),
        ("dyck", "reference_loss", {"unit": "nats_per_token"}, None),
        ("embedded_dialogues", "reference_loss", {}, None),
        ("embedded_passages", "text_loss", {}, 8.0),
        ("embedded_passages", "text_loss", {"unit": "nats_per_token"}, None),
        ("rules", "rule_following", {}, 1.0),
        ("rules", "rule_following", {"score": "share", "weigh_by_rules": True}, 1.0),
    ],
)
def test_gold_is_best_and_wrong_is_worst(
    dataset: str, method: str, options: dict[str, JsonValue], worst: float | None
) -> None:
    drawn = _drawn(dataset, method, options=options)
    gold = [drawn.method.judge(item, drawn.method.gold_answers(item)) for item in drawn.samples]
    assert drawn.method.aggregate(gold) == 0.0
    assert [score.sample for score in gold] == [sample_id(item) for item in drawn.samples]
    wrong = [
        drawn.method.judge(item, [_worst(answer) for answer in drawn.method.gold_answers(item)])
        for item in drawn.samples
    ]
    raw = drawn.method.aggregate(wrong)
    if worst is None:
        assert raw > 100
    else:
        assert raw == pytest.approx(worst)


@pytest.mark.parametrize(
    ("dataset", "method"), [("facts", "multiple_choice"), ("rules", "rule_following")]
)
def test_silence_costs_everything(dataset: str, method: str) -> None:
    drawn = _drawn(dataset, method)
    for item in drawn.samples:
        silence: list[Answer] = [TextAnswer("", 0, "stop") for _ in drawn.method.requests(item)]
        assert drawn.method.judge(item, silence).loss == 1.0


def test_one_canned_text_for_both_questions_costs_everything() -> None:
    drawn = _drawn("rules", "rule_following")
    canned: Answer = TextAnswer("It is well to say that all this is known to many.", 12, "stop")
    for item in drawn.samples:
        score = drawn.method.judge(item, [canned, canned])
        assert score.loss == 1.0
        assert score.detail["duplicate"]


def test_choice_prompt_is_sn37s_form_without_the_answer() -> None:
    [request] = GeneratedChoice(instruction="").requests(CHOICE)
    assert isinstance(request, GenerateRequest)
    assert request.messages[0].content == (
        "Which?\n\nA. one\nB. two\nC. three\nD. four\n\nAnswer: "
    )
    [request] = GeneratedChoice(instruction="", one_shot=True).requests(CHOICE)
    assert isinstance(request, GenerateRequest)
    assert request.messages[0].content.startswith("[Example 1]\nWhat is the capital of Texas?\n\n")
    assert "Answer: C\n\n[Input Question]\nWhich?\n\nA. one" in request.messages[0].content


def test_only_the_first_word_reading_may_cut_generation_short() -> None:
    [short] = GeneratedChoice(parser="first_word").requests(CHOICE)
    [whole] = GeneratedChoice().requests(CHOICE)
    assert isinstance(short, GenerateRequest)
    assert isinstance(whole, GenerateRequest)
    assert short.decide_among == ("A", "B", "C", "D")
    assert whole.decide_among == ()


def test_unparsed_replies_are_wrong_and_told_apart() -> None:
    score = GeneratedChoice().judge(CHOICE, [TextAnswer("perhaps", 1, "stop")])
    assert (score.loss, score.detail["unparsed"], score.detail["answer"]) == (1.0, True, None)
    score = GeneratedChoice().judge(CHOICE, [TextAnswer("B", 1, "stop")])
    assert (score.loss, score.detail["unparsed"], score.detail["answer"]) == (1.0, False, "B")


def test_likelihood_loss_is_the_probability_withheld() -> None:
    nats = tuple(-math.log(p) for p in (0.1, 0.2, 0.3, 0.15))
    score = ChoiceLikelihood().judge(CHOICE, [ChoiceAnswer(nats)])
    assert score.loss == pytest.approx(1 - 0.3 / 0.75)
    [request] = ChoiceLikelihood().requests(CHOICE)
    assert isinstance(request, ChoiceRequest)
    assert request.choices == ("A", "B", "C", "D")


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=6))
def test_probabilities_add_up_to_one(nats: list[float]) -> None:
    assert math.fsum(probabilities(nats)) == pytest.approx(1.0)


def test_units_of_loss() -> None:
    [sample] = _drawn("words", "reference_loss", 1).samples
    answer = LossAnswer(nats=8 * math.log(2), tokens=2, bytes=4)
    assert ReferenceLoss().judge(sample, [answer]).loss == pytest.approx(2.0)
    per_token = ReferenceLoss(unit="nats_per_token")
    assert per_token.judge(sample, [answer]).loss == pytest.approx(4 * math.log(2))
    assert (ReferenceLoss().unit, per_token.natural) == ("bits/byte", "nats/token")


def test_a_document_never_costs_more_than_the_uniform_byte_model() -> None:
    score = TextLoss().judge(TextSample("abcd", SOURCE), [LossAnswer(1e6, 4, 4)])
    assert score.loss == 8.0


def test_answers_that_do_not_fit_are_an_error_not_a_score() -> None:
    text: Answer = TextAnswer("A", 1, "stop")
    loss: Answer = LossAnswer(1.0, 1, 1)
    with pytest.raises(ValueError, match="one text"):
        GeneratedChoice().judge(CHOICE, [loss])
    with pytest.raises(ValueError, match="one loss"):
        TextLoss().judge(TextSample("a", SOURCE), [text])
    with pytest.raises(ValueError, match="over no text"):
        TextLoss().judge(TextSample("a", SOURCE), [LossAnswer(0.0, 0, 0)])
    with pytest.raises(ValueError, match="3 likelihoods for 4"):
        ChoiceLikelihood().judge(CHOICE, [ChoiceAnswer((1.0, 1.0, 1.0))])
    with pytest.raises(ValueError, match="no sample"):
        TextLoss().aggregate([])


@given(st.text(min_size=1, max_size=400), st.integers(64, 300))
def test_cut_is_a_beginning_within_the_bytes(text: str, size: int) -> None:
    kept = cut_at_bytes(text, size)
    assert text.startswith(kept)
    assert len(kept.encode()) <= size
    assert len(kept.encode()) >= min(len(text.encode()), size // 2 - 4)


def test_cut_falls_between_words_and_never_inside_a_character() -> None:
    assert cut_at_bytes("word " * 30, 64) == ("word " * 13)[:64].rstrip()
    assert cut_at_bytes("\u6f22" * 40, 64) == "\u6f22" * 21
    [request] = TextLoss(max_bytes=64, long="truncate").requests(TextSample("word " * 30, SOURCE))
    assert request == LossRequest((), "word " * 12 + "word", "truncate")


RULED = RuleSample(
    (
        RuledQuestion("Why?", "Because.", (Rule("no_commas"), Rule("all_upper_case"))),
        RuledQuestion("Where?", "Here.", (Rule("no_commas"), Rule("all_upper_case"))),
    ),
    SOURCE,
)


@pytest.mark.parametrize(("score", "loss"), [("squared", 0.375), ("share", 0.25)])
def test_rule_losses(score: Literal["squared", "share"], loss: float) -> None:
    method = RuleFollowing(score=score, weigh_by_rules=True)
    answers: list[Answer] = [
        TextAnswer("BECAUSE IT IS", 3, "stop"),
        TextAnswer("here in town", 3, "stop"),
    ]
    judged = method.judge(RULED, answers)
    assert judged.loss == pytest.approx(loss)
    assert judged.weight == 2.0
    assert judged.detail["responses"][1]["broken"] == [
        "All letters in the response must be uppercase."
    ]


def test_weights_count_in_the_mean() -> None:
    scores = [SampleScore("a", 1.0, weight=3.0), SampleScore("b", 0.0, weight=1.0)]
    assert RuleFollowing().aggregate(scores) == 0.75


def test_natural_units() -> None:
    assert GeneratedChoice().in_natural_unit(0.25) == 0.75
    assert RuleFollowing().in_natural_unit(0.75) == 0.5
    assert RuleFollowing(score="share").in_natural_unit(0.25) == 0.75
    assert TextLoss().in_natural_unit(1.25) == 1.25


def test_rule_prompt_is_sn37s() -> None:
    assert prompt_of(RULED.questions[0]) == (
        "Please answer the question below, denoted between quotes. Your response must follow "
        "these rules:\n1. Do not use any commas in your response.\n"
        '2. All letters in the response must be uppercase.\n\n"Why?"'
    )
