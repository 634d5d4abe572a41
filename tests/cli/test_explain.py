"""``palio explain`` as a process of its own, on real records."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.season import content_digest, play_season


def palio(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "palio", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    play_season(folder).close()
    return folder


def test_the_words_come_first_and_all_fits_a_hundred_columns(home: Path) -> None:
    done = palio("explain", "bruco", "-c", "DEMO", "--home", str(home))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert max(len(line) for line in lines) <= 100
    assert lines[0] == "DEMO  round of block 30"
    assert lines[1].startswith("bruco did not take the crown from civetta")
    for head in ("gain", "mean difference", "topic", "difficulty", "Samples that speak most for"):
        assert head in done.stdout


def test_json_is_one_object_and_the_page_is_written_beside_it(home: Path, tmp_path: Path) -> None:
    page = tmp_path / "bruco.html"
    done = palio(
        "explain", content_digest("bruco")[:10], "-c", "demo/DEMO", "--home", str(home),
        "--round", "30", "--json", "--html", str(page),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["entrant"]["name"] == "bruco"
    assert report["words"]
    assert done.stderr == f"Wrote {page}.\n"
    assert report["words"][0] in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("bruto", "-c", "DEMO", "--home", "{home}"), "there are siena/aquila ("),
        (("bruco", "-c", "DEMO", "--home", "{empty}"), "there are no records in"),
        (("bruco", "-c", "DEMO", "--home", "{home}", "--round", "7"), "it was in the rounds of"),
        (("bruco", "-c", "DEMO", "--home", "{home}", "--html", "{empty}/no/x"), "does not exist"),
        (("bruco", "-c", "sn37/SN9_MODEL", "--home", "{home}"), "they hold DEMO"),
        (("giraffa", "-c", "DEMO", "--home", "{home}"), "there is nothing to explain"),
    ],
)
def test_wrong_use_ends_with_one_sentence(
    home: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    done = palio("explain", *(each.format(empty=tmp_path, home=home) for each in arguments))
    assert done.returncode == 2
    assert done.stdout == ""
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_explaining_loads_neither_torch_nor_transformers(home: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from palio.cli.explain import read_report;"
        "from palio.server.duel_report import render_duel;"
        f"render_duel(read_report(Path({str(home)!r}), 'DEMO', 'bruco'));"
        "print(sorted({'torch', 'transformers', 'tokenizers'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.splitlines()[-1] == "[]"
