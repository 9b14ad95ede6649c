"""Where a program begins and ends in a model's text.

One scanner reads the text line by line and answers two questions: which part is the program
(`extract_code`), and whether it has ended (`program_is_over`, asked while decoding). It looks at
how a line begins, and at which strings and brackets are open; it compiles nothing, takes linear
time, and accepts any text.

The rules: prose and Markdown before the program are skipped. Until the first function, all that
looks like Python is kept. After it only what defines more of the program is kept (functions with
new names, imports, assignments); the first other line at column 0 ends it: a comment, a call,
`print`, `assert`, `if`, a class, a docstring, a fence, prose, or a function that was defined
before. Inside a fence a comment ends the program only if no definition follows it.
"""

import re
from dataclasses import dataclass, field
from enum import Enum, auto


def extract_code(generated_text: str, prompt: str) -> str:
    """Return the program in `generated_text`, without white space at its end.

    Where the last line of `prompt` is a function's signature, the text is that function's body:
    the signature is put in front, and the program ends with the body. A text in which no program
    begins, or that breaks off in the middle, is returned as it is.
    """
    source, start, end, _ = _find_program(generated_text, prompt)
    return source[start:end].rstrip()


def program_is_over(text: str, prompt: str) -> bool:
    """Whether nothing that can follow `text` changes what `extract_code` returns."""
    return _find_program(text, prompt)[3]


def _find_program(text: str, prompt: str) -> tuple[str, int, int, bool]:
    """Return the source, where the program starts and ends in it, and whether that is final."""
    signature = _signature(prompt)
    is_body = bool(signature) and not _begins_program(text)
    source = signature + text if is_body else text
    scanner = _Scanner(is_body, has_code=is_body, has_function=is_body)
    position = 0
    while position < len(source):
        newline = source.find("\n", position)
        next_position = len(source) if newline < 0 else newline + 1
        end = scanner.read(source[position:next_position].rstrip("\r\n"), position, next_position)
        if end is not None:
            # An unfinished line may still become another one.
            return source, scanner.start, end, newline >= 0
        position = next_position
    return source, scanner.start, len(source), False


_SIGNATURE = re.compile(r"(?:async\s++)?+def\s++\w++\s*+\(.*:\s*+\Z")


def _signature(prompt: str) -> str:
    """Return the prompt's last line with what follows it if it is a `def ...:`, else ""."""
    start = prompt.rstrip().rfind("\n") + 1
    return prompt[start:] if _SIGNATURE.match(prompt, start) else ""


def _begins_program(text: str) -> bool:
    """Whether the text begins a whole program, though the prompt ends with a signature."""
    body = text.lstrip("\r\n")
    return _kind(body[: body.find("\n")] if "\n" in body else body) in _BEGINNINGS | {Kind.FENCE}


class Kind(Enum):
    """What the beginning of a line says about it."""

    BLANK = auto()
    INDENTED = auto()
    CLOSING = auto()
    FENCE = auto()
    COMMENT = auto()
    DOCSTRING = auto()
    DECORATOR = auto()
    FUNCTION = auto()
    CLASS = auto()
    IMPORT = auto()
    USE = auto()
    ASSIGNMENT = auto()
    STATEMENT = auto()
    PROSE = auto()


_BEGINNINGS = {Kind.DECORATOR, Kind.FUNCTION, Kind.CLASS, Kind.IMPORT}

