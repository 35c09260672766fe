# ruff: noqa: RUF001 these are the signs that are replaced
"""Text where only some characters can be written: terminals of old code pages, and file systems under a forced ASCII locale."""

from __future__ import annotations

import codecs
import unicodedata
from typing import Any

_WRITTEN = {
    "ε": "eps",
    "ρ": "rho",
    "δ": "delta",
    "Δ": "delta",
    "θ": "theta",
    "λ": "lambda",
    "μ": "mu",
    "σ": "sigma",
    "η": "eta",
    "α": "alpha",
    "γ": "gamma",
    "∞": "inf",
    "×": "x",
    "·": "*",
    "−": "-",
    "–": "-",
    "—": "-",
    "…": "...",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    "±": "+-",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "─": "-",
    "━": "-",
    "│": "|",
    "•": "*",
    "✓": "ok",
}
HANDLER = "epsball.plain"
"""Name of the error handler for encoders."""


def plain(text: str) -> str:
    """Return the text in ASCII: Greek letters and signs by their names, letters without accents, "?" for what has no likeness."""
    return "".join(one if one.isascii() else _likeness(one) for one in text)


def speak_plainly(stream: Any) -> None:
    """Let a stream write what its encoding lacks in ASCII instead of failing."""
    codecs.register_error(HANDLER, _replaced)
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors=HANDLER)


def _likeness(one: str) -> str:
    if one in _WRITTEN:
        return _WRITTEN[one]
    return unicodedata.normalize("NFKD", one).encode("ascii", "ignore").decode() or "?"


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return plain(error.object[error.start : error.end]), error.end
