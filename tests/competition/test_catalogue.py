"""The catalogue against subnet 37's record, whose figures are typed here and not read from it."""

import datetime as dt
from functools import cache

import pytest

from palio.competition.loading import catalogue, load_entry
from palio.competition.model import (
    BaselineNormalisation,
    Competition,
    DuelRule,
    FixedTokenizer,
    InverseExponential,
    RawNormalisation,
    WinRateRule,
)

EDITIONS = ["sn37", "sn37-reference"]
SN9, B7, I8B, D3B = "SN9_MODEL", "B7_MULTICHOICE", "INSTRUCT_8B", "DISTILLED_REASONING_3B"
entry = cache(load_entry)
NAMES = [SN9, B7, I8B, D3B]
GIB = 2**30

#: id, first block (None: not recorded), last block (None: open).
LIVE = {
    SN9: ("1", None, 3_819_199),
    B7: ("2", 3_790_400, 4_675_162),
    I8B: ("3", 4_451_695, 5_158_631),
    D3B: ("4", 5_158_632, None),
}
SEVEN = {"Mistral", "Llama", "Bart", "Falcon", "GPTNeoX", "Phi", "Gemma"}
#: architectures at the end, least and most parameters, bytes, window, fixed tokenizer.
CONSTRAINTS = {
    SN9: (SEVEN, 0, 6_900_000_000, 15 * GIB, 4_096, True),
    B7: (SEVEN, 0, 6_900_000_000, 15 * GIB, 4_096, True),
    I8B: (SEVEN | {"Gemma2", "Phi3"}, 0, 8_100_000_000, 20 * GIB, 4_096, False),
    D3B: (SEVEN | {"Gemma2", "Phi3"}, 3_200_000_000, 3_400_000_000, 15 * GIB, 16_384, True),
}
#: The whole reward from each block on; it adds up to 1 while any competition is live.
SHARES = [
    (3_790_400, {SN9: 0.95, B7: 0.05}),
    (3_794_000, {SN9: 0.90, B7: 0.10}),
    (3_797_600, {SN9: 0.85, B7: 0.15}),
    (3_801_200, {SN9: 0.80, B7: 0.20}),
    (3_804_800, {SN9: 0.75, B7: 0.25}),
    (3_808_400, {SN9: 0.70, B7: 0.30}),
    (3_812_000, {SN9: 0.65, B7: 0.35}),
    (3_815_600, {SN9: 0.60, B7: 0.40}),
    (3_819_200, {B7: 1.00}),
    (4_451_695, {B7: 0.90, I8B: 0.10}),
    (4_552_883, {B7: 0.75, I8B: 0.25}),
    (4_675_163, {I8B: 1.00}),
    (5_158_632, {D3B: 1.00}),
]
MMLU, WORDS, TEXTS, RULES = "SYNTHETIC_MMLU", "WORD_SORTING", "FINEWEB", "IF_EVAL"
#: Weights of MMLU, word sorting, FineWeb and IF_EVAL from each block on, and who has them.
WEIGHTS = [
    (3_790_400, (1.0, 0, 0, 0), [B7]),
    (4_139_465, (0.975, 0.025, 0, 0), [B7]),
    (4_250_808, (0.90, 0.05, 0.05, 0), [B7]),
    (4_344_030, (0.85, 0.05, 0.05, 0.05), [B7]),
    (4_451_695, (0.80, 0.05, 0.10, 0.05), [B7, I8B]),
    (4_523_592, (0.75, 0.05, 0.10, 0.10), [B7, I8B]),
    (4_675_163, (0.65, 0.05, 0.10, 0.20), [I8B]),
]


def block_of(day: str) -> int:
    """The catalogue's stated anchor: block 4,920,351 on 2025-02-13, 7,200 blocks a day."""
    days = (dt.date.fromisoformat(day) - dt.date(2025, 2, 13)).days
    return 4_920_351 + 7_200 * days


def at(name: str, block: int, edition: str = "sn37-reference") -> Competition:
    return entry(edition, name).at(block)


def win_rate(name: str, block: int) -> WinRateRule:
    rule = at(name, block).rule
    assert isinstance(rule, WinRateRule)
    return rule


def is_live(edition: str, name: str, block: int) -> bool:
    file = entry(edition, name)
    return any(stage.from_block <= block for stage in file.stages()) and (
        file.closes_at_block is None or block < file.closes_at_block
    )


