from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palio.competition.model import Competition
from palio.contest.entrants import Entrant, EntrantResult
from palio.contest.outcome import StoredRound, Verdict
from palio.contest.verdict import decide, history_from
from palio.errors import Fault
from palio.evaluation.scorecard import Scorecard
from palio.records.rows import Submission, SubmissionState
from palio.server.board import Board, board_of, rule_in_words
from palio.server.board_rows import LatestCard, Row
from palio.server.units import limits_text, natural_text, signed_percent
from palio.validator.naming import with_names
from tests.contest.building import DUEL, WIN_RATE, competition, facts, scorecard, unscored


def digest(letter: str) -> str:
    return letter * 64


def submission(
    letter: str,
    number: int,
    *,
    state: SubmissionState = SubmissionState.ADMITTED,
    block: int = 1,
    participant: str = "",
    name: str = "",
    code: str | None = None,
) -> Submission:
    refused = state is SubmissionState.REFUSED
    return Submission(
        id=number,
        commitment=f"{number:064x}",
        line="a:b:c:d:T",
        participant=participant or f"participant of {digest(letter)}",
        block=block,
        sequence=number,
        competition_id="T",
        namespace="siena",
        name=name or f"model-{letter}",
        commit=None,
        secure_hash=None,
        content_digest=None if refused else digest(letter),
        weights_digest=None,
        state=state,
        code=code,
        message="the weights are broken" if refused else None,
        hint="Train again." if refused else None,
        evidence=None,
        received_at=datetime(2026, 7, 2, tzinfo=UTC),
        decided_at=None,
    )


class Season:
    """Rounds of the two-task competition, one loss for all of a model's samples."""

    def __init__(self, of: Competition, entered: list[Submission]) -> None:
        self.competition = of
        self.entered = entered
        self.stored: list[StoredRound] = []
        self.cards: dict[str, LatestCard] = {}

    def play(self, block: int, losses: dict[str, float | Fault]) -> Verdict:
        about = facts(block)
        results: dict[str, EntrantResult] = {}
        for letter, loss in losses.items():
            name = digest(letter)
            if isinstance(loss, Fault):
                results[name] = unscored(name, loss)
                continue
            card = scorecard(self.competition, about, name, loss)
            results[name] = card
            self.cards[name] = LatestCard(block, card.digest, card)
        verdict = decide(
            self.competition,
            about,
            [
                Entrant(each.content_digest, each.participant, each.block, each.sequence)
                for each in self.entered
                if each.content_digest is not None and each.block <= block
            ],
            results,
            history_from(self.competition, self.stored),
        )
        self.stored.append(StoredRound(verdict, results))
        return verdict

    def board(self) -> Board:
        verdicts = [each.verdict for each in self.stored]
        return board_of(self.competition, verdicts, self.cards, self.entered)


def rows(board: Board) -> dict[str, Row]:
    return {row.name: row for row in board.rows}


def test_champion_leads_the_board_and_the_refused_stand_last() -> None:
    season = Season(
        competition(),
        [
            submission("r", 1, state=SubmissionState.REFUSED, code="E_ST_NONFINITE"),
            submission("a", 2),
            submission("b", 3),
        ],
    )
    season.play(1000, {"a": 1.0, "b": 0.6})
    board = season.board()
    assert [row.name for row in board.rows] == ["model-b", "model-a", "model-r"]
    assert [row.rank for row in board.rows] == [1, 2, None]
    assert [row.status for row in board.rows] == ["champion", "dethroned", "refused"]
    assert (board.champion_name, board.crowned_at_block) == ("model-b", 1000)
    assert [row.share for row in board.rows] == [1.0, 0.0, 0.0]


def test_refused_row_carries_code_sentence_and_hint() -> None:
    refused = submission("r", 1, state=SubmissionState.REFUSED, code="E_ST_NONFINITE")
    (row,) = Season(competition(), [refused]).board().rows
    assert (row.code, row.sentence, row.hint) == (
        "E_ST_NONFINITE",
        "the weights are broken",
        "Train again.",
    )


def test_refused_copy_is_called_a_copy() -> None:
    refused = submission("r", 1, state=SubmissionState.REFUSED, code="E_COPY_EXACT")
    (row,) = Season(competition(), [refused]).board().rows
    assert row.status == "copy"


def test_reasons_use_names_instead_of_digests() -> None:
    season = Season(competition(), [submission("a", 1), submission("b", 2)])
    season.play(1000, {"a": 1.0, "b": 0.6})
    assert season.board().reason.startswith("model-b takes the crown from model-a: it leads by ")


