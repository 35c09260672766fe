"""The formats of a comparison, by name."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import TYPE_CHECKING

from epsball.errors import InputError
from epsball.record.files import write_whole
from epsball.report.formats import Format
from epsball.report.write import refuse_other
from epsball.suggestions import did_you_mean, spelled

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.comparison.comparison import Comparison

FORMATS = {
    "html": Format("compare.html", "epsball comparison</title>", "page:html"),
    "markdown": Format("compare.md", "<!-- epsball comparison -->", "summary:markdown"),
    "json": Format("compare.json", '"epsball": "comparison"', "document:json_text"),
}
ENDS = {"": "html", ".html": "html", ".htm": "html", ".md": "markdown", ".json": "json"}


def format_name(name: str) -> str:
    """The name of a format as it is written here.

    Raises:
        InputError: there is no such format.
    """
    known = spelled(name, FORMATS)
    if known not in FORMATS:
        raise InputError(
            f"the format was given as {name!r}; {did_you_mean(name, FORMATS)}expected {', '.join(FORMATS)}"
        )
    return known


def text(comparison: Comparison, format: str, title: str) -> str:  # noqa: A002 (as in `write_report`)
    """The comparison in that format; what makes it is imported when it is used, as a page needs libraries that the others do not.

    Raises:
        InputError: there is no such format.
    """
    place = FORMATS[format_name(format)].place
    return str(resolve_name(f"epsball.comparison.{place}")(comparison, title))


def write(comparison: Comparison, path: Path, format: str | None, title: str) -> Path:  # noqa: A002 (as above)
    """Write the file; see `Comparison.write`."""
    if format is None and path.suffix.lower() not in ENDS:
        raise InputError(
            f"the file was given as {path}; expected a name that ends in {', '.join(filter(None, ENDS))}, or a format: "
            f"{', '.join(FORMATS)}"
        )
    chosen = ENDS[path.suffix.lower()] if format is None else format_name(format)
    refuse_other(path, FORMATS[chosen])
    write_whole(path, text(comparison, chosen, title).encode("utf-8"))
    return path
