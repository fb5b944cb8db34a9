"""Rules of names that have a domain in them: paths, keys and fully qualified names.

Source: staging/src/k8s.io/apimachinery/pkg/util/validation/validation.go
"""

from __future__ import annotations

from .. import syntax
from .causes import Causes, invalid, required, too_long
from .common import Syntax, matches

_DRIVER_BYTES_MAX = 63
# Source: pkg/apis/certificates/validation/validation.go (ValidateSignerName)
_SIGNER_BYTES_MAX = syntax.DNS_SUBDOMAIN_MAX + syntax.DNS_LABEL_MAX + syntax.DNS_SUBDOMAIN_MAX + 2


def driver_name(causes: Causes, path: str, name: str) -> None:
    """The name of a CSI driver, or of one of dynamic resource allocation: a short subdomain, in any case."""
    if not name:
        causes.append(required(path))
        return
    if len(name.encode()) > _DRIVER_BYTES_MAX:
        causes.append(too_long(path, _DRIVER_BYTES_MAX))
    if complaints := syntax.dns_subdomain(name.lower()):
        causes += [invalid(path, name, complaint) for complaint in complaints]


def domain_prefixed_path(causes: Causes, path: str, text: str) -> None:
    """As "acme.io/foo": a subdomain, a slash and a path."""
    if not text:
        causes.append(required(path))
        return
    host, _, rest = text.partition("/")
    if not host or not rest:
        causes.append(invalid(path, text, 'must be a domain-prefixed path (such as "acme.io/foo")'))
        return
    matches(causes, path, host, syntax.dns_subdomain)
    matches(causes, path, rest, syntax.http_path)


def fully_qualified_name(causes: Causes, path: str, text: str) -> None:
    """A subdomain of at least three labels."""
    if not text:
        causes.append(required(path))
    elif complaints := syntax.dns_subdomain(text):
        causes.append(invalid(path, text, ",".join(complaints)))
    elif text.count(".") < 2:
        causes.append(invalid(path, text, "should be a domain with at least three segments separated by dots"))


def signer_name(causes: Causes, path: str, name: str) -> None:
    """A domain of at least two labels, a slash, and subdomains joined by dots."""
    if not name:
        causes.append(required(path))
        return
    domain, slash, rest = name.partition("/")
    if not slash or "/" in rest:
        causes.append(invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'"))
        return
    if len(domain) > syntax.DNS_SUBDOMAIN_MAX:
        causes.append(too_long(path, syntax.DNS_SUBDOMAIN_MAX))
    _labels(causes, path, domain, syntax.dns_label)
    if "." not in domain:
        causes.append(invalid(path, domain, "should be a domain with at least two segments separated by dots"))
    _labels(causes, path, rest, syntax.dns_subdomain)
    if len(name) > _SIGNER_BYTES_MAX:
        causes.append(too_long(path, _SIGNER_BYTES_MAX))


def _labels(causes: Causes, path: str, text: str, rule: Syntax) -> None:
    """The first part between dots that is wrong."""
    for label in text.split("."):
        if complaints := rule(label):
            causes += [invalid(path, text, f"validating label {syntax.quote(label)}: {complaint}") for complaint in complaints]
            return
