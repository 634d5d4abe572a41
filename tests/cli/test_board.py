"""``palio board`` as a process of its own, on real records."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.season import HOSTILE, play_season


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


def test_board_fits_a_hundred_columns_and_names_the_champion_first(home: Path) -> None:
    done = palio("board", "-c", "DEMO", "--home", str(home))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert max(len(line) for line in lines) <= 100
    assert next(line.split()[1] for line in lines if line.startswith(" 1 ")) == "civetta"
    assert HOSTILE in done.stdout.replace("\n", " "), "shown as it is, never as markup"


def test_json_is_one_object_that_holds_every_submission(home: Path) -> None:
    done = palio("board", "-c", "demo/DEMO", "--home", str(home), "--json")
    board = json.loads(done.stdout)
    assert done.returncode == 0
    assert board["competition"] == "DEMO"
    assert board["champion"] == board["rows"][0]["submission"]
    assert {row["name"] for row in board["rows"]} == {
        "aquila",
        "bruco",
        "civetta",
        "drago",
        "giraffa",
        "istrice",
        "leocorno",
        "lupa",
    }
    assert board["rows"][0]["tasks"]["IF_EVAL"]["unit"] == "rules kept"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("-c", "DEMO", "--home", "{empty}"), "there are no records in"),
        (("-c", "NOWHERE", "--home", "{home}"), "no competition or file 'NOWHERE'"),
        (("--home", "{home}"), "'--competition'"),
    ],
)
def test_wrong_use_ends_with_one_sentence(
    home: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    given = [each.format(empty=tmp_path, home=home) for each in arguments]
    done = palio("board", *given)
    assert done.returncode == 2
    assert done.stdout == ""
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir()), "looking leaves nothing behind"


def test_competition_without_rounds_has_an_empty_board(home: Path) -> None:
    done = palio("board", "-c", "sn37/SN9_MODEL", "--home", str(home))
    assert done.returncode == 0, done.stderr
    assert "Nobody has entered yet." in done.stdout


def test_board_loads_neither_torch_nor_transformers(home: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from palio.cli.board import print_board, read_board;"
        f"print_board(read_board(Path({str(home)!r}), 'DEMO'));"
        "print(sorted({'torch', 'transformers', 'tokenizers'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.splitlines()[-1] == "[]"
