"""Rules of admission policies and their bindings.

Source: pkg/apis/admissionregistration/validation/validation.go
"""

from __future__ import annotations

import re

from .. import meta_v1, syntax
from ..admissionregistration_v1 import (
    AuditAnnotation,
    MatchResources,
    MutatingAdmissionPolicy,
    MutatingAdmissionPolicyBinding,
    Mutation,
    ParamKind,
    ParamRef,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    Validation,
    Variable,
)
from .causes import Causes, duplicate, forbidden, invalid, not_supported, required
from .common import label_selector, matches, present
from .conditions import conditions
from .expressions import Conditions
from .rules import Rules, SubresourceRules, cluster
from .webhooks import FAILURE_POLICIES, MATCH_POLICIES, REINVOCATION_POLICIES, match_conditions, rule_with_operations

_ANNOTATIONS_MAX = 20
_VALUE_EXPRESSION_BYTES_MAX = 5 * 1024
_ACTIONS = ("Audit", "Deny", "Warn")
_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge")
_PATCH_TYPES = ("ApplyConfiguration", "JSONPatch")
_IDENTIFIER = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_RESERVED = frozenset((
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
    "namespace", "return", "var", "void", "while",
))
_SAME_TWICE = ("must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers "
               "serves no purpose)")
Policy = ValidatingAdmissionPolicy | MutatingAdmissionPolicy


def validating_policy(causes: Causes, obj: ValidatingAdmissionPolicy) -> None:
    _validating_policy(causes, obj, check_conditions=True)


def update_validating_policy(causes: Causes, new: ValidatingAdmissionPolicy, old: ValidatingAdmissionPolicy) -> None:
    _validating_policy(causes, new, check_conditions=_conditions_changed(new, old))


def _conditions_changed(new: Policy, old: Policy) -> bool:
    """Match conditions that were right stay so, unless what they may name has changed."""
    return (new.spec.param_kind, new.spec.match_conditions) != (old.spec.param_kind, old.spec.match_conditions)


def _validating_policy(causes: Causes, obj: ValidatingAdmissionPolicy, *, check_conditions: bool) -> None:
    compiled = _common(causes, obj, check_conditions=check_conditions)
    spec = obj.spec
    if not spec.validations and not spec.audit_annotations:
        causes += [required(f"spec.{wire}", "validations or auditAnnotations must contain at least one item")
                   for wire in ("validations", "auditAnnotations")]
        return
    for index, validation in enumerate(spec.validations):
        _validation(causes, f"spec.validations[{index}]", validation, compiled)
    if len(spec.audit_annotations) > _ANNOTATIONS_MAX:
        causes.append(invalid("spec.auditAnnotations", spec.audit_annotations,
                              f"must not have more than {_ANNOTATIONS_MAX} auditAnnotations"))
    keys: set[str] = set()
    for index, annotation in enumerate(spec.audit_annotations):
        where = f"spec.auditAnnotations[{index}]"
        _audit_annotation(causes, where, obj.metadata.name, annotation, compiled)
        if annotation.key in keys:
            causes.append(duplicate(f"{where}.key", annotation.key))
        keys.add(annotation.key)


def mutating_policy(causes: Causes, obj: MutatingAdmissionPolicy) -> None:
    _mutating_policy(causes, obj, check_conditions=True)


def update_mutating_policy(causes: Causes, new: MutatingAdmissionPolicy, old: MutatingAdmissionPolicy) -> None:
    _mutating_policy(causes, new, check_conditions=_conditions_changed(new, old))


def _mutating_policy(causes: Causes, obj: MutatingAdmissionPolicy, *, check_conditions: bool) -> None:
    compiled = _common(causes, obj, check_conditions=check_conditions)
    spec = obj.spec
    if not spec.mutations:
        causes.append(required("spec.mutations", "mutations must contain at least one item"))
    for index, mutation in enumerate(spec.mutations):
        _mutation(causes, f"spec.mutations[{index}]", mutation, compiled)
    if not spec.reinvocation_policy:
        causes.append(required("spec.reinvocationPolicy"))
    elif spec.reinvocation_policy not in REINVOCATION_POLICIES:
        causes.append(not_supported("spec.reinvocationPolicy", spec.reinvocation_policy, REINVOCATION_POLICIES))


