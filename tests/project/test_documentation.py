"""The reference has every public name, and what docstrings show is what happens."""

import doctest
import importlib
import importlib.util
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path
from types import ModuleType

import pytest

import facsmith

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src/facsmith").rglob("*.py"))
SHOWING = [path for path in SOURCES if re.search(r">>> (?!.*\+SKIP)", path.read_text(encoding="utf-8"))]
"""Those with an example that needs no photo of the reader's."""


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", SHOWING, ids=dotted)
def test_examples_in_docstrings(path: Path) -> None:
    ran = doctest.testmod(importlib.import_module(dotted(path)), optionflags=doctest.ELLIPSIS)
    assert ran.attempted and not ran.failed


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_pages", ROOT / "docs/site_pages.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_reference_has_every_public_name(pages: ModuleType, tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    inventory = zlib.decompress((tmp_path / "objects.inv").read_bytes().split(b"\n", 4)[4]).decode()
    described = {line.split()[0] for line in inventory.splitlines()}
    public = {f"facsmith.{name}" for name in facsmith.__all__ if name != "__version__"}
    for module in pages.public_modules():
        public |= {f"{module}.{name}" for name in importlib.import_module(module).__all__}
    missing = {name for name in public if not {name, f"{name}.{name.rpartition('.')[2]}"} & described}
    assert not missing
    assert len(public) > 150


def test_public_modules_are_those_that_export_something(pages: ModuleType) -> None:
    modules = pages.public_modules()
    assert {"facsmith.facs", "facsmith.boundary", "facsmith.lab.evaluate"} <= set(modules)
    assert not [name for name in modules if "._" in name or ".cli" in name]
    for name in modules:
        assert pages.exported(modules[name]) == importlib.import_module(name).__all__