def test_the_catalogue_holds_three_editions() -> None:
    assert dict(catalogue()) == {
        "demo": ("DEMO",),
        "sn37": tuple(sorted(NAMES)),
        "sn37-reference": tuple(sorted(NAMES)),
    }


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("name", NAMES)
def test_ids_and_live_windows(edition: str, name: str) -> None:
    identifier, first, last = LIVE[name]
    file = entry(edition, name)
    assert file.name == name
    assert file.current_or_last().id == identifier
    # The launch block of June 2024 is not recorded; the subnet's first block bounds it.
    assert file.opens_at_block == (3_138_611 if first is None else first)
    assert file.closes_at_block == (None if last is None else last + 1)
    assert file.deprecated is (name == SN9)


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("name", NAMES)
def test_constraints(edition: str, name: str) -> None:
    families, least, most, size, window, fixed = CONSTRAINTS[name]
    for stage in entry(edition, name).stages():
        constraints = stage.competition.constraints
        assert (constraints.min_parameters, constraints.max_parameters) == (least, most)
        assert constraints.max_bytes == size
        assert constraints.sequence_length == window
        assert constraints.dtype == "bfloat16"
        norms = constraints.norm_check
        assert norms is not None
        assert (norms.soft, norms.soft_share, norms.hard) == (200, 0.15, 1_000)
        if fixed:
            assert constraints.tokenizer == FixedTokenizer(kind="fixed", name="Xenova/gpt-4")
        else:
            assert constraints.tokenizer.kind == "own"
        llama_only = name == SN9 and stage.from_block < block_of("2024-06-14")
        expected = {"Llama"} if llama_only else families
        assert set(constraints.architectures) == {f"{one}ForCausalLM" for one in expected}


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize(("index", "step"), list(enumerate(SHARES)))
def test_reward_shares_change_exactly_at_their_blocks(
    edition: str, index: int, step: tuple[int, dict[str, float]]
) -> None:
    def shares(block: int) -> dict[str, float]:
        return {
            name: at(name, block, edition).reward_share
            for name in NAMES
            if is_live(edition, name, block)
        }

    block, expected = step
    assert shares(block) == expected
    assert sum(shares(block).values()) == pytest.approx(1.0)
    assert shares(block - 1) == (SHARES[index - 1][1] if index else {SN9: 1.0})
    assert shares(3_200_000) == {SN9: 1.0}


def weights_of(competition: Competition) -> tuple[float, ...]:
    assert competition.tasks.keys() <= {MMLU, WORDS, TEXTS, RULES}
    tasks = competition.tasks
    return tuple(tasks[name].weight if name in tasks else 0 for name in (MMLU, WORDS, TEXTS, RULES))


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize(("index", "step"), list(enumerate(WEIGHTS)))
def test_task_weights_change_exactly_at_their_blocks(
    edition: str, index: int, step: tuple[int, tuple[float, ...], list[str]]
) -> None:
    block, expected, names = step
    for name in names:
        assert weights_of(at(name, block, edition)) == expected
        first = LIVE[name][1]
        assert first is not None
        if block > first:
            assert weights_of(at(name, block - 1, edition)) == WEIGHTS[index - 1][1]


@pytest.mark.parametrize("edition", EDITIONS)
def test_instruct_8b_weighs_public_questions_less_from_march_2025(edition: str) -> None:
    block = block_of("2025-03-04")
    assert weights_of(at(I8B, block, edition)) == (0.30, 0.05, 0.35, 0.30)
    assert weights_of(at(I8B, block - 1, edition)) == (0.65, 0.05, 0.10, 0.20)
    assert weights_of(at(B7, 4_675_162, edition)) == (0.75, 0.05, 0.10, 0.10)


@pytest.mark.parametrize("edition", EDITIONS)
def test_distilled_reasoning_draws_from_two_sources_from_3_0_4(edition: str) -> None:
    def drawn(block: int) -> dict[str, tuple[float, int]]:
        tasks = at(D3B, block, edition).tasks
        return {name: (task.weight, task.samples) for name, task in tasks.items()}

    second = block_of("2025-03-25")
    assert drawn(5_158_632) == drawn(second - 1) == {"SYNTHETIC_1_SFT": (1.0, 150)}
    assert drawn(second) == {"SYNTHETIC_1_SFT": (0.5, 80), "CODEFORCES_COTS": (0.5, 80)}
    third = block_of("2025-04-01")
    assert drawn(third - 1) == drawn(second)
    assert drawn(third) == {"SYNTHETIC_1_SFT": (0.5, 120), "CODEFORCES_COTS": (0.5, 120)}


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize(
    ("day", "before", "after"),
    [
        ("2024-09-11", 200, 400),
        ("2024-09-26", 400, 300),
        ("2024-10-08", 300, 400),
        ("2024-11-01", 400, 700),
    ],
)
def test_the_number_of_questions_by_version(
    edition: str, day: str, before: int, after: int
) -> None:
    block = block_of(day)
    assert at(B7, block - 1, edition).tasks[MMLU].samples == before
    assert at(B7, block, edition).tasks[MMLU].samples == after


