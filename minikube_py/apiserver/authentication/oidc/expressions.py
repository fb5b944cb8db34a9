"""Claims and rules as CEL expressions.

Source: k8s.io/apiserver/pkg/authentication/cel, k8s.io/apiserver/plugin/pkg/authenticator/token/oidc/oidc.go
"""

from __future__ import annotations

from typing import Any

from minikube_py.apis.cel import types
from minikube_py.apis.cel.ast import Call, Checked, Const, Ident, Select, walk
from minikube_py.apis.cel.environments import check_claims, check_user
from minikube_py.apis.cel.errors import CelError
from minikube_py.apis.cel.program import Program
from minikube_py.apis.cel.values import View

from .claims import Claims, ClaimsError


class Expression:
    """Texts of claims by an expression.

    Args:
        what: of the user, for errors.
        many: whether it may give a list, or nothing.
    Attributes:
        checked: the expression.
    """

    def __init__(self, what: str, source: str, *, many: bool = False) -> None:
        """Raises: ExpressionError."""
        self.checked = check_claims(source)
        self._program = Program(self.checked, ["claims"])
        self._source = source
        self._what = what
        self._many = many

    def texts(self, claims: Claims) -> list[str]:
        wrong = f"error evaluating {self._what} claim expression"
        value = _evaluate(self._program, self._source, claims, wrong)
        if isinstance(value, str):
            if not value and self._what == "username":
                raise ClaimsError("empty username via CEL expression is not allowed")
            return [value] if value else []
        if not self._many:
            raise ClaimsError(f"{wrong}: {self._what} claim expression must return a string")
        if value is None:
            return []
        items = list(value) if isinstance(value, list) or (isinstance(value, View) and value.is_list) else [value]
        if not all(isinstance(item, str) for item in items):
            which = f"{self._source}: " if self._what == "extra" else ""
            raise ClaimsError(f"{wrong}: {which}expression must return a string or a list of strings")
        return [item for item in items if item]


class ClaimRule:
    """A rule about claims."""

    variable, subject = "claims", "claim validation expression"
    compile = staticmethod(check_claims)

    def __init__(self, source: str, message: str) -> None:
        """Raises: ExpressionError."""
        self.checked = self.compile(source, types.BOOL)
        self._program = Program(self.checked, [self.variable])
        self._source = source
        self._message = message

    def check(self, subject: dict[str, Any]) -> None:
        wrong = f"error evaluating {self.subject}"
        value = _evaluate(self._program, self._source, subject, wrong)
        if not isinstance(value, bool):
            raise ClaimsError(f"{wrong}: validation expression must return a boolean")
        if not value:
            raise ClaimsError(f"{wrong}: validation expression '{self._source}' failed: {self._message}")


class UserRule(ClaimRule):
    """A rule about the user that claims make."""

    variable, subject = "user", "user info validation rule"
    compile = staticmethod(check_user)


def reads_claim(checked: Checked, claim: str) -> bool:
    """Whether an expression reads `claims.<claim>`, as a field and not by an index."""
    for node in walk(checked.root):
        if isinstance(node, Select) and node.field == claim and _is_claims(node.operand):
            return True
        if (isinstance(node, Call) and node.function == "_?._" and len(node.args) == 2 and _is_claims(node.args[0])
                and isinstance(node.args[1], Const) and node.args[1].value == claim):
            return True
    return False


def _is_claims(node: object) -> bool:
    return isinstance(node, Ident) and node.name == "claims"


def _evaluate(program: Program, source: str, subject: dict[str, Any], wrong: str) -> Any:
    try:
        return program.evaluate(subject)
    except CelError as error:
        raise ClaimsError(f"{wrong}: expression '{source}' resulted in error: {error}") from error
