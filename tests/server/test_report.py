"""The report of an evaluation: one file that holds everything and runs nothing."""

import pytest

from palio.errors import Fault
from palio.evaluation.scorecard import Unscored
from palio.server.report import render_report
from palio.tasks.drawing import Round, draw_round
from tests.server.season import HOSTILE, demo, scorecard
from tests.server.test_pages import tags_of


@pytest.fixture(scope="module")
def drawn() -> Round:
    return draw_round(demo(), 77)


@pytest.fixture(scope="module")
def html(drawn: Round) -> str:
    failure = Unscored("", "E_RT_OOM", HOSTILE, Fault.PARTICIPANT, "Submit a smaller model.")
    return render_report(
        drawn.competition,
        drawn,
        [
            ("worse", scorecard(drawn, "b" * 64, "b", 0.9)),
            (HOSTILE, scorecard(drawn, "a" * 64, "a", 0.7)),
            ("broken", failure),
        ],
    )


def test_report_loads_and_runs_nothing(html: str) -> None:
    for tag, attributes in tags_of(html):
        assert tag not in {"script", "img", "iframe", "object", "link"}
        assert not any(name.startswith("on") for name in attributes)
        assert (attributes.get("href") or "#").startswith("#")
    assert "@import" not in html
    assert "url(" not in html


def test_better_model_stands_first_and_the_failed_one_says_why(html: str) -> None:
    assert html.index("&lt;script&gt;") < html.index(">worse<")
    assert "E_RT_OOM" in html
    assert "Submit a smaller model." in html


def test_report_says_how_to_repeat_it(html: str, drawn: Round) -> None:
    assert "palio evaluate MODEL... -c DEMO --seed 77</code>" in html
    assert drawn.samples_digest in html
    assert "transformers 5.17.1" in html


def test_trial_with_other_counts_names_them() -> None:
    drawn = draw_round(demo(), 5, samples=3)
    html = render_report(drawn.competition, drawn, [("m", scorecard(drawn, "a" * 64, "a", 1.0))])
    assert "--seed 5 --samples 3</code>" in html


def test_report_without_any_score_still_says_why(drawn: Round) -> None:
    failure = Unscored("", "E_RT_TIMEOUT", "it was too slow", Fault.PARTICIPANT)
    html = render_report(drawn.competition, drawn, [("slow", failure)])
    assert "it was too slow" in html
    assert "<table" not in html


def test_scorecard_of_other_samples_is_refused(drawn: Round) -> None:
    other = draw_round(demo(), 5, samples=3)
    with pytest.raises(ValueError, match="not those of the scorecard"):
        render_report(drawn.competition, drawn, [("m", scorecard(other, "a" * 64, "a", 1.0))])
