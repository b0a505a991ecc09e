"""Documents on paper: HTML that prints well, and Markdown, from templates that an organisation can replace.

Rules of this file:
1. Templates run in a sandbox: they see what they are given, call nothing of it that changes anything, and open no file.
2. In HTML every value is escaped; in Markdown every value passes `md`, which makes its signs harmless.
3. A template asks for nothing that is not there: a name that is not given is an error, not an empty space.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, FileSystemLoader, PackageLoader, StrictUndefined, TemplateError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sentinel.clock import Micros, rfc3339

FORMATS = ("html", "md")

SOURCES: Mapping[str, str] = {
    "records": "from the records",
    "person": "as written by a person",
    "configuration": "from the configuration",
}
"""Where a fact comes from, in words."""

_MISTAKES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a template can end with besides jinja's own errors."""

_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>#|~&]|^[-+]|(?<=^)\d+(?=[.)])")


class PaperError(Exception):
    """A template cannot be used; the text names it and says why."""


def pdf(html: str) -> bytes:
    """The page as PDF. It fetches nothing, neither files nor addresses. Raises PaperError without the extra `pdf`."""
    try:
        from weasyprint import HTML  # noqa: PLC0415  (an extra that few install)
    except (ImportError, OSError) as error:
        raise PaperError("PDF needs WeasyPrint: pip install 'breach-sentinel[pdf]'") from error
    written: bytes = HTML(string=html, url_fetcher=_nothing).write_pdf()
    return written


def _nothing(url: str, *_: Any, **__: Any) -> Any:
    raise ValueError(f"nothing is fetched for a document, nor is '{url[:40]}'")


def render(template: str, folder: Path | None, now: Micros, values: Mapping[str, Any]) -> str:
    """The template of that name (`document.html`) with the values. One in `folder` goes before the shipped one.

    Raises PaperError.
    """
    loaders = [*([FileSystemLoader(folder)] if folder is not None else []), PackageLoader("sentinel")]
    environment = ImmutableSandboxedEnvironment(
        loader=ChoiceLoader(loaders),
        autoescape=template.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = plain_markdown
    made_at = f"{rfc3339(now)[:16].replace('T', ' ')} UTC"
    given = {"made_at": made_at, "sources": SOURCES, "footer": f"Made by Sentinel on {made_at}.", "wide": False}
    try:
        return environment.get_template(f"{template}.j2").render({**given, "title": "Sentinel", **values})
    except TemplateError as error:
        where = f"{getattr(error, 'name', None) or template}:{getattr(error, 'lineno', 0) or 0}"
        raise PaperError(f"the template {where} cannot be used: {error.message}") from error
    except _MISTAKES as error:  # a template is a program of somebody's; what such an error quotes may be a value
        raise PaperError(f"the template {template} cannot be used: {type(error).__name__}") from None


def mistakes(text: str, names: Container[str], members: Mapping[str, Container[str]]) -> list[tuple[int, str]]:
    """What is wrong with a template that is given these names: (line, what), in order.

    `members` says what some of the names have; of the others nothing is known before they are used.
    """
    try:
        tree = ImmutableSandboxedEnvironment(trim_blocks=True).parse(text)
    except TemplateError as error:
        return [(getattr(error, "lineno", 0) or 1, f"it cannot be read: {error.message}")]
    unknown = {name for name in find_undeclared_variables(tree) if name not in names}
    found = {(node.lineno, f"there is no '{node.name}'") for node in tree.find_all(nodes.Name) if node.name in unknown}
    for node in tree.find_all(nodes.Getattr):
        owner = node.node.name if isinstance(node.node, nodes.Name) else ""
        if owner in members and node.attr not in members[owner]:
            found.add((node.lineno, f"'{owner}' has no '{node.attr}'"))
    return sorted(found)


def plain_markdown(text: object) -> str:
    """The text with every sign that Markdown would read as more than itself escaped, on one line."""
    plain = " ".join(str(text).split())
    return _MARKDOWN.sub(lambda sign: sign[0] + "\\" if sign[0].isdigit() else "\\" + sign[0], plain)