def _common(causes: Causes, obj: Policy, *, check_conditions: bool) -> Conditions:
    """What both kinds of policies have; returns what checks their expressions, which knows the variables."""
    spec = obj.spec
    compiled = Conditions(params=spec.param_kind is not None, variables=True)
    if spec.failure_policy is None:
        causes.append(required("spec.failurePolicy"))
    elif spec.failure_policy not in FAILURE_POLICIES:
        causes.append(not_supported("spec.failurePolicy", spec.failure_policy, FAILURE_POLICIES))
    if spec.param_kind is not None:
        _param_kind(causes, "spec.paramKind", spec.param_kind)
    if spec.match_constraints is None:
        causes.append(required("spec.matchConstraints"))
    else:
        _match_resources(causes, "spec.matchConstraints", spec.match_constraints)
        if not spec.match_constraints.resource_rules:
            causes.append(required("spec.matchConstraints.resourceRules"))
        if isinstance(obj, MutatingAdmissionPolicy):
            _only_writes(causes, "spec.matchConstraints.resourceRules", spec.match_constraints)
    if check_conditions:
        match_conditions(causes, "spec.matchConditions", spec.match_conditions, params=spec.param_kind is not None)
    for index, variable in enumerate(spec.variables):
        _variable(causes, f"spec.variables[{index}]", variable, compiled)
    return compiled


def _only_writes(causes: Causes, path: str, match: MatchResources) -> None:
    """Only what is written can be changed."""
    for index, rule in enumerate(match.resource_rules):
        causes += [not_supported(f"{path}[{index}].operations[{number}]", operation, ("CREATE", "UPDATE"))
                   for number, operation in enumerate(rule.operations) if operation not in ("CREATE", "UPDATE")]


def _param_kind(causes: Causes, path: str, kind: ParamKind) -> None:
    where, text = f"{path}.apiVersion", kind.api_version
    group, _, version = text.rpartition("/")
    if not text:
        causes.append(required(where))
    elif text.count("/") > 1:
        causes.append(invalid(where, text, f"unexpected GroupVersion string: {text}"))
    else:
        if group and (complaints := syntax.dns_subdomain(group)):
            causes.append(invalid(where, group, ",".join(complaints)))
        if not version:
            causes.append(invalid(where, text, "version must be specified"))
        elif complaints := syntax.dns_1035_label(version):
            causes.append(invalid(where, version, ",".join(complaints)))
    if not kind.kind:
        causes.append(required(f"{path}.kind"))
    elif complaints := syntax.dns_1035_label(kind.kind.lower()):
        causes.append(invalid(f"{path}.kind", kind.kind, f"may have mixed case, but should otherwise match: {','.join(complaints)}"))


def _match_resources(causes: Causes, path: str, match: MatchResources) -> None:
    if match.match_policy is None:
        causes.append(required(f"{path}.matchPolicy"))
    elif match.match_policy not in MATCH_POLICIES:
        causes.append(not_supported(f"{path}.matchPolicy", match.match_policy, MATCH_POLICIES))
    for selector, wire in ((match.namespace_selector, "namespaceSelector"), (match.object_selector, "objectSelector")):
        if selector is None:
            causes.append(required(f"{path}.{wire}"))
        label_selector(causes, f"{path}.{wire}", selector)
    for rules, wire in ((match.resource_rules, "resourceRules"), (match.exclude_resource_rules, "excludeResourceRules")):
        for index, rule in enumerate(rules):
            where = f"{path}.{wire}[{index}]"
            for number, name in enumerate(rule.resource_names):
                matches(causes, f"{where}.resourceNames[{number}]", name, syntax.path_segment)
                if name in rule.resource_names[:number]:
                    causes.append(duplicate(f"{where}.resourceNames[{number}]", name))
            rule_with_operations(causes, where, rule)


def _variable(causes: Causes, path: str, variable: Variable, compiled: Conditions) -> None:
    if not variable.name.strip():
        causes.append(required(f"{path}.name", "name is not specified"))
    elif not _IDENTIFIER.fullmatch(variable.name) or variable.name in _RESERVED:
        causes.append(invalid(f"{path}.name", variable.name, "name is not a valid CEL identifier"))
    if not variable.expression.strip():
        causes.append(required(f"{path}.expression", "expression is not specified"))
    else:
        compiled.define(causes, f"{path}.expression", variable)


def _validation(causes: Causes, path: str, validation: Validation, compiled: Conditions) -> None:
    if not validation.expression.strip():
        causes.append(required(f"{path}.expression", "expression is not specified"))
    else:
        compiled.check(causes, f"{path}.expression", validation.expression, ("bool",))
    if validation.message_expression and not validation.message_expression.strip():
        causes.append(invalid(f"{path}.messageExpression", validation.message_expression, "must be non-empty if specified"))
    elif validation.message_expression:
        compiled.check(causes, f"{path}.messageExpression", validation.message_expression, ("string",), authorizer=False)
    message = validation.message.strip()
    if validation.message and not message:
        causes.append(invalid(f"{path}.message", validation.message, "message must be non-empty if specified"))
    elif "\n" in message or "\r" in message:
        causes.append(invalid(f"{path}.message", validation.message, "message must not contain line breaks"))
    if validation.reason is not None and validation.reason not in _REASONS:
        causes.append(not_supported(f"{path}.reason", validation.reason, _REASONS))