@pytest.mark.parametrize("edition", EDITIONS)
def test_sample_counts_of_the_other_tasks(edition: str) -> None:
    for name in (B7, I8B):
        for stage in entry(edition, name).stages():
            counts = {task: spec.samples for task, spec in stage.competition.tasks.items()}
            expected = {WORDS: 400, TEXTS: 400, RULES: 20}
            assert counts | expected == {MMLU: counts[MMLU]} | expected
            if name == I8B:
                assert counts[MMLU] == 700


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize(
    ("day", "cadence", "live"),
    [
        ("2024-11-01", 90, B7),
        ("2024-11-18", 180, B7),
        ("2024-12-04", 270, B7),
        ("2025-05-12", 360, D3B),
    ],
)
def test_cadence_by_version(edition: str, day: str, cadence: int, live: str) -> None:
    block = block_of(day)
    schedule = at(live, block, edition).schedule
    assert (schedule.cadence_blocks, schedule.genesis_block) == (cadence, 3_138_611)
    assert schedule.seconds_per_block == 12
    earlier = {90: 90, 180: 90, 270: 180, 360: 270}[cadence]
    assert at(live, block - 1, edition).schedule.cadence_blocks == earlier
    assert schedule.sync_block(block) == (block - 3_138_611) // cadence * cadence + 3_138_611


@pytest.mark.parametrize("edition", EDITIONS)
def test_evaluation_delays(edition: str) -> None:
    def delay(name: str, block: int) -> int:
        return at(name, block, edition).schedule.evaluation_delay_blocks

    july = block_of("2024-07-18")
    assert (delay(SN9, july - 1), delay(SN9, july), delay(SN9, 3_819_199)) == (0, 1_200, 1_200)
    december = block_of("2024-12-04")
    assert (delay(B7, 3_790_400), delay(B7, december - 1)) == (1_200, 1_200)
    assert (delay(B7, december), delay(B7, 4_675_162)) == (1_600, 1_600)
    assert {delay(I8B, s.from_block) for s in entry(edition, I8B).stages()} == {1_600}
    march, may = block_of("2025-03-19"), block_of("2025-05-12")
    assert (delay(D3B, march - 1), delay(D3B, march)) == (1_600, 370)
    assert (delay(D3B, may - 1), delay(D3B, may)) == (370, 460)


@pytest.mark.parametrize(
    ("name", "block", "start", "end", "days"),
    [
        (SN9, 3_200_000, 0.005, 0.005, 0),
        (SN9, 3_790_399, 0.005, 0.005, 0),
        (SN9, 3_790_400, 0.005, 0.001, 7),
        (B7, 3_790_400, 0.005, 0.001, 7),
        (B7, block_of("2024-09-11") - 1, 0.005, 0.001, 7),
        (B7, block_of("2024-09-11"), 0.05, 0.01, 5),
        (B7, 4_675_162, 0.05, 0.01, 5),
        (I8B, 4_451_695, 0.05, 0.01, 5),
        (I8B, block_of("2025-03-04") - 1, 0.05, 0.01, 5),
        (I8B, block_of("2025-03-04"), 0.05, 0.01, 1),
        (D3B, 5_158_632, 0.05, 0.01, 3),
        (D3B, 9_000_000, 0.05, 0.01, 3),
    ],
)
def test_reference_epsilon_by_age(
    name: str, block: int, start: float, end: float, days: int
) -> None:
    epsilon = at(name, block).epsilon
    assert epsilon.at(0) == epsilon.at(-5) == start
    assert epsilon.at(days * 7_200) == epsilon.at(10**9) == pytest.approx(end)
    assert epsilon.at(days * 3_600) == pytest.approx((start + end) / 2)
    if days:
        assert epsilon.at(days * 7_200 - 1) > end


def test_corrected_epsilon_is_the_first_movers_premium_alone() -> None:
    for name in NAMES:
        for stage in entry("sn37", name).stages():
            epsilon = stage.competition.epsilon
            ages = (0, 7_200, 14_400, 10**9)
            assert [epsilon.at(age) for age in ages] == pytest.approx([0.03, 0.02, 0.01, 0.01])


