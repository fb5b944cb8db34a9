"""What can be wrong with an expression: found when it is compiled (Issue) or when it runs (CelError).

Source: cel-go common/error.go, common/errors.go (the display form)
"""

from __future__ import annotations

from dataclasses import dataclass

# Longer lines are not repeated under the message, and no more issues than these are shown. Source: cel-go common
_SNIPPET_MAX = 16384
_ISSUES_MAX = 100
_WIDE_DOT, _WIDE_MARK = "\uff0e", "\uff3e"


class CelError(Exception):
    """An expression has no value: "no such key: x", "division by zero". The only exception that evaluation raises."""


class NoSuchOverloadError(CelError):
    """No function of that name takes what it was given; only values of type dyn get this far."""

    def __init__(self, call: str = "") -> None:
        super().__init__(f"no such overload: {call}" if call else "no such overload")


class CostLimitError(CelError):
    """The expression used up what one evaluation may cost."""

    def __init__(self) -> None:
        super().__init__("operation cancelled: actual cost limit exceeded")


@dataclass(frozen=True, slots=True)
class Issue:
    """A complaint about source text. `line` counts from 1, `column` from 0; -1 and -1 stand for the text as a whole."""

    line: int
    column: int
    message: str

    @classmethod
    def at(cls, source: str, offset: int, message: str) -> Issue:
        """An issue at a place counted in characters from the start of the text."""
        before = source[:offset]
        line_start = before.rfind("\n") + 1
        return cls(before.count("\n") + 1, offset - line_start, message)

    def display(self, lines: list[str]) -> str:
        text = f"ERROR: <input>:{self.line}:{self.column + 1}: {self.message}"
        if not 0 < self.line <= len(lines) or len(lines[self.line - 1]) > _SNIPPET_MAX:
            return text
        line = lines[self.line - 1].replace("\t", " ")
        dots = "".join("." if character.isascii() else _WIDE_DOT for character in line[: self.column])
        mark = "^" if line[self.column : self.column + 1].isascii() else _WIDE_MARK
        return f"{text}\n | {line}\n | {dots}{mark}"


class CompileError(Exception):
    """An expression that does not parse or whose types do not fit. str() is what clients read."""

    def __init__(self, source: str, issues: list[Issue]) -> None:
        lines = source.split("\n")
        shown = sorted(issues, key=lambda issue: (issue.line, issue.column))[:_ISSUES_MAX]
        text = "\n".join(issue.display(lines) for issue in shown)
        if len(issues) > _ISSUES_MAX:
            text += f"\n{len(issues) - _ISSUES_MAX} more errors were truncated"
        super().__init__(text)
        self.issues = issues
