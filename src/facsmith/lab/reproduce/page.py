"""The report's page: one HTML file that loads nothing, pictures inside."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from facsmith.lab.reproduce.parts import Cell, Figure, Section, Table, plain

__all__ = ["page"]

_STYLE = """
:root { color-scheme: light dark; --ink: #222; --faint: #666; --line: #ddd; --paper: #fff;
  --good: #1d6b32; --bad: #a3361b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --faint: #aaa; --line: #444; --paper: #1b1b1b;
  --good: #7fcf94; --bad: #f0917a; } }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 1180px;
  margin: 0 auto; padding: 24px }
h1 { line-height: 1.2 } h2 { margin-top: 56px; border-top: 1px solid var(--line); padding-top: 24px }
p, li, figcaption { max-width: 78ch } .paper { color: var(--faint) } .paper b { color: var(--ink) }
figure { margin: 20px 0 } figure img { max-width: 100%; height: auto; background: #fff }
figcaption, caption, .faint { color: var(--faint); font-size: 14px; text-align: left }
code { font-size: 14px; overflow-wrap: anywhere } nav a { margin-right: 14px; white-space: nowrap }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: 14px; margin: 12px 0 }
caption { caption-side: bottom; padding-top: 6px; max-width: 100ch }
th, td { padding: 4px 10px; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top }
th:first-child, td:first-child, .text { text-align: left } td:first-child { white-space: nowrap }
.holds { color: var(--good); font-weight: 600 } .fails { color: var(--bad); font-weight: 600 }
"""


def page(*, title: str, facts: Mapping[str, str], notes: Sequence[str], sections: Sequence[Section]) -> str:
    """The report as one HTML page.

    Parameters
    ----------
    facts
        What the report was made of and how, name -> text.
    notes
        What a reader must know first.
    """
    contents = "\n".join(f'<a href="#{s.key}">{escape(s.title)}</a>' for s in sections)
    listed = "\n".join(
        f'<tr><td>{escape(name)}</td><td class="text">{_code(name, text)}</td></tr>' for name, text in facts.items()
    )
    body = "\n".join(_section(section, facts) for section in sections)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
{_paragraphs(notes)}
<div class="scroll"><table><tbody>
{listed}
</tbody></table></div>
<nav aria-label="Experiments">{contents}</nav>
<main>
{body}
</main>
</body>
</html>
"""


def _section(section: Section, facts: Mapping[str, str]) -> str:
    parts = [
        f'<section id="{section.key}"><h2>{escape(section.title)}</h2>',
        f'<p class="paper"><b>The paper:</b> {escape(section.paper)}</p>',
        *(_figure(figure, facts) for figure in section.figures),
        _paragraphs(section.text),
        *(_table(table) for table in section.tables),
        "</section>",
    ]
    return "\n".join(parts)


def _figure(figure: Figure, facts: Mapping[str, str]) -> str:
    data = base64.b64encode(figure.data).decode("ascii")
    made = " ".join(f"{name.capitalize()}: {facts[name]}." for name in ("model", "seeds") if name in facts)
    command = f"<br><code>{escape(facts['command'])}</code>" if facts.get("command") else ""
    return (
        f'<figure><img alt="{escape(figure.caption)}" src="data:image/{figure.kind};base64,{data}">'
        f"<figcaption>{escape(figure.caption)} {escape(made)}{command}</figcaption></figure>"
    )


def _table(table: Table) -> str:
    link = f'<a href="data/{table.name}.csv">data/{table.name}.csv</a>'
    if not table.shown:
        return f'<p class="faint">{escape(table.caption)} {link}</p>'
    words = [bool(table.rows) and isinstance(table.rows[0][k], str) for k in range(len(table.columns))]
    head = "".join(
        f'<th scope="col"{" class=text" if word else ""}>{escape(column)}</th>'
        for column, word in zip(table.columns, words, strict=True)
    )
    rows = "\n".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in table.rows)
    return (
        f'<div class="scroll"><table><caption>{escape(table.caption)} {link}</caption>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
    )


def _cell(cell: Cell) -> str:
    if not isinstance(cell, str):
        return f"<td>{escape(plain(cell)) or '-'}</td>"
    kind = {"holds": "holds", "holds for most": "holds", "does not hold": "fails"}.get(cell, "")
    return f'<td class="text {kind}">{escape(cell)}</td>'


def _code(name: str, text: str) -> str:
    return f"<code>{escape(text)}</code>" if name == "command" else escape(text)


def _paragraphs(sentences: Iterable[str]) -> str:
    return "\n".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
