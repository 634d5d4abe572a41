"""``palio simulate`` as a person and a script use it."""

import json

import pytest
import typer
from typer.testing import CliRunner, Result

from palio.cli import simulate
from palio.errors import ConfigError

SHORT = ("--seasons", "3", "--rounds", "20", "--seed", "5")


def run(*arguments: str) -> Result:
    app = typer.Typer()
    simulate.register(app)
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_json_is_one_object_that_the_seed_decides() -> None:
    first, second = run("demo/DEMO", *SHORT, "--json"), run("demo/DEMO", *SHORT, "--json")
    assert first.exit_code == 0
    assert first.stdout == second.stdout
    found = json.loads(first.stdout)
    assert (found["rule"], found["seed"], found["seasons"], found["rounds"]) == ("duel", "5", 3, 20)
    assert found["entrants"]["improvers"] == {"count": 3, "lead": 0.05}
    assert len(found["by_season"]) == 3
    for key in ("false_crownings", "regret", "items", "seconds", "crown_changes"):
        assert len(found[key]["interval"]) == 2
    assert found["false_per_duel"]["of"] > 0
    other = run("demo/DEMO", *SHORT[:-1], "6", "--json")
    assert other.stdout != first.stdout


def test_the_table_speaks_in_words_and_progress_goes_to_stderr() -> None:
    done = run("sn37-reference/INSTRUCT_8B", *SHORT, "--entrants", "siblings=3,improvers=1@0.1")
    assert "decides by win_rate: 3 season(s) of 20 rounds, seed 5." in done.stdout
    assert "Each season: the first model, then 3 siblings, 1 improvers." in done.stdout
    assert "of them to a model that was not better" in done.stdout
    assert "seasons 3 of 3" in done.stderr
    assert "seasons 3 of 3" not in done.stdout


def test_likeness_and_spreads_change_what_a_duel_takes() -> None:
    def items(*more: str) -> float:
        done = run("demo/DEMO", *SHORT, "--entrants", "siblings=5", *more, "--json")
        return float(json.loads(done.stdout)["items"]["mean"])

    assert items("--likeness", "copies") < items() < items("--likeness", "independents")
    assert items("--spread", "WORD_SORTING=0.6") > items()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--entrants", "robots=1"), "--entrants: 'robots' is unknown"),
        (("--seed", str(1 << 256)), "a seed has at most 256 bits"),
        (("--likeness", "twins"), "--likeness must be one of"),
        (("--spread", "NONE=1"), "--spread NONE: no such task"),
    ],
)
def test_wrong_use_is_one_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        run("demo/DEMO", *arguments)
