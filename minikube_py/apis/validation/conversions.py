"""Rules of the conversion between the versions of a custom resource.

Source: k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go, k8s.io/apiserver/pkg/util/webhook/validation.go
"""

from __future__ import annotations

import re

from cryptography import x509

from .. import syntax
from ..apiextensions_v1 import CustomResourceConversion, ServiceReference, WebhookClientConfig
from .causes import Causes, forbidden, invalid, required
from .common import https_url, matches, one_of, service_path

REVIEW_VERSIONS = ("v1", "v1beta1")
_STRATEGIES = ("None", "Webhook")
_NO_WEBHOOK = "should not be set when strategy is not set to Webhook"
_PEM = re.compile(rb"-----BEGIN ([^\n-]+)-----\r?\n(.*?)-----END \1-----", re.DOTALL)


def conversion(causes: Causes, value: CustomResourceConversion, path: str, *, known_version: bool, right_bundle: bool) -> None:
    """What is wrong with a conversion.

    Args:
        known_version: one of the review versions has to be known.
        right_bundle: the CA bundle has to hold certificates.
    """
    one_of(causes, f"{path}.strategy", value.strategy, _STRATEGIES)
    webhook = value.webhook
    config = webhook.client_config if webhook is not None else None
    versions = webhook.conversion_review_versions if webhook is not None else []
    if value.strategy == "Webhook":
        if config is None:
            causes.append(required(f"{path}.webhookClientConfig", "required when strategy is set to Webhook"))
        else:
            _client(causes, config, f"{path}.webhookClientConfig", right_bundle)
        _review_versions(causes, versions, f"{path}.conversionReviewVersions", known_version)
        return
    if config is not None:
        causes.append(forbidden(f"{path}.webhookClientConfig", _NO_WEBHOOK))
    if versions:
        causes.append(forbidden(f"{path}.conversionReviewVersions", _NO_WEBHOOK))


def _client(causes: Causes, config: WebhookClientConfig, path: str, right_bundle: bool) -> None:
    if (config.url is None) == (config.service is None):
        causes.append(required(path, "exactly one of url or service is required"))
    elif config.url is not None:
        https_url(causes, f"{path}.url", config.url)
    elif config.service is not None:
        _service(causes, config.service, f"{path}.service")
    if config.ca_bundle and right_bundle and (problem := bundle_problem(config.ca_bundle)):
        causes.append(invalid(f"{path}.caBundle", config.ca_bundle, problem))


def _service(causes: Causes, service: ServiceReference, path: str) -> None:
    """Upstream confuses the two names here, and so does the field that it complains of."""
    for value, wire in ((service.namespace, "name"), (service.name, "namespace")):
        if not value:
            causes.append(required(f"{path}.{wire}", f"service {wire} is required"))
    port = service.port or 0
    if complaints := syntax.port_number(port):
        causes.append(invalid(f"{path}.port", port, f"port is not valid: {', '.join(complaints)}"))
    if service.path not in (None, "", "/"):
        service_path(causes, f"{path}.path", service.path or "")


def _review_versions(causes: Causes, versions: list[str], path: str, known_version: bool) -> None:
    if not versions:
        causes.append(required(path))
        return
    for index, version in enumerate(versions):
        if version in versions[:index]:
            causes.append(invalid(f"{path}[{index}]", version, "duplicate version"))
        else:
            matches(causes, f"{path}[{index}]", version, syntax.dns_1035_label)
    if known_version and not has_known_version(versions):
        causes.append(invalid(path, versions, f"must include at least one of {', '.join(REVIEW_VERSIONS)}"))


def has_known_version(versions: list[str]) -> bool:
    return any(version in REVIEW_VERSIONS for version in versions)


def bundle_problem(bundle: bytes) -> str:
    """Why no certificate can be read from a CA bundle; "" if one can."""
    failed = False
    blocks = _PEM.findall(bundle)
    for kind, _ in blocks:
        if kind != b"CERTIFICATE":
            continue
        try:
            x509.load_pem_x509_certificates(bundle)
            return ""
        except ValueError:
            failed = True
    if failed:
        return "unable to load root certificates: failed to parse certificate: x509: malformed certificate"
    problem = "no valid certificate authority data seen" if blocks or not bundle.strip() else "unable to parse bytes as PEM block"
    return f"unable to load root certificates: {problem}"
