"""Syntax colours of a program, as run lengths that the page can paint."""

from functools import lru_cache

from pygments.lexers import PythonLexer
from pygments.token import Token, _TokenType

MAX_CHARACTERS = 50_000
"""A longer program stays without colours."""

# The first that holds counts.
_KINDS: tuple[tuple[_TokenType, str], ...] = (
    (Token.Comment, "c"),
    (Token.Literal.String, "s"),
    (Token.Literal.Number, "n"),
    (Token.Keyword, "k"),
    (Token.Operator.Word, "k"),
    (Token.Operator, "o"),
    (Token.Name.Function, "f"),
    (Token.Name.Class, "f"),
    (Token.Name.Decorator, "f"),
    (Token.Name.Builtin, "b"),
    (Token.Name.Exception, "b"),
)
PLAIN = "t"

_LEXER = PythonLexer()


@lru_cache(maxsize=8192)
def colours(code: str) -> str:
    """The kinds of a program's parts with their lengths, e.g. `k3t1f4`; empty if all is plain.

    Lengths are in UTF-16 code units, as JavaScript counts them. Kinds: `c`omment, `s`tring,
    `n`umber, `k`eyword, `o`perator, `f`unction or class that is defined, `b`uiltin, `t`ext.
    """
    if len(code) > MAX_CHARACTERS:
        return ""
    runs: list[tuple[str, int]] = []
    # `get_tokens` would change line ends.
    for _, token, text in _LEXER.get_tokens_unprocessed(code):
        kind = _kind(token)
        if runs and runs[-1][0] == kind:
            runs[-1] = kind, runs[-1][1] + utf16_length(text)
        else:
            runs.append((kind, utf16_length(text)))
    if all(kind == PLAIN for kind, _ in runs):
        return ""
    return "".join(f"{kind}{length}" for kind, length in runs)


@lru_cache(maxsize=512)
def _kind(token: _TokenType) -> str:
    return next((kind for family, kind in _KINDS if token in family), PLAIN)


def utf16_length(text: str) -> int:
    """How long JavaScript says that `text` is."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
