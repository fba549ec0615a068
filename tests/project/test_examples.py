"""Every file in examples/ runs and leaves what it promises."""

import runpy
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image

from facsmith import Timeline

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parents[2] / "examples"
WRITTEN = {
    "film.py": ["film.mp4", "film.mp4.json", "film.png"],
    "timeline.py": ["doubt.yaml", "doubt.webp", "doubt.webp.json"],
    "stimuli.py": ["battery/manifest.csv", "photos/collins.png"],
    "measuring.py": ["neutral.png", "smiling.png"],
}


Run = Callable[[str], str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs an example by its name as ``python NAME FOLDER`` does, but for the imports; returns what it printed."""

    def run(name: str) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.argv", [name, str(tmp_path)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        assert all((tmp_path / file).stat().st_size for file in WRITTEN[name])
        return capsys.readouterr().out

    return run


def test_every_example_is_run_and_told_of() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(WRITTEN)
    told = (EXAMPLES / "README.md").read_text()
    assert all(f"({path.name})" in told for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb"))


def test_film(run: Run) -> None:
    printed = run("film.py")
    assert printed.count("asked") == printed.count("measured") > 3
    assert "asked neutral" in printed


def test_timeline(run: Run, tmp_path: Path) -> None:
    run("timeline.py")
    assert Timeline.from_yaml(tmp_path / "doubt.yaml").right[12]
    with Image.open(tmp_path / "doubt.webp") as film:
        assert getattr(film, "n_frames", 1) > 10


def test_stimuli(run: Run, tmp_path: Path) -> None:
    assert "7 stimuli" in run("stimuli.py")
    assert len(list((tmp_path / "battery").rglob("*.png"))) == 7


def test_measuring(run: Run) -> None:
    printed = dict(line.split(": ") for line in run("measuring.py").splitlines())
    assert float(printed["AU12"]) == max(map(float, printed.values())) > 0.4


def test_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    notebook = nbformat.read(EXAMPLES / "tour.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "committed without outputs"
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in shown if output.output_type == "error"]
    assert sum("image/png" in output.get("data", {}) for output in shown) == 2
