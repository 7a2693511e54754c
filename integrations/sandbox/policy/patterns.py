"""Wildcards, policy variables and ARN matching.

A pattern is read once, when its policy is, and matched many times. Text that comes from a variable is literal: a
`*` inside a tag's value is an asterisk, never a wildcard.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

Context = Mapping[str, tuple[str, ...]]
"""Condition keys of a request, in lower case, each with its values; a key that AWS would not offer is absent."""

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_DEFAULTED = re.compile(r"^\s*([^,]+?)\s*,\s*'(.*)'\s*$")
_LITERALS = {"*": "*", "?": "?", "$": "$"}
_ARN_PARTS = 6


@dataclass(frozen=True, slots=True)
class Variable:
    """A `${key}` or `${key, 'default'}` in a policy."""

    key: str
    default: str | None

    def resolve(self, context: Context) -> str | None:
        """Give the one value of the key, else the default, else None: a variable never stands for several values."""
        values = context.get(self.key)
        if values and len(values) == 1:
            return values[0]
        return self.default


@lru_cache(maxsize=8192)
def _glob(text: str, flags: int) -> re.Pattern[str]:
    return re.compile(_glob_source(text), flags)


def _glob_source(text: str) -> str:
    return re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")


class Pattern:
    """One string of a policy, with its wildcards and variables."""

    __slots__ = ("_fixed", "_parts", "text")

    def __init__(self, text: str, *, variables: bool) -> None:
        """Read `text`; with `variables` false (a policy of version 2008-10-17) `${…}` is plain text."""
        self.text = text
        parts: list[str | Variable | tuple[str]] = []
        position = 0
        for found in _VARIABLE.finditer(text) if variables else ():
            if found.start() > position:
                parts.append(text[position : found.start()])
            parts.append(_variable(found.group(1)))
            position = found.end()
        if position < len(text):
            parts.append(text[position:])
        self._parts = tuple(parts)
        self._fixed = all(isinstance(part, str) for part in parts)

    @property
    def fixed(self) -> bool:
        """Whether the pattern holds no variable."""
        return self._fixed

    def literal(self, context: Context) -> str | None:
        """Give the text with variables filled in and wildcards kept as characters; None if one has no value."""
        if self._fixed:
            return self.text
        out = []
        for part in self._parts:
            if isinstance(part, str):
                out.append(part)
            elif isinstance(part, tuple):
                out.append(part[0])
            else:
                value = part.resolve(context)
                if value is None:
                    return None
                out.append(value)
        return "".join(out)

    def glob(self, context: Context, flags: int = re.DOTALL) -> re.Pattern[str] | None:
        """Give a regular expression for the pattern; None if a variable has no value."""
        if self._fixed:
            return _glob(self.text, flags)
        source = []
        for part in self._parts:
            if isinstance(part, str):
                source.append(_glob_source(part))
            elif isinstance(part, tuple):
                source.append(re.escape(part[0]))
            else:
                value = part.resolve(context)
                if value is None:
                    return None
                source.append(re.escape(value))
        return re.compile("".join(source), flags)

    def matches(self, value: str, context: Context, flags: int = re.DOTALL) -> bool:
        """Tell whether the whole of `value` fits."""
        if self._fixed and self.text == "*":
            return True
        expression = self.glob(context, flags)
        return expression is not None and expression.fullmatch(value) is not None


def _variable(inside: str) -> Variable | tuple[str]:
    if inside in _LITERALS:
        return (_LITERALS[inside],)
    defaulted = _DEFAULTED.match(inside)
    if defaulted:
        return Variable(defaulted.group(1).lower(), defaulted.group(2))
    return Variable(inside.strip().lower(), None)


class ArnPattern:
    """An ARN with wildcards, compared part by part, so that a wildcard before the fifth colon stays in its part.

    Text with fewer parts is no ARN and matches nothing, but for `*` alone.

    Source: "IAM JSON policy elements: Resource" and "Amazon Resource Name (ARN) condition operators".
    """

    __slots__ = ("_head", "_tail", "text")

    def __init__(self, text: str, *, variables: bool) -> None:
        self.text = text
        pieces = _split_arn(text)
        self._head: tuple[Pattern, ...] = ()
        self._tail: Pattern | None = None
        if pieces is not None:
            # Before the fifth colon a variable is not replaced, so `${...}` there is text that no ARN holds.
            self._head = tuple(Pattern(piece, variables=False) for piece in pieces[:-1])
            self._tail = Pattern(pieces[-1], variables=variables)

    def matches(self, arn: str, context: Context) -> bool:
        """Tell whether `arn` fits the pattern."""
        if self._tail is None:
            return self.text == "*"
        parts = arn.split(":", _ARN_PARTS - 1)
        if len(parts) != _ARN_PARTS:
            return False
        return all(
            pattern.matches(part, context) for pattern, part in zip(self._head, parts[:-1], strict=True)
        ) and self._tail.matches(parts[-1], context)


def _split_arn(text: str) -> list[str] | None:
    """Split at the first five colons that stand outside `${…}`; None where there are fewer."""
    pieces: list[str] = []
    start = position = 0
    while position < len(text):
        if text.startswith("${", position):
            end = text.find("}", position)
            position = len(text) if end < 0 else end + 1
            continue
        if text[position] == ":" and len(pieces) < _ARN_PARTS - 1:
            pieces.append(text[start:position])
            start = position + 1
        position += 1
    pieces.append(text[start:])
    return pieces if len(pieces) == _ARN_PARTS else None


def action_matcher(texts: tuple[str, ...]) -> Callable[[str], bool]:
    """Give a function that tells whether an action in lower case is among `texts`."""
    exact = frozenset(text.lower() for text in texts if "*" not in text and "?" not in text)
    wild = [_glob_source(text.lower()) for text in texts if "*" in text or "?" in text]
    if "*" in texts:
        return lambda _action: True
    expression = re.compile("|".join(f"(?:{source})" for source in wild), re.DOTALL) if wild else None

    def matches(action: str) -> bool:
        return action in exact or (expression is not None and expression.fullmatch(action) is not None)

    return matches
