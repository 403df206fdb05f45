"""Label expressions of Jenkins, such as ``linux && !(arm || old)``.

Source: jenkinsci/jenkins, LabelExpressionLexer.g4 and LabelExpressionParser.g4. From
the loosest operator to the tightest: ``<->``, ``->`` (at most once), ``||``, ``&&``,
``!`` (at most once), parentheses.
"""

import re
from collections.abc import Callable, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MAX_LENGTH: Final = 1000
MAX_DEPTH: Final = 40
_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<operator>&&|\|\||<->|->|!|\(|\))
      | "(?P<quoted>(?:[^"\\\r\n]|\\.)*)"
      | (?P<atom>(?:[^&|!<>()\s"'-]|-(?!>))+)
    )""",
    re.VERBOSE,
)

Holds = Callable[[Set[str]], bool]


@dataclass(frozen=True, slots=True)
class Expression:
    """Which labels it names, and whether a node with some labels fulfils it."""

    names: frozenset[str]
    holds: Holds


@lru_cache(maxsize=4096)
def parse_expression(text: str) -> Expression:
    """Return an expression. What is none is the name of one label.

    Jenkins itself takes it so, for jobs that are older than expressions.
    """
    try:
        return _Parser(text).parse()
    except ValueError:
        return Expression(frozenset({text}), lambda labels: text in labels)


class _Parser:
    def __init__(self, text: str) -> None:
        self._names: set[str] = set()
        self._tokens = _split(text)
        self._depth = 0

    def parse(self) -> Expression:
        holds = self._read_equivalence()
        if self._tokens:
            raise ValueError("something follows the expression")
        return Expression(frozenset(self._names), holds)

    def _take(self, operator: str) -> bool:
        if self._tokens and self._tokens[-1] == (operator, ""):
            self._tokens.pop()
            return True
        return False

    def _read_equivalence(self) -> Holds:
        left = self._read_implication()
        while self._take("<->"):
            left = _same(left, self._read_implication())
        return left

    def _read_implication(self) -> Holds:
        left = self._read_any()
        return _implies(left, self._read_any()) if self._take("->") else left

    def _read_any(self) -> Holds:
        parts = [self._read_all()]
        while self._take("||"):
            parts.append(self._read_all())
        return lambda labels: any(part(labels) for part in parts)

    def _read_all(self) -> Holds:
        parts = [self._read_not()]
        while self._take("&&"):
            parts.append(self._read_not())
        return lambda labels: all(part(labels) for part in parts)

    def _read_not(self) -> Holds:
        if self._take("!"):
            inner = self._read_atom()
            return lambda labels: not inner(labels)
        return self._read_atom()

    def _read_atom(self) -> Holds:
        if self._take("("):
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise ValueError("too many parentheses")
            inner = self._read_equivalence()
            if not self._take(")"):
                raise ValueError("a parenthesis is not closed")
            self._depth -= 1
            return inner
        operator, name = self._tokens.pop() if self._tokens else ("", "")
        if operator or not name:
            raise ValueError("a label is missing")
        self._names.add(name)
        return lambda labels: name in labels


def _same(left: Holds, right: Holds) -> Holds:
    return lambda labels: left(labels) == right(labels)


def _implies(left: Holds, right: Holds) -> Holds:
    return lambda labels: not left(labels) or right(labels)


def _split(text: str) -> list[tuple[str, str]]:
    """Return the tokens, the last one first: an operator, or ("", a label)."""
    if len(text) > MAX_LENGTH:
        raise ValueError("the expression is too long")
    tokens, position, end = [], 0, len(text.rstrip())
    while position < end:
        found = _TOKEN.match(text, position)
        if found is None:
            raise ValueError("a character is not allowed")
        if found["operator"]:
            tokens.append((found["operator"], ""))
        else:
            name = found["atom"] or re.sub(r"\\(.)", r"\1", found["quoted"] or "")
            tokens.append(("", name))
        position = found.end()
    return tokens[::-1]