@pytest.mark.parametrize(
    ("name", "block", "retains", "threshold"),
    [
        (SN9, 3_138_611, 0.5, 0.0),
        (B7, 3_790_400, 0.5, 0.0),
        (B7, block_of("2024-11-01") - 1, 0.5, 0.0),
        (B7, block_of("2024-11-01"), 0.5, 0.005),
        (B7, block_of("2024-11-10"), 0.05, 0.1),
        (B7, block_of("2024-11-18") - 1, 0.05, 0.1),
        (B7, block_of("2024-11-18"), 0.9, 0.18),
        (B7, block_of("2024-12-04"), 0.85, 0.18),
        (I8B, 4_451_695, 0.85, 0.18),
        (I8B, 5_158_631, 0.85, 0.18),
        (D3B, 5_158_632, 0.85, 0.18),
        (D3B, block_of("2025-05-12"), 0.90, 0.18),
    ],
)
def test_reference_averages_and_thresholds(
    name: str, block: int, retains: float, threshold: float
) -> None:
    rule = win_rate(name, block)
    assert (rule.average_retains, rule.share_threshold) == (retains, threshold)
    assert (rule.keep_minimum, rule.history, rule.failed_tries) == (0.001, 3, 2)


def test_reference_keeps_three_models_in_the_end() -> None:
    assert win_rate(B7, 3_790_400).keep == 2
    assert win_rate(B7, block_of("2024-09-11")).keep == 4
    assert {
        win_rate(name, 5_158_631 if name == I8B else 9_999_999).keep for name in (I8B, D3B)
    } == {3}


def test_reference_scores_as_the_subnet_did() -> None:
    for name in NAMES:
        for stage in entry("sn37-reference", name).stages():
            for task, spec in stage.competition.tasks.items():
                ceilings = {WORDS: 40.0, TEXTS: 20.0}
                if task in ceilings:
                    assert isinstance(spec.normalisation, InverseExponential)
                    assert spec.normalisation.ceiling == ceilings[task]
                else:
                    assert isinstance(spec.normalisation, RawNormalisation)
                if task not in {MMLU, RULES}:
                    assert spec.method_options["unit"] == "nats_per_token"
    tasks = at(I8B, 5_158_631).tasks
    assert tasks[MMLU].method == "multiple_choice"
    assert tasks[MMLU].method_options["max_new_tokens"] == 20
    assert tasks[MMLU].method_options["repetition_penalty"] == 1.1
    assert tasks[RULES].method_options["max_new_tokens"] == 200
    assert tasks[RULES].method_options["repetition_penalty"] == 1.2
    assert tasks[RULES].method_options["weigh_by_rules"] is True


@pytest.mark.parametrize("edition", EDITIONS)
def test_rules_of_both_versions(edition: str) -> None:
    for block, version, counts in ((4_523_591, "V1", [1, 4]), (4_523_592, "V2", [2, 5])):
        for name in (B7, I8B):
            options = at(name, block, edition).tasks[RULES].dataset_options
            assert (options["version"], options["rule_counts"]) == (version, counts)


def test_reference_squares_the_share_of_rules_from_2_7_0() -> None:
    block = block_of("2024-12-10")
    for name in (B7, I8B):
        assert at(name, block - 1).tasks[RULES].method_options["score"] == "share"
        assert at(name, block).tasks[RULES].method_options["score"] == "squared"


def test_corrected_edition_scores_fairly() -> None:
    for name in NAMES:
        for stage in entry("sn37", name).stages():
            assert stage.competition.rule == DuelRule(kind="duel", looks=10)
            for task, spec in stage.competition.tasks.items():
                assert isinstance(spec.normalisation, BaselineNormalisation)
                assert "repetition_penalty" not in spec.method_options
                if task == MMLU:
                    assert spec.method == "choice_likelihood"
                    assert spec.normalisation.loss == 0.75
                elif task != RULES:
                    assert spec.method_options["unit"] == "bits_per_byte"


def test_both_editions_share_blocks_constraints_weights_and_shares() -> None:
    for name in NAMES:
        for stage in entry("sn37-reference", name).stages():
            mine, theirs = at(name, stage.from_block, "sn37"), stage.competition
            assert mine.constraints == theirs.constraints
            assert mine.schedule == theirs.schedule
            assert mine.reward_share == theirs.reward_share
            assert {task: (spec.weight, spec.samples) for task, spec in mine.tasks.items()} == {
                task: (spec.weight, spec.samples) for task, spec in theirs.tasks.items()
            }


def test_the_demo_is_small_and_has_every_kind_of_task() -> None:
    demo = entry("demo", "DEMO").current_or_last()
    assert demo.constraints.max_parameters <= 5_000_000
    assert demo.constraints.dtype == "float32"
    assert {spec.method for spec in demo.tasks.values()} == {
        "choice_likelihood",
        "reference_loss",
        "text_loss",
        "rule_following",
    }
