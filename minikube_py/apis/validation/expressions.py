"""Rules of expressions: they compile, and their values are of the types that their fields want.

The language is loaded when the first expression is looked at.

Source: pkg/apis/admissionregistration/validation/validation.go (validateCELCondition), pkg/apis/resource/validation (validateCELSelector)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..admissionregistration_v1 import Variable
from .causes import Causes, forbidden, invalid

if TYPE_CHECKING:
    from ..cel.environments import AdmissionExpressions

_SELECTOR_COST_MAX = 1_000_000


class Conditions:
    """The expressions of one webhook or policy that are checked for themselves.

    Args:
        params: whether they may read parameters.
        variables: whether they may read the variables that are defined here.
    """

    def __init__(self, *, params: bool, variables: bool = False) -> None:
        self._params = params
        self._variables = variables
        self._environment: AdmissionExpressions | None = None

    def _expressions(self) -> AdmissionExpressions:
        if self._environment is None:
            from ..cel.environments import AdmissionExpressions

            self._environment = AdmissionExpressions(self._params, {} if self._variables else None)
        return self._environment

    def check(
        self, causes: Causes, path: str, expression: str, wanted: Iterable[str], *, authorizer: bool = True, patches: bool = False
    ) -> None:
        """Complain of an expression that does not compile, or to nothing that is wanted ("bool", "string", "null", "Object", "patches")."""
        from ..cel import environments as cel
        from ..cel import types as t

        kinds = {"bool": t.BOOL, "string": t.STRING, "null": t.NULL, "Object": cel.OBJECT, "patches": t.list_of(cel.PATCH)}
        try:
            self._expressions().check(expression, *(kinds[name] for name in wanted), authorizer=authorizer, patches=patches)
        except cel.ExpressionError as error:
            causes.append(invalid(path, expression, str(error)))

    def define(self, causes: Causes, path: str, variable: Variable) -> None:
        """Compile a variable, which later expressions may read."""
        from ..cel import environments as cel

        checked = None
        try:
            checked = self._expressions().check(variable.expression)
        except cel.ExpressionError as error:
            causes.append(invalid(path, variable.expression, str(error)))
        self._expressions().define(variable.name, checked)


def device_selector(causes: Causes, path: str, expression: str) -> None:
    """An expression that says yes or no to a device, at a bounded cost."""
    from ..cel import environments as cel

    try:
        cost = cel.check_device_selector(expression)
    except cel.ExpressionError as error:
        causes.append(invalid(path, expression, str(error)))
        return
    if cost > _SELECTOR_COST_MAX:
        causes.append(forbidden(path, "too complex, exceeds cost limit"))