# All quantifiers are possessive or stand before something they can't match: no backtracking.
_TARGET = r"\*?+[^\W\d]\w*+(?:\.\w++|\[[^\]]++\])*+"
_PATTERNS = (
    (Kind.CLOSING, r"[)\]}]"),
    (Kind.COMMENT, r"#"),
    (Kind.DOCSTRING, r"[rRuU]?+(?:\"\"\"|''')"),
    (Kind.DECORATOR, r"@\w"),
    (Kind.FUNCTION, r"(?:async\s++)?+def\s++\w"),
    (Kind.CLASS, r"class\s++\w++\s*+[(:]"),
    (Kind.IMPORT, r"from\s++[\w.]++\s++import\b"),
    (Kind.IMPORT, r"import\s++[\w.]++(?:\s++as\s++\w++)?+\s*+(?:[,;#]|\Z)"),
    (Kind.USE, r"(?:print|assert)\b"),
    (
        Kind.ASSIGNMENT,
        rf"\(?+{_TARGET}(?:\s*+,\s*+{_TARGET})*+\s*+,?+\s*+\)?+\s*+"
        r"(?:\*\*|//|>>|<<|[-+*/%&|^@])?+=(?!=)",
    ),
    # An annotated name; "Output: x = 3" is prose.
    (Kind.ASSIGNMENT, r"(?:[a-z_]\w*+|[A-Z_\d]++)\s*+:\s*+[\w.]++(?:\[[^=]*+|\s*+)=(?!=)"),
    (Kind.STATEMENT, r"(?:if|elif|for|while|with|match|except)\b[^:]*+:"),
    (Kind.STATEMENT, r"(?:try|else|finally)\s*+:"),
    (Kind.STATEMENT, r"(?:del|global|raise|pass)\b"),
    (Kind.STATEMENT, r"[^\W\d][\w.]*+\("),
)
# One expression with a group for each pattern: the first that matches counts.
_match_kind = re.compile("|".join(f"({pattern})" for _, pattern in _PATTERNS)).match


def _kind(line: str) -> Kind:
    stripped = line.lstrip()
    if not stripped:
        return Kind.BLANK
    if stripped.startswith("```"):
        return Kind.FENCE
    if len(stripped) < len(line):
        return Kind.INDENTED
    found = _match_kind(line)
    return _PATTERNS[found.lastindex - 1][0] if found and found.lastindex else Kind.PROSE


_TOKEN = re.compile(
    r"""(?P<comment>\#) | (?P<triple>\"\"\"|''') | (?P<open>[(\[{]) | (?P<close>[)\]}])"""
    r"""| "(?:[^"\\]|\\.)*+"?+ | '(?:[^'\\]|\\.)*+'?+ | (?P<backslash>\\\Z)""",
    re.VERBOSE,
)
_STRING_ENDS = {
    '"""': re.compile(r'(?:[^"\\]|\\.|"(?!""))*+"""'),
    "'''": re.compile(r"(?:[^'\\]|\\.|'(?!''))*+'''"),
}
# No expression in brackets has a line that begins with one of these: a bracket was not closed.
_BREAKS_BRACKETS = {Kind.FENCE, Kind.FUNCTION, Kind.CLASS, Kind.IMPORT, Kind.USE}


@dataclass
class _OpenParts:
    """Which strings and brackets are open at the end of the lines read so far."""

    quotes: str = ""
    depth: int = 0
    backslash: bool = False

    def continue_with(self, kind: Kind) -> bool:
        """Whether a line of this kind belongs to what is open."""
        if self.quotes or self.backslash:
            return True
        if self.depth and kind in _BREAKS_BRACKETS:
            self.depth = 0
        return self.depth > 0

    def read(self, line: str) -> None:
        """Take the line's quotes, brackets and last character into account."""
        position = 0
        self.backslash = False
        while True:
            if self.quotes:
                end = _STRING_ENDS[self.quotes].match(line, position)
                if end is None:
                    return
                position, self.quotes = end.end(), ""
            token = _TOKEN.search(line, position)
            if token is None:
                return
            position = token.end()
            match token.lastgroup:
                case "comment":
                    return
                case "triple":
                    self.quotes = token.group()
                case "open":
                    self.depth += 1
                case "close":
                    self.depth = max(0, self.depth - 1)
                case "backslash":
                    self.backslash = True


_NAME = re.compile(r"(?:(?:async\s++)?+def|class)\s++(\w++)")
_LAMBDA = re.compile(r"(\w++)\s*+=\s*+lambda\b")
_CALLED = re.compile(r"\b(\w++)\s*+\(")


