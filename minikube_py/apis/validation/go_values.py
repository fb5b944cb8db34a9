"""Wrong values as messages show them: what Go's JSON encoder makes of the API server's internal types.

The internal types have no JSON names of their own: a struct shows every field by its Go name, in the order of its declaration, set or not.
The types of meta/v1 are used as they are and show their wire form. The order is known for the types that messages show; others come in
the order of their wire names.

Source: staging/src/k8s.io/apimachinery/pkg/util/validation/field/errors.go (ErrorBody), pkg/apis/core/types.go
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from .. import core_v1, meta_v1
from ..object import Object
from . import group_orders

_encode = msgspec.json.Encoder(order="sorted").encode
_encode_in_order = msgspec.json.Encoder().encode
_HTML = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
_INITIALISMS = ("api", "uid", "ip", "id", "fs", "se", "fc", "csi", "nfs", "pd", "iscsi", "rbd", "tty", "dns", "tls", "cpu")
_GO_NAMES = {"pdName": "PDName", "pdID": "PdID", "seLinuxOptions": "SELinuxOptions", "seLinuxChangePolicy": "SELinuxChangePolicy",
             "podIPs": "PodIPs", "storageos": "StorageOS", "scaleIO": "ScaleIO", "cephfs": "CephFS",
             "cidrs": "CIDRs", "cel": "CEL"}
_ORDER: dict[type[Object], tuple[str, ...]] = {
    core_v1.SecurityContext: (
        "capabilities", "privileged", "seLinuxOptions", "windowsOptions", "runAsUser", "runAsGroup", "runAsNonRoot",
        "readOnlyRootFilesystem", "allowPrivilegeEscalation", "procMount", "seccompProfile", "appArmorProfile"),
    core_v1.Capabilities: ("add", "drop"),
    core_v1.SELinuxOptions: ("user", "role", "type", "level"),
    core_v1.WindowsSecurityContextOptions: ("gmsaCredentialSpecName", "gmsaCredentialSpec", "runAsUserName", "hostProcess"),
    core_v1.SeccompProfile: ("type", "localhostProfile"),
    core_v1.AppArmorProfile: ("type", "localhostProfile"),
    core_v1.PodResourceClaim: ("name", "resourceClaimName", "resourceClaimTemplateName"),
    core_v1.Taint: ("key", "value", "effect", "timeAdded"),
    core_v1.NodeAddress: ("type", "address"),
    core_v1.ServicePort: ("name", "protocol", "appProtocol", "port", "targetPort", "nodePort"),
    core_v1.NodeSelectorTerm: ("matchExpressions", "matchFields"),
    core_v1.NodeSelectorRequirement: ("key", "operator", "values"),
    core_v1.ScopedResourceSelectorRequirement: ("scopeName", "operator", "values"),
    core_v1.ContainerResizePolicy: ("resourceName", "restartPolicy"),
    core_v1.ClusterTrustBundleProjection: ("name", "signerName", "labelSelector", "optional", "path"),
    core_v1.Toleration: ("key", "operator", "value", "effect", "tolerationSeconds"),
    core_v1.ConfigMapNodeConfigSource: ("namespace", "name", "uid", "resourceVersion", "kubeletConfigKey"),
    **group_orders.ORDER,
}


def is_typed(value: Any) -> bool:
    """Whether a value is, or is a list of, what has an internal type; other values are JSON already."""
    return isinstance(value, Object) or (isinstance(value, list) and any(isinstance(item, Object) for item in value))


def go_json(value: Any) -> str:
    """The JSON of a value that is neither text, nor a number, nor unset; what is empty is null."""
    shown = _shown(value)
    text = (_encode_in_order(shown) if is_typed(value) else _encode(shown)).decode()
    return text.translate(_HTML)


def _shown(value: Any) -> Any:
    if isinstance(value, Object):
        if type(value).__module__ == meta_v1.__name__:
            return msgspec.json.decode(msgspec.json.encode(value))  # The fields of managedFields are JSON as they are.
        return {go_name: _shown(_go_zero(getattr(value, name), kind)) for name, go_name, kind in _fields(type(value))}
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value] if value else None
    if isinstance(value, dict):
        return {key: _shown(value[key]) for key in sorted(value)} if value else None
    return value


def _go_zero(value: Any, kind: str) -> Any:
    """What Go has for a field that is unset: here a number and a flag are None then, there only behind pointers."""
    return value if value is not None or not kind else {"int": 0, "bool": False}[kind]


# The type of the zero value, by wire name, for fields that are no pointers there.
_PLAIN = {"port": "int", "nodePort": "int", "matchingPrecedence": "int", "clusterScope": "bool"}


@cache
def _fields(struct: type[Object]) -> tuple[tuple[str, str, str], ...]:
    """Attribute, Go name and kind of zero value ("" for null) of each field, in the order in which they are shown."""
    wires = dict(zip(struct.__struct_encode_fields__, struct.__struct_fields__, strict=True))
    order = [wire for wire in _ORDER.get(struct, ()) if wire in wires]
    order += [wire for wire in wires if wire not in order]
    return tuple((wires[wire], _go_name(wire), _PLAIN.get(wire, "")) for wire in order)


def _go_name(wire: str) -> str:
    if wire in _GO_NAMES:
        return _GO_NAMES[wire]
    for initialism in _INITIALISMS:
        rest = wire[len(initialism):]
        if wire.startswith(initialism) and (not rest or rest[0].isupper()):
            return initialism.upper() + rest
    return wire[:1].upper() + wire[1:]
