"""A second parser, for expressions that nest deeper than Google's library allows: upstream's limit is 250, the library's 32.

Owns tokens, grammar and the limits. It makes the tree that the library would make, but without macros expanded and with few words for
what is no expression: who writes one by mistake has mostly been told by the library before. Values of literals are the library's, one by
one.

Source: github.com/google/cel-spec doc/langdef.md; cel-go parser/gen/CEL.g4, parser/parser.go
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from .ast import Call, Const, Entry, Ident, ListLiteral, MapLiteral, MessageLiteral, Node, Select
from .depth import DEPTH_MAX, TOO_DEEP, TOO_DEEP_IN_BRACKETS
from .errors import CompileError, Issue

_TOKEN = re.compile(r'''
    (?P<space> [\t\r\n\f\ ]+ | //[^\n]* )
  | (?P<literal>
        [bB]?[rR] (?: """(?s:.*?)""" | \'\'\'(?s:.*?)\'\'\' | "[^"\r\n]*" | '[^'\r\n]*' )
      | [bB]? (?: """(?s:[^\\]|\\.)*?""" | \'\'\'(?s:[^\\]|\\.)*?\'\'\' | "(?:[^"\\\r\n]|\\.)*" | '(?:[^'\\\r\n]|\\.)*' )
    )
  | (?P<number> [0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)? | [0-9]+[eE][+-]?[0-9]+ | 0x[0-9a-fA-F]+[uU]? | [0-9]+[uU]? )
  | (?P<name> [A-Za-z_][A-Za-z0-9_]* )
  | (?P<sign> == | != | <= | >= | && | \|\| | [-+*/%<>!?:.,()\[\]{}] )
''', re.VERBOSE)
_RESERVED = frozenset({
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package", "namespace", "return", "var",
    "void", "while",
})
_CONSTANTS = {"true": True, "false": False, "null": None}
_RELATIONS = {"==": "_==_", "!=": "_!=_", "<": "_<_", "<=": "_<=_", ">": "_>_", ">=": "_>=_", "in": "@in"}
_SUMS = {"+": "_+_", "-": "_-_"}
_PRODUCTS = {"*": "_*_", "/": "_/_", "%": "_%_"}


class _Token(NamedTuple):
    """A word of the source; the kind of signs and of words of the language is the word itself."""

    kind: str
    text: str
    at: int


class _Part(NamedTuple):
    """A node, and how deep the nodes that count are nested in it."""

    node: Node
    depth: int


def parse_deep(source: str, literal: Callable[[str], Node]) -> tuple[Node, dict[int, int]]:
    """The tree of an expression, macros not expanded, and where in the source each node stands, by its id.

    Args:
        literal: gives the node of a literal that is a source of its own; raises CompileError.
    Raises: CompileError.
    """
    parser = _Parser(source, literal)
    return parser.whole(), parser.at


def _tokens(source: str) -> list[_Token]:
    found, at = [], 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise CompileError(source, [Issue.at(source, at, f"Syntax error: token recognition error at: '{source[at]}'")])
        kind, text = match.lastgroup or "", match[0]
        if kind == "sign" or text in _CONSTANTS or text == "in":
            kind = text
        if kind != "space":
            found.append(_Token(kind, text, at))
        at = match.end()
    return [*found, _Token("end", "<EOF>", len(source))]


class _Parser:
    def __init__(self, source: str, literal: Callable[[str], Node]) -> None:
        self.at: dict[int, int] = {}
        self._source = source
        self._literal_of = literal
        self._tokens = _tokens(source)
        self._next = 0
        self._expressions = 0

    def whole(self) -> Node:
        part = self._expression()
        if self._kind != "end":
            self._refuse(f"extraneous input '{self._token.text}' expecting <EOF>")
        return part.node

    # Tokens --------------------------------------------------------------------------------------------------------------------------

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    @property
    def _kind(self) -> str:
        return self._tokens[self._next].kind

    def _take(self, kind: str) -> _Token | None:
        """The next token if it is of a kind."""
        token = self._token
        if token.kind != kind:
            return None
        self._next += 1
        return token

    def _need(self, kind: str) -> _Token:
        token = self._take(kind)
        if token is None:
            expected = "IDENTIFIER" if kind == "name" else f"'{kind}'"
            self._refuse(f"mismatched input '{self._token.text}' expecting {expected}")
        return token

    def _refuse(self, problem: str) -> NoReturn:
        raise CompileError(self._source, [Issue.at(self._source, self._token.at, f"Syntax error: {problem}")])

    # Nodes ---------------------------------------------------------------------------------------------------------------------------

    def _id(self, at: int) -> int:
        id = len(self.at) + 1
        self.at[id] = at
        return id

    def _call(self, function: str, at: int, *args: Node, target: Node | None = None) -> Call:
        return Call(self._id(at), at, function, target, list(args))

    def _deeper(self, node: Node, *inside: _Part) -> _Part:
        depth = max((part.depth for part in inside), default=0) + 1
        if depth >= DEPTH_MAX:
            raise CompileError(self._source, [TOO_DEEP])
        return _Part(node, depth)

    # Operators -----------------------------------------------------------------------------------------------------------------------

    def _expression(self) -> _Part:
        self._expressions += 1
        if self._expressions > DEPTH_MAX:
            raise CompileError(self._source, [TOO_DEEP_IN_BRACKETS])
        part = self._or()
        question = self._take("?")
        if question is not None:
            yes = self._or()
            self._need(":")
            no = self._expression()
            part = self._deeper(self._call("_?_:_", question.at, part.node, yes.node, no.node), part, yes, no)
        self._expressions -= 1
        return part

    def _or(self) -> _Part:
        return self._balanced("||", "_||_", self._and)

    def _and(self) -> _Part:
        return self._balanced("&&", "_&&_", self._relation)

    def _balanced(self, sign: str, function: str, term: Callable[[], _Part]) -> _Part:
        """Terms that are joined by an operator whose order does not matter; the tree of them is as flat as can be."""
        parts, places = [term()], []
        while (token := self._take(sign)) is not None:
            places.append(token.at)
            parts.append(term())

        def tree(first: int, last: int) -> Node:
            middle = (first + last + 1) // 2
            left = parts[middle].node if middle == first else tree(first, middle - 1)
            right = parts[middle + 1].node if middle == last else tree(middle + 1, last)
            return self._call(function, places[middle], left, right)

        return _Part(tree(0, len(places) - 1), max(part.depth for part in parts)) if places else parts[0]

    def _relation(self) -> _Part:
        return self._chain(_RELATIONS, self._sum)

    def _sum(self) -> _Part:
        return self._chain(_SUMS, self._product)

    def _product(self) -> _Part:
        return self._chain(_PRODUCTS, self._unary)

    def _chain(self, functions: dict[str, str], term: Callable[[], _Part]) -> _Part:
        left = term()
        while (function := functions.get(self._kind)) is not None:
            at = self._token.at
            self._next += 1
            right = term()
            left = self._deeper(self._call(function, at, left.node, right.node), left, right)
        return left

    def _unary(self) -> _Part:
        sign, at = self._kind, self._token.at
        if sign not in ("!", "-") or self._is_negative_number():
            return self._member()
        count = 0
        while self._take(sign) is not None:
            count += 1
        part = self._member()
        return part._replace(node=self._call(f"{sign}_", at, part.node)) if count % 2 else part

    def _is_negative_number(self) -> bool:
        number = self._tokens[self._next + 1]
        return self._kind == "-" and number.kind == "number" and number.text[-1] not in "uU"

    # Members -------------------------------------------------------------------------------------------------------------------------

    def _member(self) -> _Part:
        start = self._token.at
        part = self._primary()
        while True:
            if (token := self._take(".")) is not None:
                part = self._selected(part, start, token.at)
            elif (token := self._take("[")) is not None:
                function = "_[?_]" if self._take("?") is not None else "_[_]"
                index = self._expression()
                self._need("]")
                part = self._deeper(self._call(function, token.at, part.node, index.node), part, index)
            else:
                return part

    def _selected(self, part: _Part, start: int, at: int) -> _Part:
        optional = self._take("?") is not None
        name = self._need("name").text
        if optional:
            return self._deeper(self._call("_?._", at, part.node, Const(self._id(start), start, name)), part)
        opening = self._take("(")
        if opening is None:
            return self._deeper(Select(self._id(at), at, part.node, name), part)
        args = self._arguments()
        return self._deeper(self._call(name, opening.at, *(arg.node for arg in args), target=part.node), part, *args)

    def _arguments(self) -> list[_Part]:
        """What stands behind "(", with the ")"."""
        args: list[_Part] = []
        if self._take(")") is not None:
            return args
        args.append(self._expression())
        while self._take(",") is not None:
            args.append(self._expression())
        self._need(")")
        return args

    def _primary(self) -> _Part:
        token = self._token
        if self._take("(") is not None:
            part = self._expression()
            self._need(")")
            return part
        if self._take("[") is not None:
            return self._list(token.at)
        if self._take("{") is not None:
            return self._map(token.at)
        if token.kind in _CONSTANTS:
            self._next += 1
            return _Part(Const(self._id(token.at), token.at, _CONSTANTS[token.kind]), 0)
        if token.kind in ("literal", "number", "-"):
            return _Part(self._literal(), 0)
        return self._named()

    def _literal(self) -> Node:
        at = self._token.at
        sign = "-" if self._take("-") is not None else ""
        text = sign + self._token.text
        if self._kind not in ("literal", "number"):
            self._refuse(f"mismatched input '{self._token.text}'")
        self._next += 1
        try:
            node = self._literal_of(text)
        except CompileError as error:
            raise CompileError(self._source, [Issue.at(self._source, at, issue.message) for issue in error.issues]) from error
        node.id, node.at = self._id(at), at
        return node

    def _named(self) -> _Part:
        """A variable, a call of a function, or a message."""
        start = self._token.at
        dot = "." if self._take(".") is not None else ""
        token = self._need("name")
        name, ahead = dot + token.text, self._next
        path = name
        while self._tokens[ahead].kind == "." and self._tokens[ahead + 1].kind == "name":
            path += f".{self._tokens[ahead + 1].text}"
            ahead += 2
        if self._tokens[ahead].kind == "{":
            self._next = ahead + 1
            return self._message(start, path)
        if token.text in _RESERVED:
            raise CompileError(self._source, [Issue.at(self._source, token.at, f"reserved identifier: {token.text}")])
        opening = self._take("(")
        if opening is None:
            return _Part(Ident(self._id(token.at), token.at, name), 0)
        args = self._arguments()
        return _Part(self._call(name, opening.at, *(arg.node for arg in args)), max((arg.depth for arg in args), default=0))

    # Literals of several values ------------------------------------------------------------------------------------------------------

    def _list(self, at: int) -> _Part:
        parts: list[_Part] = []
        optional = set()
        while self._take("]") is None:
            if parts:
                self._need(",")
                if self._take("]") is not None:
                    break
            if self._take("?") is not None:
                optional.add(len(parts))
            parts.append(self._expression())
        node = ListLiteral(self._id(at), at, [part.node for part in parts], frozenset(optional))
        return _Part(node, max((part.depth for part in parts), default=0))

    def _map(self, at: int) -> _Part:
        entries, depth = self._entries(named=False)
        return _Part(MapLiteral(self._id(at), at, entries), depth)

    def _message(self, at: int, name: str) -> _Part:
        entries, depth = self._entries(named=True)
        return _Part(MessageLiteral(self._id(at), at, name, entries), depth)

    def _entries(self, *, named: bool) -> tuple[list[Entry], int]:
        """What stands behind "{", with the "}", and how deep it is."""
        entries: list[Entry] = []
        depth = 0
        while self._take("}") is None:
            if entries:
                self._need(",")
                if self._take("}") is not None:
                    break
            optional = self._take("?") is not None
            field = self._need("name").text if named else ""
            key = None if named else self._expression()
            colon = self._need(":")
            value = self._expression()
            depth = max(depth, value.depth, key.depth if key is not None else 0)
            entries.append(Entry(self._id(colon.at), colon.at, key.node if key is not None else None, field, value.node, optional))
        return entries, depth