def _audit_annotation(causes: Causes, path: str, policy: str, annotation: AuditAnnotation, compiled: Conditions) -> None:
    if policy:
        matches(causes, f"{path}.key", f"{policy}/{annotation.key}", syntax.label_key)
    else:
        causes.append(invalid(f"{path}.key", annotation.key, "requires metadata.name be non-empty"))
    expression = annotation.value_expression.strip()
    if not expression:
        causes.append(required(f"{path}.valueExpression", "valueExpression is not specified"))
    elif len(expression.encode()) > _VALUE_EXPRESSION_BYTES_MAX:
        causes.append(required(f"{path}.valueExpression", f"must not exceed {_VALUE_EXPRESSION_BYTES_MAX} bytes in length"))
    else:
        compiled.check(causes, f"{path}.valueExpression", annotation.value_expression, ("string", "null"))


def _mutation(causes: Causes, path: str, mutation: Mutation, compiled: Conditions) -> None:
    kind = mutation.patch_type
    if kind not in _PATCH_TYPES:
        causes.append(not_supported(f"{path}.patchType", kind, _PATCH_TYPES) if kind else required(f"{path}.patchType"))
        return
    given, wire, other, other_wire = mutation.json_patch, "jsonPatch", mutation.apply_configuration, "applyConfiguration"
    if kind == "ApplyConfiguration":
        wire, other_wire = other_wire, wire
    chosen, unwanted = (given, other) if kind == "JSONPatch" else (other, given)
    if chosen is None:
        causes.append(required(f"{path}.{wire}", f"must be specified when patchType is {kind}"))
    elif not chosen.expression.strip():
        causes.append(required(f"{path}.{wire}.expression"))
    else:
        wanted = "patches" if kind == "JSONPatch" else "Object"
        compiled.check(causes, f"{path}.{wire}.expression", chosen.expression, (wanted,), patches=True)
    if unwanted is not None:
        causes.append(invalid(f"{path}.{other_wire}", f"{{{other_wire}}}", f"must not be specified when patchType is {kind}"))


def validating_binding(causes: Causes, obj: ValidatingAdmissionPolicyBinding) -> None:
    _binding(causes, obj)
    path, actions = "spec.validationActions", obj.spec.validation_actions
    for index, action in enumerate(actions):
        if action not in _ACTIONS:
            causes.append(not_supported(f"{path}[{index}]", action, _ACTIONS))
        if action in actions[:index]:
            causes.append(duplicate(f"{path}[{index}]", action))
    if "Deny" in actions and "Warn" in actions:
        causes.append(invalid(path, actions, _SAME_TWICE))
    if not actions:
        causes.append(required(path, "at least one validation action is required"))


def mutating_binding(causes: Causes, obj: MutatingAdmissionPolicyBinding) -> None:
    _binding(causes, obj)


def _binding(causes: Causes, obj: ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding) -> None:
    spec = obj.spec
    present(causes, "spec.policyName", spec.policy_name, syntax.dns_subdomain)
    if spec.param_ref is not None:
        _param_ref(causes, "spec.paramRef", spec.param_ref)
    if spec.match_resources is not None:
        _match_resources(causes, "spec.matchResources", spec.match_resources)


def _param_ref(causes: Causes, path: str, reference: ParamRef) -> None:
    name, selector, action = reference.name, reference.selector, reference.parameter_not_found_action
    if name:
        matches(causes, f"{path}.name", name, syntax.path_segment)
        if selector is not None:
            causes.append(forbidden(f"{path}.name", "name and selector are mutually exclusive"))
    if selector is not None:
        label_selector(causes, f"{path}.selector", selector)
        if name:
            causes.append(forbidden(f"{path}.selector", "name and selector are mutually exclusive"))
    if not name and selector is None:
        causes.append(required(path, "one of name or selector must be specified"))
    if not action:
        causes.append(required(f"{path}.parameterNotFoundAction"))
    elif action not in ("Deny", "Allow"):
        causes.append(not_supported(f"{path}.parameterNotFoundAction", action, ("Deny", "Allow")))


def update_policy_status(causes: Causes, new: ValidatingAdmissionPolicy, old: ValidatingAdmissionPolicy) -> None:
    checking = new.status.type_checking
    for index, warning in enumerate(checking.expression_warnings if checking is not None else ()):
        where = f"status.typeChecking.expressionWarnings[{index}]"
        if not warning.warning:
            causes.append(required(f"{where}.warning"))
        if not warning.field_ref.strip():
            causes.append(required(f"{where}.fieldRef"))
    items: list[meta_v1.Condition] = new.status.conditions
    conditions(causes, "status.conditions", items)


RULES: Rules = {
    ValidatingAdmissionPolicy: cluster(validating_policy, update_validating_policy),
    MutatingAdmissionPolicy: cluster(mutating_policy, update_mutating_policy),
    ValidatingAdmissionPolicyBinding: cluster(validating_binding), MutatingAdmissionPolicyBinding: cluster(mutating_binding),
}
SUBRESOURCES: SubresourceRules = {(ValidatingAdmissionPolicy, "status"): update_policy_status}
