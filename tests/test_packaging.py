"""The wheel holds everything, and works where the clone is not."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "palio"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source archive as a packager would."""
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), "."], cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel alone, which borrows this one's other packages."""
    place = tmp_path_factory.mktemp("installed") / "venv"
    run([sys.executable, "-m", "venv", "--without-pip", str(place)])
    python = place / "bin" / "python"
    run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
        + ["--disable-pip-version-check", "--no-deps", "--no-index", str(wheel)]
    )
    (packages,) = place.glob("lib/python*/site-packages")
    # A path in a .pth file is searched last, and the .pth files there are not read, so that
    # the clone, which is installed there in editable mode, is out of sight.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return place / "bin"


def run(
    command: Sequence[str], *, cwd: Path | None = None, home: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command and expect success."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
    }
    if home is not None:
        environment["PALIO_HOME"] = str(home)
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    wanted = {
        str(path.relative_to(PACKAGE.parent))
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("palio/")}
    assert held == wanted
    assert "palio/py.typed" in held
    for kind in (".yaml", ".txt", ".html", ".css", ".js"):
        assert any(name.endswith(kind) for name in held), kind


def test_the_wheel_names_its_licence_and_its_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (entry_points,) = [name for name in names if name.endswith("entry_points.txt")]
        assert "palio = palio.cli.main:main" in archive.read(entry_points).decode()
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_installed_package_is_not_the_clone(installed: Path, tmp_path: Path) -> None:
    where = "import palio; print(palio.__file__)"
    found = run([str(installed / "python"), "-c", where], cwd=tmp_path).stdout.strip()
    assert Path(found).is_relative_to(installed.parent)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--version"], "0."),
        (["competition", "list"], "INSTRUCT_8B"),
        (["competition", "show", "demo/DEMO"], "WORD_SORTING"),
        (["task", "list"], "embedded_passages"),
        (
            ["task", "sample", "WORD_SORTING", "--seed", "1", "-c", "demo/DEMO"],
            "Sort the following",
        ),
        (["task", "sample", "embedded_choices", "--seed", "1", "--count", "2"], "choice"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_the_installed_commands_find_their_data(
    installed: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    assert says in run([str(installed / "palio"), *arguments], cwd=tmp_path).stdout


def test_the_installed_validator_makes_its_records_and_ledger(
    installed: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    palio = str(installed / "palio")
    run([palio, "keys", "new", "referee"], cwd=tmp_path, home=home)
    validate = [palio, "validate", "-c", "demo/DEMO", "--key", "referee", "--once"]
    assert "nobody to evaluate" in run(validate, cwd=tmp_path, home=home).stderr
    assert "ok" in run([palio, "verify"], cwd=tmp_path, home=home).stdout
