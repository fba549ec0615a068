"""The project's own promises: a small import, public names that exist, docs that name real commands."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import facsmith

ROOT = Path(__file__).parents[2]


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


def test_one_version_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == facsmith.__version__
    dated = re.findall(r"^## (\d\S+) - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert dated[0] == (facsmith.__version__, str(citation["date-released"]))


def test_the_releases_constraint_is_within_the_packages_range():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ranges = {r.name: r.specifier for r in map(Requirement, project["dependencies"])}
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    for pin in [Requirement(line) for line in lines if line and not line.startswith("#")]:
        (exact,) = pin.specifier
        assert exact.operator == "==" and ranges[pin.name].contains(exact.version)
    assert "--constraint constraints.txt" in (ROOT / "Makefile").read_text()


def test_docs_name_real_commands(capsys):
    from facsmith.__main__ import main

    text = "\n".join(p.read_text() for p in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    lines = re.findall(r"^\s*(?:\$ )?facsmith (.*)$", text, re.M)
    commands = {re.match(r"(?:[a-z]+(?: |$))*", line)[0].strip() for line in lines}
    assert commands
    for command in sorted(commands):
        assert main([*command.split(), "--help"]) == 0, command


def test_links_of_the_readme_lead_here_from_everywhere():
    """An index of packages shows the README without the repository around it."""
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    raw = urls["Source"].replace("github.com", "raw.githubusercontent.com") + "/"
    for link in links:
        assert link.startswith((urls["Source"] + "/", raw)), link
        path = re.sub(
            r"^(blob/|tree/)?main/", "", link.partition("#")[0].removeprefix(urls["Source"] + "/").removeprefix(raw)
        )
        assert (ROOT / path).exists(), link


def test_the_readme_begins_with_how_to_install():
    first = re.search(r"```sh\n(.*?)\n", (ROOT / "README.md").read_text())
    assert first and first[1] == "pip install facsmith"


@pytest.mark.parametrize(
    "path", [*sorted((ROOT / ".github").rglob("*.yml")), ROOT / ".pre-commit-config.yaml"], ids=lambda p: p.name
)
def test_the_forges_files_name_targets_that_make_has(path):
    assert yaml.safe_load(path.read_text())
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"\bmake ([a-z-]+)", path.read_text())) <= targets


def test_links_in_the_docs_lead_somewhere():
    pages = [ROOT / f"{name}.md" for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY")]
    for page in [*pages, *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_tests_lie_where_what_they_test_lies():
    """tests/compose/test_eyes.py tests facsmith.compose; what tests the project as a whole lies in tests/project."""
    package, tests = ROOT / "src/facsmith", ROOT / "tests"
    # At the top: modules of the top, and of packages too small for a folder of tests.
    small = [f for f in package.iterdir() if f.is_dir() and not (tests / f.name).is_dir()]
    modules = [path.stem.lstrip("_") for folder in (package, *small) for path in folder.glob("*.py")]
    for path in tests.rglob("test_*.py"):
        folder = path.parent.relative_to(tests)
        if folder == Path():
            name = path.stem.removeprefix("test_")
            assert any(name == module or name.startswith(f"{module}_") for module in modules), path
        else:
            assert folder == Path("project") or (package / folder / "__init__.py").is_file(), path
    names = [path.name for path in (ROOT / "tests").rglob("*.py")]
    assert len(set(names)) == len(names), "pytest imports tests by their names alone"


FACADE_AND_FRONT_ENDS = ("__init__.py", "animator.py", "cli/", "studio/", "lab/commands/")
"""Under src/facsmith: what knows all stages."""
MOST_IMPORTS = 12


def imported_modules(path: Path) -> set[str]:
    """The modules of ours that a file imports anywhere in it, for types alone as well."""
    source, package = ROOT / "src", path.relative_to(ROOT / "src").parts[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join((*above, *filter(None, [node.module])))
            for alias in node.names:
                inner = source.joinpath(*module.split("."), alias.name)
                is_module = inner.is_dir() or inner.with_suffix(".py").is_file()
                found.add(f"{module}.{alias.name}" if is_module else module)
    return {module for module in found if module.partition(".")[0] == "facsmith"} - {"facsmith._types"}


def test_no_file_knows_too_much():
    """A file that needs more of ours than this does several things; the facade and the front ends know all stages."""
    package = ROOT / "src/facsmith"
    known = {str(path.relative_to(package)): imported_modules(path) for path in package.rglob("*.py")}
    assert "facsmith.render" in known["film.py"] and "facsmith.compose" in known["encode.py"]
    assert "facsmith.receipt.summary" in known["receipt/film_record.py"] and "facsmith" in known["image.py"]
    many = {name: len(modules) for name, modules in known.items() if len(modules) > MOST_IMPORTS}
    assert {name: count for name, count in many.items() if not name.startswith(FACADE_AND_FRONT_ENDS)} == {}