def test_refused_copy_names_the_original() -> None:
    copy = submission("r", 2, state=SubmissionState.REFUSED, code="E_COPY_EXACT")
    copy = replace(copy, message=f"a copy of {digest('a')[:12]}")
    board = Season(competition(), [submission("a", 1), copy]).board()
    assert rows(board)["model-r"].sentence == "a copy of model-a"


def test_unknown_digest_in_a_sentence_stays_as_it_is() -> None:
    known = {digest("a"): "aquila"}
    sentence = "aaaaaaaaaaaa beats bbbbbbbbbbbb by 4200000000000"
    assert with_names(sentence, known) == "aquila beats bbbbbbbbbbbb by 4200000000000"


def test_crowning_is_remembered_while_the_reign_lasts() -> None:
    season = Season(competition(), [submission("a", 1), submission("b", 2)])
    crowning = season.play(1000, {"a": 1.0, "b": 0.6})
    season.play(2000, {"a": 1.0, "b": 0.6})
    board = season.board()
    assert board.crowned_at_block == crowning.sync_block
    assert "takes the crown" in board.crowned_because
    assert "stays champion" in board.reason


def test_entrant_not_evaluated_again_keeps_its_numbers() -> None:
    season = Season(competition(), [submission("a", 1), submission("b", 2), submission("c", 3)])
    season.play(1000, {"a": 1.0, "b": 2.0, "c": 1.0})
    before = rows(season.board())["model-b"]
    assert before.status == "dropped"
    season.play(2000, {"a": 1.0, "c": 1.0})
    after = rows(season.board())["model-b"]
    assert (after.status, after.lead, after.round) == ("dropped", before.lead, 1000)
    assert after.rank is not None


def test_postponed_round_leaves_every_standing_as_it_was() -> None:
    season = Season(competition(), [submission("a", 1), submission("b", 2)])
    season.play(1000, {"a": 1.0, "b": 0.6})
    before = season.board()
    season.play(2000, {"b": Fault.PLATFORM, "a": 1.0})
    after = season.board()
    assert after.last_round is not None
    assert after.last_round.outcome == "postponed"
    assert after.rounds_played == 1
    assert [(row.name, row.rank, row.status) for row in after.rows] == [
        (row.name, row.rank, row.status) for row in before.rows
    ]


def test_leads_against_a_former_champion_do_not_rank() -> None:
    entered = [submission("a", 1), submission("b", 2), submission("c", 3, block=1500)]
    season = Season(competition(), entered)
    season.play(1000, {"a": 1.0, "b": 2.0})
    season.play(2000, {"a": 1.0, "c": 0.5})
    crowned = rows(season.board())
    assert crowned["model-b"].rank == 3, "the crowning round still measures against the former"
    season.play(3000, {"c": 0.5, "a": 1.0})
    later = rows(season.board())
    assert later["model-b"].rank is None
    assert later["model-c"].rank == 1


def test_failed_and_waiting_entrants_are_unranked() -> None:
    entered = [submission("a", 1), submission("b", 2), submission("c", 3)]
    season = Season(competition(), entered)
    season.play(1000, {"a": 1.0, "b": Fault.PARTICIPANT, "c": Fault.PLATFORM})
    found = rows(season.board())
    assert (found["model-b"].status, found["model-b"].code) == ("failed", "E_RT_TEST")
    assert found["model-c"].status == "waiting"
    assert [found["model-b"].rank, found["model-c"].rank] == [None, None]


def test_same_content_by_two_participants_is_one_entrant_and_one_copy() -> None:
    entered = [submission("a", 1, name="first"), submission("a", 2, name="second", participant="p")]
    season = Season(competition(), entered)
    season.play(1000, {"a": 1.0})
    found = rows(season.board())
    assert found["first"].status == "champion"
    copy = found["second"]
    assert (copy.status, copy.share, copy.score) == ("copy", 0.0, None)


def test_later_commitment_of_a_participant_supersedes_the_earlier() -> None:
    entered = [submission("a", 1), submission("b", 2, participant="p")]
    later = submission("c", 3, participant="p", block=1500)
    season = Season(competition(), [*entered, later])
    season.play(1000, {"a": 1.0, "b": 1.0})
    assert rows(season.board())["model-b"].rank == 2
    season.play(2000, {"a": 1.0, "c": 1.0})
    found = rows(season.board())
    assert (found["model-b"].status, found["model-b"].rank) == ("superseded", None)
    assert found["model-c"].rank == 2


