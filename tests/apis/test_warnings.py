"""What authors of valid objects are told beside the answer."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis import networking_v1, node_v1, scheme, storage_v1
from minikube_py.apis.object import Object
from minikube_py.apis.warnings import warnings_on_create, warnings_on_update

_CLASS = {"metadata": {"annotations": {"kubernetes.io/ingress.class": "nginx"}}}
_ARCH = 'deprecated since v1.14; use "kubernetes.io/arch" instead'
_ZONE = 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'
OF_OBJECTS: list[tuple[type[Object], dict[str, Any], list[str]]] = [
    (networking_v1.Ingress, _CLASS,
     ["annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead"]),
    (networking_v1.Ingress, {**_CLASS, "spec": {"ingressClassName": "nginx"}}, []),
    (
        networking_v1.NetworkPolicy,
        {"spec": {
            "ingress": [{}, {"from": [{"podSelector": {}}, {"ipBlock": {"cidr": "10.0.0.0/08", "except": ["10.1.0.1/16"]}}]}],
            "egress": [{"to": [{"ipBlock": {"cidr": "2001:DB8::/32"}}]}],
        }},
        [
            'spec.ingress[1].from[1].ipBlock.cidr: non-standard CIDR value "10.0.0.0/08" will be considered invalid in a future '
            'Kubernetes release: use "10.0.0.0/8"',
            'spec.ingress[1].from[1].ipBlock.except[0]: CIDR value "10.1.0.1/16" is ambiguous in this context (should be '
            '"10.1.0.0/16" or "10.1.0.1/32"?)',
            'spec.egress[0].to[0].ipBlock.cidr: IPv6 CIDR value "2001:DB8::/32" should be in RFC 5952 canonical format '
            '("2001:db8::/32")',
        ],
    ),
    (
        storage_v1.StorageClass,
        {"allowedTopologies": [{"matchLabelExpressions": [{"key": "rack"}, {"key": "failure-domain.beta.kubernetes.io/zone"}]}]},
        [f"allowedTopologies[0].matchLabelExpressions[1].key: {_ZONE}"],
    ),
    (
        storage_v1.CSIStorageCapacity,
        {"nodeTopology": {"matchLabels": {"beta.kubernetes.io/arch": "arm64"}, "matchExpressions": [{"key": "beta.kubernetes.io/arch"}]}},
        [f"nodeTopology.matchExpressions[0].key: beta.kubernetes.io/arch is {_ARCH}",
         f"nodeTopology.matchLabels.beta.kubernetes.io/arch: {_ARCH}"],
    ),
    (node_v1.RuntimeClass, {"scheduling": {"nodeSelector": {"beta.kubernetes.io/arch": "arm64", "a": "b"}}},
     [f"scheduling.nodeSelector: {_ARCH}"]),
    (node_v1.RuntimeClass, {}, []),
]


@pytest.mark.parametrize(("kind", "document", "wanted"), OF_OBJECTS)
def test_unusual_objects_are_remarked_on(kind: type[Object], document: dict[str, Any], wanted: list[str]) -> None:
    obj = scheme.from_document(kind, document)
    assert warnings_on_create(obj) == wanted
    on_updates = [] if kind is networking_v1.Ingress else wanted  # its class is only remarked on when it is new
    assert warnings_on_update(obj, kind()) == on_updates


def test_addresses_of_load_balancers_are_remarked_on_as_they_are_set() -> None:
    status = {"status": {"loadBalancer": {"ingress": [{"hostname": "a"}, {"ip": "1::0"}]}}}
    new = scheme.from_document(networking_v1.Ingress, status)
    assert warnings_on_update(new, networking_v1.Ingress(), "status") == [
        'status.loadBalancer.ingress[1].ip: IPv6 address "1::0" should be in RFC 5952 canonical format ("1::")']