@dataclass
class _Scanner:
    """Finds the beginning and the end of a program.

    With `is_body` the text begins with a function's signature, and the program is that function.
    """

    is_body: bool
    has_code: bool = False
    has_statement: bool = False
    has_function: bool = False
    start: int = 0
    in_prose: bool = False
    in_fence: bool = False
    names: set[str] = field(default_factory=set)
    open_parts: _OpenParts = field(default_factory=_OpenParts)
    # Where comments or decorators began that belong to the program if a definition follows.
    pending: int | None = None
    # A comment at column 0 is still inside a function if it follows a line of code at once,
    # and an indented line follows it at once.
    follows_code: bool = False
    comment_needs_indented: bool = False

    def read(self, line: str, position: int, next_position: int) -> int | None:
        """Return where the program ends if it does before this line."""
        kind = _kind(line)
        if not self.open_parts.continue_with(kind):
            if not self.has_code:
                self._look_for_beginning(kind, position, next_position)
            if self.has_code:
                if self._ends_before(kind, line):
                    return position if self.pending is None else self.pending
                self._note(kind, line, position)
        if not self.in_prose and kind is not Kind.FENCE:
            self.open_parts.read(line)
        self.follows_code = kind not in (Kind.BLANK, Kind.COMMENT)
        return None

    def _look_for_beginning(self, kind: Kind, position: int, next_position: int) -> None:
        if kind is Kind.FENCE:
            self.start, self.in_fence, self.in_prose = next_position, True, False
        elif kind in _BEGINNINGS:
            if self.in_prose:
                self.start, self.in_prose = position, False
            self.has_code = True
        elif kind in (Kind.ASSIGNMENT, Kind.STATEMENT):
            self.has_code = not self.in_prose
        elif kind not in (Kind.BLANK, Kind.COMMENT, Kind.DOCSTRING):
            self.in_prose = True

    def _ends_before(self, kind: Kind, line: str) -> bool:
        if self.comment_needs_indented:
            self.comment_needs_indented = False
            return kind is not Kind.INDENTED
        match kind:
            case Kind.BLANK | Kind.INDENTED | Kind.CLOSING:
                return False
            case Kind.COMMENT if self.has_function and not self.in_fence:
                self.comment_needs_indented = self.follows_code
                return not self.follows_code
            case _ if self.is_body:
                return bool(self.names)  # none before the signature itself is read
            case Kind.COMMENT | Kind.DECORATOR | Kind.IMPORT:
                return False
            case Kind.FENCE | Kind.PROSE:
                return True
            case Kind.FUNCTION:
                return _defined_name(line) in self.names
            case Kind.CLASS:
                return self.has_function or _defined_name(line) in self.names
            case Kind.ASSIGNMENT:
                return self._uses_program(line)
            case Kind.USE:
                return self.has_statement
            case _:
                return self.has_function

    def _uses_program(self, line: str) -> bool:
        """Whether an assignment calls what the program defines, as an example of its use does."""
        calls_it = self.has_function and not self.names.isdisjoint(_CALLED.findall(line))
        return calls_it and "lambda" not in line

    def _note(self, kind: Kind, line: str, position: int) -> None:
        """Remember what a kept line defines."""
        name = _defined_name(line)
        if kind in (Kind.FUNCTION, Kind.CLASS) or (kind is Kind.ASSIGNMENT and name):
            self.names.add(name)
            self.has_function |= kind is not Kind.CLASS
        if kind in (Kind.COMMENT, Kind.DECORATOR):
            self.pending = position if self.pending is None else self.pending
        elif kind is not Kind.BLANK:
            self.pending = None
            self.has_statement |= kind is not Kind.IMPORT


def _defined_name(line: str) -> str:
    found = _NAME.match(line) or _LAMBDA.match(line)
    return found.group(1) if found else ""