def test_admitted_newcomer_is_told_its_first_round() -> None:
    of = competition()
    schedule = of.schedule.model_copy(update={"cadence_blocks": 100, "evaluation_delay_blocks": 30})
    of = of.model_copy(update={"schedule": schedule})
    season = Season(of, [submission("a", 1), submission("b", 2, block=1080)])
    season.play(1000, {"a": 1.0})
    assert "round of block 1,200" in rows(season.board())["model-b"].sentence


def test_names_that_clash_are_told_apart() -> None:
    entered = [submission("a", 1, name="x"), submission("b", 2, name="x", block=7)]
    board = Season(competition(), entered).board()
    assert [row.name for row in board.rows] == ["siena/x of block 1", "siena/x of block 7"]


def test_win_rate_ranks_by_wins_and_says_them() -> None:
    season = Season(competition(WIN_RATE), [submission("a", 1), submission("b", 2)])
    season.play(1000, {"a": 1.0, "b": 0.6})
    first, second = season.board().rows
    assert (first.name, first.wins, first.share) == ("model-b", (1, 1), 1.0)
    assert (second.name, second.wins, second.share) == ("model-a", (0, 1), 0.0)


def test_board_of_nothing_says_so() -> None:
    board = Season(competition(), []).board()
    assert (board.rows, board.champion, board.last_round) == ((), None, None)
    assert board.reason == "No round has been decided yet."


def test_history_holds_the_champion_and_scores_of_every_round() -> None:
    season = Season(competition(), [submission("a", 1), submission("b", 2)])
    season.play(1000, {"a": 1.0, "b": 0.6})
    season.play(2000, {"a": 1.1, "b": 0.6})
    history = season.board().history
    assert [point.champion for point in history] == [digest("b"), digest("b")]
    assert [round(point.scores[digest("a")], 6) for point in history] == [1.0, 1.1]


def test_natural_interval_follows_the_unit_and_ends_with_its_scale() -> None:
    of = competition(samples=2)
    spec = of.tasks["CHOICE"].model_copy(update={"method": "multiple_choice"})
    of = of.model_copy(update={"tasks": {**of.tasks, "CHOICE": spec}})
    season = Season(of, [submission("a", 1)])
    season.play(1000, {"a": 0.2})
    held = season.cards[digest("a")]
    tasks = dict(held.card.tasks)
    task = replace(tasks["CHOICE"], natural=0.9, natural_unit="accuracy")
    tasks["CHOICE"] = replace(task, interval=type(task.interval)(-0.1, 0.3))
    season.cards[digest("a")] = replace(held, card=replace(held.card, tasks=tasks))
    cell = season.board().rows[0].tasks["CHOICE"]
    assert cell.interval == pytest.approx((0.7, 1.0))


@pytest.mark.parametrize("rule", [DUEL, WIN_RATE])
def test_every_rule_has_words(rule: object) -> None:
    of = competition().model_copy(update={"rule": rule})
    assert "1%" in rule_in_words(of)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0431, "+4.3%"), (-0.0004, "+0.0%"), (-0.2, "\N{MINUS SIGN}20.0%")],
)
def test_leads_are_signed(value: float, text: str) -> None:
    assert signed_percent(value) == text


def test_missing_lower_limit_is_shown_as_unknown() -> None:
    assert limits_text((None, 0.065)) == "?, +6.5"


def test_shares_read_as_percentages_and_losses_as_they_are() -> None:
    assert natural_text(0.6333, "accuracy") == "63.3%"
    assert natural_text(2.4154, "bits/byte") == "2.415"


LOSSES = st.dictionaries(st.sampled_from("abcde"), st.floats(0.2, 3.0), min_size=1)


@settings(max_examples=30, deadline=None)
@given(first=LOSSES, second=LOSSES, order=st.permutations("abcde"))
def test_ranks_count_up_and_the_champion_is_first(
    first: dict[str, float], second: dict[str, float], order: list[str]
) -> None:
    entered = [submission(letter, number) for number, letter in enumerate("abcde", start=1)]
    season = Season(competition(samples=5), entered)
    season.play(1000, dict(first))
    season.play(2000, dict(second))
    board = season.board()
    ranks = [row.rank for row in board.rows if row.rank is not None]
    assert ranks == list(range(1, len(ranks) + 1))
    assert [row.rank for row in board.rows[: len(ranks)]] == ranks
    assert board.champion is None or board.rows[0].submission == board.champion
    shuffled = sorted(entered, key=lambda each: order.index((each.content_digest or "")[0]))
    verdicts = [each.verdict for each in season.stored]
    assert board_of(season.competition, verdicts, season.cards, shuffled) == board
    assert isinstance(board.to_json()["rows"], (list, tuple))
    assert all(isinstance(one.card, Scorecard) for one in season.cards.values())
