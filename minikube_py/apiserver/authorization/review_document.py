"""The spec of a SubjectAccessReview as a plain document: what webhooks are asked and match conditions see.

Source: k8s.io/apiserver/plugin/pkg/authorizer/webhook/webhook.go
"""

from __future__ import annotations

from typing import Any

from minikube_py.apis.scheme import to_document

from .attributes import Attributes


def review_spec(attributes: Attributes) -> dict[str, Any]:
    """The question about a request, in version v1; what is empty is left out."""
    user = attributes.user
    spec: dict[str, Any] = {}
    if attributes.is_resource:
        spec["resourceAttributes"] = _present(
            namespace=attributes.namespace, verb=attributes.verb, group=attributes.api_group, version=attributes.api_version,
            resource=attributes.resource, subresource=attributes.subresource, name=attributes.name,
        )
        if attributes.selectors is not None:
            fields, labels = attributes.selectors.typed_fields(), attributes.selectors.typed_labels()
            if fields:
                spec["resourceAttributes"]["fieldSelector"] = {"requirements": [to_document(one) for one in fields]}
            if labels:
                spec["resourceAttributes"]["labelSelector"] = {"requirements": [to_document(one) for one in labels]}
    else:
        spec["nonResourceAttributes"] = _present(path=attributes.path, verb=attributes.verb)
    extra = {key: list(values) for key, values in user.extra.items()}
    return spec | _present(user=user.name, groups=list(user.groups), extra=extra, uid=user.uid)


def _present(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}
