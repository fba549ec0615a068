"""What an extra brings is loaded late, and missed in one sentence."""

import sys

import pytest

from facsmith import _optional
from facsmith.__main__ import main
from facsmith.errors import FacsmithError, MissingExtraError


def test_an_installed_package_is_loaded() -> None:
    assert _optional.load("sklearn.svm").LinearSVC


@pytest.mark.parametrize(("module", "extra"), [("sklearn.svm", "lab"), ("matplotlib", "plots"), ("ray", "ray")])
def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch, module: str, extra: str) -> None:
    monkeypatch.setitem(sys.modules, module.partition(".")[0], None)  # as where it is not installed
    for name in [loaded for loaded in sys.modules if loaded.startswith(module.partition(".")[0] + ".")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtraError, match=rf"pip install 'facsmith\[{extra}\]'") as raised:
        _optional.load(module)
    assert isinstance(raised.value, FacsmithError) and isinstance(raised.value, ImportError)


def test_the_command_line_says_it_before_it_films(monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    asked = ["animate", "her.jpg", "-e", "happiness", "-o", f"{tmp_path}/her.mp4", "--receipt", f"{tmp_path}/her.pdf"]
    assert main(asked) == 2
    assert "facsmith[plots]" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
