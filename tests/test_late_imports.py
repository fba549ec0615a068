import importlib
import sys

import pytest

from facsmith._late_imports import late


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package ``slow_pkg`` with a submodule ``plot`` that says when it is loaded."""
    folder = tmp_path / "slow_pkg"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "plot.py").write_text("value = 7")
    monkeypatch.syspath_prepend(tmp_path)
    yield "slow_pkg"
    for name in [name for name in sys.modules if name.split(".")[0] == "slow_pkg"]:
        del sys.modules[name]


def test_nothing_is_loaded_before_it_is_used(package):
    with late(package, f"{package}.plot"):
        namespace = {}
        exec("import slow_pkg.plot as plot", namespace)
    assert not [name for name in sys.modules if name.startswith(package)]
    assert namespace["plot"].value == 7
    assert sys.modules[f"{package}.plot"].value == 7


def test_a_module_that_is_there_is_left_alone(package):
    real = importlib.import_module(f"{package}.plot")
    with late(package, f"{package}.plot"):
        assert importlib.import_module(f"{package}.plot") is real
    assert sys.modules[f"{package}.plot"] is real


def test_a_submodule_of_a_loaded_package_is_left_alone(package):
    importlib.import_module(package)
    with late(package, f"{package}.plot"):
        assert importlib.import_module(f"{package}.plot").value == 7
    assert f"{package}.plot" in sys.modules


def test_a_name_that_is_not_there_stays_an_error(package):
    with late(package, f"{package}.plot"):
        namespace = {}
        exec("import slow_pkg.plot as plot", namespace)
    with pytest.raises(AttributeError, match="nothing"):
        _ = namespace["plot"].nothing
