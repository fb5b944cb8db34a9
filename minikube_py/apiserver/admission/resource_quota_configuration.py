"""ResourceQuotaConfiguration: what may only be used, or done, where a quota covers it.

Source: staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/apis/resourcequota
"""

from __future__ import annotations

from typing import Any

from minikube_py.apis.core_v1 import ScopedResourceSelectorRequirement
from minikube_py.apis.object import Object
from minikube_py.core.errors import Cause, aggregate

from ..configuration import ConfigurationError, decode_configuration, type_of_document

KINDS = {
    "apiserver.config.k8s.io/v1": "ResourceQuotaConfiguration",
    "resourcequota.admission.k8s.io/v1beta1": "Configuration",
    "resourcequota.admission.k8s.io/v1alpha1": "Configuration",
}


class LimitedResource(Object):
    """One rule.

    Attributes:
        match_contains: parts of the names that need a quota.
        match_scopes: what needs a quota with such a scope, of any resource.
    """

    api_group: str = ""
    resource: str = ""
    match_contains: list[str] = []
    match_scopes: list[ScopedResourceSelectorRequirement] = []


class ResourceQuotaConfiguration(Object):
    """The document."""

    kind: str = ""
    api_version: str = ""
    limited_resources: list[LimitedResource] = []


def read_configuration(document: Any) -> list[LimitedResource]:
    """The rules of a document; None is none.

    Raises: ConfigurationError.
    """
    if document is None:
        return []
    kind = KINDS.get(type_of_document(document)[0], "ResourceQuotaConfiguration")
    rules = decode_configuration(ResourceQuotaConfiguration, document, kind, KINDS, strict=False).limited_resources
    causes = [Cause("FieldValueRequired", "Required value", f"limitedResources[{index}].resource")
              for index, rule in enumerate(rules) if not rule.resource]
    if causes:
        raise ConfigurationError(aggregate(causes))
    return rules
