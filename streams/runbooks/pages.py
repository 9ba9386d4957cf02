"""The runbooks as HTML, in the look of the wall."""

from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from streams.wall.selection import Selection

_CHOSEN = Selection(window="", team="", language="en")
"""There are no periods here, and the texts are in English."""


def runbook_page(title: str, text: str) -> str:
    """Return the page of a runbook in Markdown; HTML that is in it is shown as text."""
    content = Markup(_markdown().render(text))  # noqa: S704 - made here, from Markdown that may not contain HTML
    template = _environment().get_template("page.html")
    return str(template.render(title=title, content=content, chosen=_CHOSEN, version=""))


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


@cache
def _environment() -> Environment:
    return Environment(
        loader=ChoiceLoader([PackageLoader("streams.runbooks"), PackageLoader("streams.wall")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
