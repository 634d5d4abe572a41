"""``palio competition plan`` as a person and a script use it."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from palio.cli.main import app
from palio.errors import ConfigError

RUNNER = CliRunner()


def plan(*arguments: str | Path) -> str:
    done = RUNNER.invoke(app, ["competition", "plan", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_json_holds_both_divisions_of_samples_and_all_leads() -> None:
    found = json.loads(plan("demo/DEMO", "--lead", "0.03", "--lead", "0.05", "--json"))
    assert list(found["plans"]) == ["present", "cheapest"]
    present = found["plans"]["present"]
    assert present["samples"]["WORD_SORTING"] == 60
    assert [each["lead"] for each in present["leads"]] == [0.03, 0.05]
    for each in present["leads"]:
        assert each["crowned"]["items"] == 200 * each["crowned"]["rounds"]
        assert each["mean"]["items"] < each["crowned"]["items"]
    assert set(found["effective_weights"]) == set(found["tasks"])
    assert 0 < found["equal_beats_champion"] < 0.5


def test_measured_numbers_replace_the_stated_ones() -> None:
    usual = json.loads(plan("demo/DEMO", "--json"))
    given = json.loads(
        plan("demo/DEMO", "--spread", "WORD_SORTING=0.05", "--cost", "IF_EVAL=2", "--json")
    )
    assert given["tasks"]["WORD_SORTING"]["spread"] == 0.05
    assert given["tasks"]["IF_EVAL"]["seconds"] == 2
    assert given["plans"]["present"]["variance"] < usual["plans"]["present"]["variance"]
    assert (
        given["plans"]["present"]["seconds_per_round"]
        > usual["plans"]["present"]["seconds_per_round"]
    )


def test_words_say_what_to_change() -> None:
    text = plan("sn37/INSTRUCT_8B", "--lead", "0.02", "--lead", "0.03")
    assert "crown a lead of 3%" in text
    assert "A lead of 2% lies inside the zone (below 3%)" in text
    assert "max_items (60,000) ends duels before a lead of 3% is shown" in text


def test_a_win_rate_has_weights_and_luck_but_no_plan() -> None:
    found = json.loads(plan("sn37-reference/INSTRUCT_8B", "--json"))
    assert found["plans"] == {}
    assert found["effective_weights"]["WORD_SORTING"]["raw_gain_needed"] is None
    assert found["effective_weights"]["WORD_SORTING"]["share_of_score"] < 0.005


def test_the_picture_is_well_formed_and_holds_a_line_for_each_way(tmp_path: Path) -> None:
    picture = tmp_path / "plan.svg"
    plan("demo/DEMO", "--plot", picture)
    root = ElementTree.fromstring(picture.read_text(encoding="utf-8"))
    lines = [each for each in root if each.tag.endswith("polyline")]
    assert len(lines) == 3
    for line in lines:
        points = [tuple(map(float, each.split(","))) for each in line.attrib["points"].split()]
        assert all(0 <= x <= 640 and 0 <= y <= 400 for x, y in points)
        assert [y for _, y in points] == sorted(y for _, y in points)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--likeness", "twins"], "--likeness must be one of copies, siblings, independents"),
        (["--spread", "WORD_SORTING"], "--spread takes TASK=NUMBER, not 'WORD_SORTING'"),
        (["--cost", "A=1", "--cost", "A=2"], "--cost A is given twice"),
        (["--loss", "NONE=1"], "--loss NONE: no such task"),
        (["--lead", "3"], "--lead must lie between -1 and 1"),
        (["--power", "0.2"], "--power must lie from 0.5"),
    ],
)
def test_wrong_use_is_one_sentence(arguments: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        RUNNER.invoke(
            app,
            ["competition", "plan", "demo/DEMO", *arguments],
            catch_exceptions=False,
            standalone_mode=False,
        )
