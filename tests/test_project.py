"""The project's own promises: a small import, public names that exist, docs that name real commands."""

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import facsmith

ROOT = Path(__file__).parents[1]


def test_every_public_name_exists():
    for name in facsmith.__all__:
        assert getattr(facsmith, name) is not None
    assert dir(facsmith) == sorted(facsmith.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = facsmith.nothing


def test_import_is_free():
    check = "import facsmith, sys; print('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize(
    "path", sorted(p for p in (ROOT / "src/facsmith").rglob("*.py") if not p.name.startswith("_")), ids=lambda p: p.stem
)
def test_public_modules_say_what_they_export(path):
    name = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
    module = importlib.import_module(name)
    assert module.__doc__
    for public in module.__all__:
        assert hasattr(module, public)


def test_torch_is_pinned_exactly():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "torch==2.13.0" in project["dependencies"]
    never = ("torchvision", "timm", "facenet-pytorch", "imageio-ffmpeg", "opencv-python-headless")
    assert not [d for d in project["dependencies"] if d.split("=")[0].split(">")[0] in never]


def test_docs_name_real_commands(capsys):
    from facsmith.__main__ import main

    text = "\n".join(p.read_text() for p in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    lines = re.findall(r"^\s*(?:\$ )?facsmith (.*)$", text, re.M)
    commands = {re.match(r"(?:[a-z]+(?: |$))*", line)[0].strip() for line in lines}
    assert commands
    for command in sorted(commands):
        assert main([*command.split(), "--help"]) == 0, command


def test_links_in_the_docs_lead_somewhere():
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
