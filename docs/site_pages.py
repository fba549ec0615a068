"""Pages of the site that no one writes by hand: the front page from the README, a reference page for every module.

mkdocs calls the functions here while it builds (`hooks` in mkdocs.yml).
"""

import ast
import re
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = ROOT / "src/facsmith"
ENTRANCES: Final = ("cli", "lab/commands")
"""Command lines: `facsmith --help` describes them."""


def public_modules() -> dict[str, Path]:
    """Dotted names of the modules whose ``__all__`` is the public interface, and their files.

    Those are the modules and packages right below ``facsmith`` and ``facsmith.lab``; what lies deeper is found through
    its package.
    """
    found: dict[str, Path] = {}
    for folder in (PACKAGE, PACKAGE / "lab"):
        for path in sorted(folder.iterdir()):
            source = path / "__init__.py" if path.is_dir() else path
            name = path.relative_to(PACKAGE).with_suffix("").as_posix()
            if path.name.startswith("_") or name in ENTRANCES or source.suffix != ".py" or not source.is_file():
                continue
            if exported(source):
                found["facsmith." + name.replace("/", ".")] = source
    return found


def exported(source: Path) -> list[str]:
    """The names in a file's ``__all__``, without importing it."""
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return list(ast.literal_eval(node.value))
    return []


def shadowed_by_modules(source: Path) -> list[str]:
    """Names that a package exports from modules of the same name: without importing it, only the module is seen."""
    return [
        name for name in exported(source) if source.name == "__init__.py" and (source.parent / f"{name}.py").is_file()
    ]


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the reference to the navigation."""
    core = [f"reference/{name}.md" for name in public_modules() if not name.startswith("facsmith.lab.")]
    lab = [f"reference/{name}.md" for name in public_modules() if name.startswith("facsmith.lab.")]
    nav: list[Any] = config.nav or []
    nav.append({"Reference": ["reference/index.md", *core, {"Research": lab}]})
    config.nav = nav
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    files.append(File.generated(config, "index.md", content=front_page(config)))
    for name, source in public_modules().items():
        content = f"---\ntitle: {name}\n---\n\n# {name}\n\n::: {name}\n"
        for shadowed in shadowed_by_modules(source):
            content += f"\n::: {name}.{shadowed}.{shadowed}\n    options:\n      show_root_heading: true\n"
        files.append(File.generated(config, f"reference/{name}.md", content=content))
    return files


def front_page(config: MkDocsConfig) -> str:
    """The README, its links into docs/ turned into links within the site."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    home = str(config.repo_url).rstrip("/")
    raw = home.replace("github.com", "raw.githubusercontent.com")
    return re.sub(rf"\]\((?:{re.escape(home)}/blob|{re.escape(raw)})/main/docs/", "](", text)
