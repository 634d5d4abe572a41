"""Why somebody won or lost, from real records: whose report, which rounds, what is shown."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from palio.competition.model import DuelRule, WinRateRule
from palio.errors import ConfigError, RecordsError
from palio.records.store import Records
from palio.server.archive import Archive
from palio.server.duel_report import duel_report, render_duel
from palio.server.entrant_search import find_entrant
from tests.server import season as season_of_tests
from tests.server.season import ENTRIES, HOSTILE, content_digest, play_season


@pytest.fixture
def archive(season: Records) -> Archive:
    return Archive(season, {})


def test_report_of_a_loser_is_about_its_last_duel(archive: Archive) -> None:
    report = duel_report(archive, "DEMO", "bruco")
    verdict = archive.verdicts("DEMO")[-1]
    row = next(each for each in verdict.entrants if each.submission == content_digest("bruco"))
    assert row.duel is not None
    assert report.sync_block == verdict.sync_block == 30
    assert (report.challenger, report.champion) == ("bruco", "civetta")
    assert report.explanation.lead == row.duel.lead
    assert report.explanation.samples == row.duel.items
    assert report.words[0].startswith("bruco did not take the crown from civetta")


def test_numbers_add_up_to_the_lead_of_the_verdict(archive: Archive) -> None:
    for entry in ("aquila", "bruco", "civetta", "drago"):
        found = duel_report(archive, "DEMO", entry).explanation
        assert found.lead is not None
        for groups in ([task.group for task in found.tasks], found.topics, found.difficulties):
            total = sum(group.contribution for group in groups)
            assert total == pytest.approx(found.lead, abs=2e-6)


def test_champion_is_told_how_it_won_and_the_dethroned_how_it_lost(archive: Archive) -> None:
    won = duel_report(archive, "DEMO", "civetta")
    assert (won.sync_block, won.status) == (20, "champion")
    assert won.words[0].startswith("civetta took the crown from aquila")
    lost = duel_report(archive, "DEMO", "aquila", 20)
    assert lost.status == "dethroned"
    assert lost.words[0].startswith("aquila lost the crown to civetta")
    assert lost.explanation == won.explanation


def test_samples_shown_are_those_of_the_evidence_with_both_answers(archive: Archive) -> None:
    report = duel_report(archive, "DEMO", "drago")
    asked = archive.samples(archive.rounds("DEMO")[-1])
    texts = " ".join(
        " ".join(str(sample).split()) for samples in asked.values() for sample in samples
    )
    assert len(report.for_champion) == len(report.for_challenger) == 10
    for shown in (*report.for_champion, *report.for_challenger):
        assert shown.champion.sample == shown.challenger.sample
        assert shown.champion.asked.split()[0] in texts
    strongest = report.for_challenger[0]
    assert strongest.challenger.loss < strongest.champion.loss


@pytest.mark.parametrize(
    ("entrant", "sentence"),
    [
        ("giraffa", "was compared with no champion"),
        ("leocorno", "that ends its duel with this champion"),
        ("lupa", "is received and has taken part in no round yet"),
        ("nobody", "no entrant is called 'nobody'; there are siena/aquila"),
    ],
)
def test_where_nothing_can_be_explained_the_reason_is_told(
    archive: Archive, entrant: str, sentence: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        duel_report(archive, "DEMO", entrant)


def test_another_round_or_competition_is_refused_with_those_there_are(archive: Archive) -> None:
    with pytest.raises(ConfigError, match=r"was not compared .* it was in the rounds of 20, 30"):
        duel_report(archive, "DEMO", "drago", 10)
    with pytest.raises(ConfigError, match="no competition 'PALIO'; they hold DEMO"):
        duel_report(archive, "PALIO", "drago")


def test_entrants_are_found_by_name_and_by_digest(season: Records) -> None:
    submissions = season.submissions("D")
    bruco = next(each for each in submissions if each.name == "bruco")
    digest = content_digest("bruco")
    for wanted in ("bruco", "siena/bruco", digest, digest[:8], bruco.commitment[:12]):
        assert find_entrant(submissions, wanted) == bruco
    common = ""
    while sum((each.content_digest or "").startswith(common) for each in submissions) > 1:
        shared, common = common, digest[: len(common) + 1]
    if shared:
        with pytest.raises(ConfigError, match="may mean"):
            find_entrant(submissions, shared)
    with pytest.raises(ConfigError, match="nobody has entered yet"):
        find_entrant([], "bruco")
    with pytest.raises(ConfigError, match="no entrant is called ''"):
        find_entrant(submissions, "")


def test_html_stands_alone_and_holds_nobodys_markup(archive: Archive) -> None:
    page = render_duel(duel_report(archive, "DEMO", "bruco"))
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page, "an answer is shown, as text"
    tags: list[tuple[str, dict[str, str | None]]] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append((tag, dict(attrs)))

    Tags().feed(page)
    assert not {tag for tag, _ in tags} & {"script", "link", "img", "iframe", "object"}
    assert not [attrs for _, attrs in tags if {"src", "href", "onclick", "style"} & attrs.keys()]
    bars = [attrs["aria-label"] or "" for tag, attrs in tags if tag == "svg"]
    assert bars[0].startswith("lead: ")
    assert any(label.startswith("WORD_SORTING: ") for label in bars)
    words = duel_report(archive, "DEMO", "bruco").words
    assert all(sentence in page for sentence in words)


def test_json_is_plain_and_names_both(archive: Archive) -> None:
    value = json.loads(json.dumps(duel_report(archive, "DEMO", "bruco").to_json(), allow_nan=False))
    assert value["entrant"]["name"] == value["challenger"]["name"] == "bruco"
    assert value["champion"] == {"submission": content_digest("civetta"), "name": "civetta"}
    assert value["verdict"] == "drop"
    assert value["rounds"] == [30]
    task = next(each for each in value["tasks"] if each["name"] == "FINEWEB")
    assert task["unit"] == "bits/byte"
    assert task["champion"] < task["challenger"]
    assert task["gain"].keys() == {"to_lead", "to_win"}
    shown = value["samples"]["for_champion"][0]
    assert shown["champion"]["loss"] < shown["challenger"]["loss"]
    assert shown["asked"]


def test_duel_over_several_rounds_rests_on_all_of_them(tmp_path: Path) -> None:
    entries = tuple(each for each in ENTRIES if each.name in ("aquila", "bruco"))
    near = (entries[0], type(entries[1])("bruco", 4, 0.965))
    with play_season(tmp_path, entries=near) as records:
        report = duel_report(Archive(records, {}), "DEMO", "bruco")
        assert report.explanation.rounds == (10, 20, 30)
        assert report.explanation.samples == 3 * 174


def test_missing_evidence_is_one_sentence(tmp_path: Path) -> None:
    with play_season(tmp_path) as records:
        archive = Archive(records, {})
        digest = archive.scorecard_digests(archive.rounds("DEMO")[-1])[content_digest("bruco")]
        records.evidence.path(digest).unlink()
        with pytest.raises(RecordsError, match="is missing from"):
            duel_report(archive, "DEMO", "bruco")


def test_under_the_win_rate_rule_the_champion_of_the_round_is_the_measure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = WinRateRule(kind="win_rate", average_retains=0.9, share_threshold=0.18)
    competition = season_of_tests.demo().model_copy(update={"rule": rule})
    monkeypatch.setattr(season_of_tests, "demo", lambda: competition)
    with play_season(tmp_path) as records:
        archive = Archive(records, {})
        report = duel_report(archive, "DEMO", "drago")
        found = report.explanation
        assert (found.rule, found.verdict, found.rounds) == ("win_rate", None, (30,))
        assert report.champion == "civetta"
        scores = {row.submission: row.score for row in archive.verdicts("DEMO")[-1].entrants}
        ours, theirs = scores[content_digest("civetta")], scores[content_digest("drago")]
        assert ours is not None
        assert theirs is not None
        assert found.lead == pytest.approx(1 - theirs / ours)
        parts = sum(task.group.contribution for task in found.tasks)
        assert parts == pytest.approx(found.lead)
        assert "Gain to win" not in render_duel(report), "there is but one gain"
        with pytest.raises(ConfigError, match="was compared with no champion"):
            duel_report(archive, "DEMO", "civetta", 30)


def test_only_the_looks_that_decided_a_duel_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = DuelRule(kind="duel", alpha=0.01, looks=2)
    competition = season_of_tests.demo().model_copy(update={"rule": rule})
    monkeypatch.setattr(season_of_tests, "demo", lambda: competition)
    whole = sum(spec.samples for spec in competition.tasks.values())
    with play_season(tmp_path) as records:
        archive = Archive(records, {})
        counts = set()
        for verdict in archive.verdicts("DEMO"):
            for row in verdict.entrants:
                if row.duel is not None:
                    found = duel_report(archive, "DEMO", row.submission, verdict.sync_block)
                    assert found.explanation.samples == row.duel.items
                    assert found.explanation.lead == row.duel.lead
                    counts.add(row.duel.items)
    assert any(count % whole == whole // 2 for count in counts), "some duel ended at a first look"
    assert whole in counts, "and some did not"
