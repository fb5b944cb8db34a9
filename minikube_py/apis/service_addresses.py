"""The IPAddress of a cluster IP: which ones there must be, and what marks them as the allocator's.

Source: pkg/registry/core/service/ipallocator (ipallocator.go), k8s.io/api/networking/v1/well_known_labels.go
"""

from __future__ import annotations

import ipaddress

from .core_v1 import Service
from .meta_v1 import ObjectMeta
from .networking_v1 import IPAddress, IPAddressSpec, ParentReference

FAMILY, MANAGED_BY = "ipaddress.kubernetes.io/ip-family", "ipaddress.kubernetes.io/managed-by"
ALLOCATOR = "ipallocator.k8s.io"


def cluster_ips(service: Service) -> list[str]:
    """The cluster IPs of a service, in the form that names of IPAddresses have."""
    if service.spec.type == "ExternalName":
        return []
    return [str(ipaddress.ip_address(ip)) for ip in service.spec.cluster_ips if ip and ip != "None"]


def allocated(name: str, holder: str) -> IPAddress:
    """The IPAddress of a cluster IP.

    Args:
        holder: namespace and name of the service, with a slash between them.
    """
    namespace, _, service = holder.partition("/")
    family = f"IPv{ipaddress.ip_address(name).version}"
    return IPAddress(
        api_version="networking.k8s.io/v1", kind="IPAddress",
        metadata=ObjectMeta(name=name, labels={FAMILY: family, MANAGED_BY: ALLOCATOR}),
        spec=IPAddressSpec(parent_ref=ParentReference(resource="services", namespace=namespace, name=service)),
    )
