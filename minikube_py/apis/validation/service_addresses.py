"""Rules of the addresses of services: IPAddress and ServiceCIDR.

Source: pkg/apis/networking/validation/validation.go
"""

from __future__ import annotations

from .. import addresses, syntax
from ..networking_v1 import IPAddress, ParentReference, ServiceCIDR
from .causes import IMMUTABLE, Causes, invalid, required
from .common import immutable, matches, present
from .ratcheting import canonical_cidr
from .rules import Rules, cluster

_IP_FORM = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_FAMILIES = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"


def ip_name(text: str) -> syntax.Complaints:
    """The name of an IPAddress is the address in its shortest form."""
    address = addresses.sloppy(text)
    if address is None:
        return (_IP_FORM,)
    if addresses.leading_zeros(text):
        return ("must not have leading 0s",)
    if addresses.is_mapped(address):
        return ("must not be an IPv4-mapped IPv6 address",)
    return () if str(address) == text else (f'must be in canonical form ("{address}")',)


def ip_address(causes: Causes, obj: IPAddress) -> None:
    parent = obj.spec.parent_ref
    if parent is None:
        causes.append(required("spec.parentRef"))
    else:
        _parent(causes, "spec.parentRef", parent)


def _parent(causes: Causes, path: str, parent: ParentReference) -> None:
    if parent.group:
        matches(causes, f"{path}.group", parent.group, syntax.dns_subdomain)
    present(causes, f"{path}.resource", parent.resource, syntax.path_segment)
    present(causes, f"{path}.name", parent.name, syntax.path_segment)
    if parent.namespace:
        matches(causes, f"{path}.namespace", parent.namespace, syntax.path_segment)


def update_ip_address(causes: Causes, new: IPAddress, old: IPAddress) -> None:
    ip_address(causes, new)
    immutable(causes, "spec.parentRef", new.spec.parent_ref, old.spec.parent_ref)


def service_cidr(causes: Causes, obj: ServiceCIDR) -> None:
    texts = obj.spec.cidrs
    if not texts:
        causes.append(required("spec.cidrs", "at least one CIDR required"))
    elif len(texts) > 2:
        causes.append(invalid("spec.cidrs", obj.spec, "may only hold up to 2 values"))
    else:
        for index, text in enumerate(texts):
            canonical_cidr(causes, f"spec.cidrs[{index}]", text)
        interfaces = [addresses.sloppy_interface(text) for text in texts]
        families = [addresses.unmapped(interface.ip).version for interface in interfaces if interface is not None]
        if len(families) == 2 and families[0] == families[1]:
            causes.append(invalid("spec.cidrs", texts, _FAMILIES))


def update_service_cidr(causes: Causes, new: ServiceCIDR, old: ServiceCIDR) -> None:
    """A second network may be added; nothing else changes."""
    now, was = new.spec.cidrs, old.spec.cidrs
    if len(now) == len(was):
        for index, (text, before) in enumerate(zip(now, was, strict=True)):
            immutable(causes, f"spec.cidrs[{index}]", text, before)
    elif len(was) == 1 and len(now) == 2:
        immutable(causes, "spec.cidrs[0]", now[0], was[0])
        service_cidr(causes, new)
    else:
        causes.append(invalid("spec.cidrs", now, IMMUTABLE))


RULES: Rules = {
    IPAddress: cluster(ip_address, update_ip_address, name=ip_name), ServiceCIDR: cluster(service_cidr, update_service_cidr),
}
