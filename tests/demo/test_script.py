"""The demo's script holds together: who copies whom, who can be evaluated when."""

from itertools import pairwise

import pytest

from palio.competition.loading import find
from palio.competition.model import Competition
from palio.demo.script import SIENA, VALIDATOR, DemoEntrant, Script, Trick
from palio.submissions.commitment import Commitment
from tests.demo.playing import LONGER, SHORT

SCRIPTS = [pytest.param(SIENA, id="siena"), pytest.param(LONGER, id="longer")]


def rules_of(script: Script) -> Competition:
    return find(script.competition).current_or_last()


def named(script: Script, trick: Trick) -> list[DemoEntrant]:
    return [entrant for entrant in script.entrants if entrant.trick is trick]


def test_at_least_four_entrants_really_differ() -> None:
    honest = named(SIENA, Trick.NONE)
    assert len(honest) >= 4
    assert len({(one.tokens, tuple(sorted((one.mixture or {}).items()))) for one in honest}) >= 4


def test_one_entrant_copies_and_one_is_broken() -> None:
    assert len(named(SIENA, Trick.COPY)) == len(named(SIENA, Trick.BROKEN)) == 1


@pytest.mark.parametrize("script", SCRIPTS)
def test_names_are_unique_and_fit_a_commitment_line(script: Script) -> None:
    names = [entrant.name for entrant in script.entrants]
    assert len({*names, VALIDATOR}) == len(names) + 1
    for name in names:
        line = Commitment(name, f"{name}-1", "0" * 40, "A" * 43 + "=", rules_of(script).id).line
        assert Commitment.parse(line).repository == f"{name}/{name}-1"


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_sources_of_every_mixture_add_up(script: Script) -> None:
    trained = [entrant.mixture for entrant in named(script, Trick.NONE)]
    for mixture in (script.base_mixture, *trained):
        assert mixture is not None
        assert sum(mixture.values()) == pytest.approx(1)


@pytest.mark.parametrize("script", SCRIPTS)
def test_tricks_are_played_with_the_model_of_an_earlier_honest_entrant(script: Script) -> None:
    honest = {entrant.name: entrant for entrant in named(script, Trick.NONE)}
    for entrant in script.entrants:
        if entrant.trick is not Trick.NONE:
            assert honest[entrant.of].block <= entrant.block
            assert script.entrants.index(honest[entrant.of]) < script.entrants.index(entrant)


@pytest.mark.parametrize("script", SCRIPTS)
def test_blocks_never_go_back(script: Script) -> None:
    blocks = [entrant.block for entrant in script.entrants]
    assert blocks == sorted(blocks)
    assert blocks[0] >= 1
    assert all(earlier < later for earlier, later in pairwise(script.rounds))


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_commitment_is_old_enough_for_a_round_that_is_played(script: Script) -> None:
    schedule = rules_of(script).schedule
    for sync_block in script.rounds:
        assert schedule.sync_block(sync_block) == sync_block
    for entrant in script.entrants:
        due = entrant.block + schedule.evaluation_delay_blocks
        assert any(entrant.block < block and due <= block for block in script.rounds)


def test_the_short_script_is_the_beginning_of_the_longer_one() -> None:
    assert LONGER.entrants[: len(SHORT.entrants)] == SHORT.entrants
    assert LONGER.rounds[: len(SHORT.rounds)] == SHORT.rounds
