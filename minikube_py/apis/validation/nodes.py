"""Rules of nodes.

Source: pkg/apis/core/validation/validation.go (ValidateNode, ValidateNodeUpdate and below)
"""

from __future__ import annotations

import re

import msgspec

from .. import addresses, syntax
from ..core_v1 import ConfigMapNodeConfigSource, Node, NodeConfigSource, Taint
from . import resources, scheduling
from .causes import Causes, duplicate, forbidden, internal, invalid, required
from .common import cidr, positive_field, present

_TAINTS = "scheduler.alpha.kubernetes.io/taints"
_FEATURE = re.compile(r"[A-Z][a-zA-Z0-9]*(/[a-zA-Z][a-zA-Z0-9]*)*")


def node(causes: Causes, obj: Node) -> None:
    _annotations(causes, obj)
    if obj.spec.taints:
        scheduling.taints(causes, "metadata.taints", obj.spec.taints)  # upstream's path
    _amounts(causes, obj)
    info = obj.status.node_info
    if info.swap is not None and info.swap.capacity is not None:
        positive_field(causes, "metadata.nodeSwapStatus.capacity", info.swap.capacity)
    _features(causes, obj.status.declared_features)
    if obj.spec.pod_cidrs:
        _networks(causes, "spec.podCIDRs", obj.spec.pod_cidrs)


def _annotations(causes: Causes, obj: Node) -> None:
    text = obj.metadata.annotations.get(_TAINTS)
    if not text:
        return
    try:
        taints = msgspec.json.decode(text, type=list[Taint])
    except msgspec.MsgspecError as error:
        causes.append(invalid("metadata.annotations", _TAINTS, str(error)))
    else:
        scheduling.taints(causes, f"metadata.annotations.{_TAINTS}", taints)


def _amounts(causes: Causes, obj: Node) -> None:
    for wire, amounts in (("capacity", obj.status.capacity), ("allocatable", obj.status.allocatable)):
        for name, amount in amounts.items():
            resources.amount(causes, f"status.{wire}.{name}", name, amount)


def _features(causes: Causes, names: list[str]) -> None:
    """The features that a node declares have names and are sorted."""
    path = "status.declaredFeatures"
    for index, name in enumerate(names):
        if len(name) > syntax.DNS_SUBDOMAIN_MAX:
            causes.append(invalid(f"{path}[{index}]", name, f"invalid feature name {syntax.quote(name)}: must be no more than "
                                                            f"{syntax.DNS_SUBDOMAIN_MAX} characters"))
        elif not _FEATURE.fullmatch(name):
            causes.append(invalid(f"{path}[{index}]", name, f"invalid feature name {syntax.quote(name)}: must start with an UpperCamelCase "
                                  "segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and "
                                  "contain only alphanumeric characters and slashes"))
        following = names[index + 1] if index + 1 < len(names) else None
        if following == name:
            causes.append(duplicate(f"{path}[{index + 1}]", following))
        elif following is not None and name > following:
            causes.append(invalid(f"{path}[{index + 1}]", following, "list must be sorted alphabetically"))


def _networks(causes: Causes, path: str, texts: list[str]) -> None:
    """One network, or one of each family."""
    for index, text in enumerate(texts):
        cidr(causes, f"{path}[{index}]", text)
    if len(texts) < 2:
        return
    families = set()
    for text in texts:
        interface = addresses.sloppy_interface(text)
        if interface is None:
            why = f"invalid CIDR address: {text}"
            causes.append(internal(path, f"invalid PodCIDRs. failed to check with dual stack with error:{why}"))
            break
        families.add(interface.version)
    if len(texts) > 2 or len(families) < 2:
        causes.append(invalid(path, texts, "may specify no more than one CIDR for each IP family"))


def update_node(causes: Causes, new: Node, old: Node) -> None:
    """What a node is known by is given to it once."""
    own, was = new.spec, old.spec
    _annotations(causes, new)
    _amounts(causes, new)
    _features(causes, new.status.declared_features)
    seen: set[tuple[str, str]] = set()
    for index, address in enumerate(new.status.addresses):
        if (address.type, address.address) in seen:
            causes.append(duplicate(f"status.addresses[{index}]", address))
        seen.add((address.type, address.address))
    if was.pod_cidrs:
        why = 'node updates may not change podCIDR except from "" to valid'
        if len(own.pod_cidrs) != len(was.pod_cidrs):
            causes.append(forbidden("spec.podCIDRs", why))
        else:
            causes += [forbidden("spec.podCIDRs", why) for one, other in zip(own.pod_cidrs, was.pod_cidrs, strict=True) if one != other]
    if was.provider_id and own.provider_id != was.provider_id:
        causes.append(forbidden("spec.providerID", 'node updates may not change providerID except from "" to valid'))
    if own.config_source is not None:
        _config(causes, "spec.configSource", own.config_source, in_spec=True)
    config = new.status.config
    if config is not None:
        for source, wire in ((config.assigned, "assigned"), (config.active, "active"), (config.last_known_good, "lastKnownGood")):
            if source is not None:
                _config(causes, f"status.config.{wire}", source, in_spec=False)
    if own.taints:
        scheduling.taints(causes, "metadata.taints", own.taints)
    if own.external_id != was.external_id:
        causes.append(forbidden("spec.externalID", "may not be updated"))


def _config(causes: Causes, path: str, source: NodeConfigSource, *, in_spec: bool) -> None:
    if source.config_map is None:
        causes.append(invalid(path, source, "exactly one reference subfield must be non-nil"))
    else:
        _config_map(causes, f"{path}.configMap", source.config_map, in_spec=in_spec)


def _config_map(causes: Causes, path: str, source: ConfigMapNodeConfigSource, *, in_spec: bool) -> None:
    for value, wire in ((source.uid, "uid"), (source.resource_version, "resourceVersion")):
        if in_spec and value:
            causes.append(forbidden(f"{path}.{wire}", f"{wire} must not be set in spec"))
        elif not in_spec and not value:
            causes.append(required(f"{path}.{wire}"))
    present(causes, f"{path}.namespace", source.namespace, syntax.dns_label)
    present(causes, f"{path}.name", source.name, syntax.dns_subdomain)
    present(causes, f"{path}.kubeletConfigKey", source.kubelet_config_key, syntax.config_map_key)
