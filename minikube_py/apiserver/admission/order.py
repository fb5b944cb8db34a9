"""Which admission plugins there are, in which order they run, and which of them run if nobody says otherwise.

Source: pkg/kubeapiserver/options/plugins.go (AllOrderedPlugins, DefaultOffAdmissionPlugins),
k8s.io/apiserver/pkg/server/options/admission.go
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from . import Plugin

ORDER = (
    "AlwaysAdmit", "NamespaceAutoProvision", "NamespaceLifecycle", "NamespaceExists", "LimitPodHardAntiAffinityTopology", "LimitRanger",
    "ServiceAccount", "NodeRestriction", "TaintNodesByCondition", "AlwaysPullImages", "ImagePolicyWebhook", "PodSecurity",
    "PodNodeSelector", "Priority", "DefaultTolerationSeconds", "PodTolerationRestriction", "EventRateLimit", "ExtendedResourceToleration",
    "DefaultStorageClass", "StorageObjectInUseProtection", "PodGroupProtection", "OwnerReferencesPermissionEnforcement",
    "PersistentVolumeClaimResize", "RuntimeClass", "CertificateApproval", "CertificateSigning", "ClusterTrustBundleAttest",
    "CertificateSubjectRestriction", "DefaultIngressClass", "DenyServiceExternalIPs", "PodTopologyLabels", "PodGroupWorkloadExists",
    "NodeDeclaredFeatureValidator", "JobValidation", "PodResizeValidator", "MutatingAdmissionPolicy", "MutatingAdmissionWebhook",
    "ValidatingAdmissionPolicy", "ValidatingAdmissionWebhook", "ResourceQuota", "AlwaysDeny",
)
# NodeRestriction is off in kube-apiserver itself; kubeadm and k3s switch it on.
DEFAULT_OFF = frozenset({
    "AlwaysAdmit", "AlwaysDeny", "AlwaysPullImages", "DenyServiceExternalIPs", "EventRateLimit", "ExtendedResourceToleration",
    "ImagePolicyWebhook", "LimitPodHardAntiAffinityTopology", "NamespaceAutoProvision", "NamespaceExists",
    "OwnerReferencesPermissionEnforcement", "PodNodeSelector", "PodTolerationRestriction",
})
_PLACES = {name: place for place, name in enumerate(ORDER)}
# What upstream's storage checks itself is no plugin there, and cannot be switched off; it comes before what counts.
_OWN_PLACE = _PLACES["ResourceQuota"] - 0.5


def is_enabled(name: str, enable: Iterable[str] = (), disable: Iterable[str] = ()) -> bool:
    """Whether a plugin runs. What is enabled by name runs though it is disabled, as upstream."""
    return name in enable or name not in _PLACES or (name not in DEFAULT_OFF and name not in disable)


def in_order(plugins: Iterable[Plugin], enable: Sequence[str] = (), disable: Sequence[str] = ()) -> list[Plugin]:
    """Those that run, in upstream's order."""
    running = [plugin for plugin in plugins if is_enabled(plugin.name, enable, disable)]
    return sorted(running, key=lambda plugin: _PLACES.get(plugin.name, _OWN_PLACE))


def check_names(enable: Sequence[str], disable: Sequence[str], available: Iterable[str]) -> None:
    """Check what `--enable-admission-plugins` and `--disable-admission-plugins` name.

    Raises: ValueError.
    """
    for flag, names in (("enable", enable), ("disable", disable)):
        for name in names:
            if name not in _PLACES:
                raise ValueError(f"{flag}-admission-plugins plugin {name!r} is unknown")
    both = [name for name in enable if name in disable]
    if both:
        raise ValueError(f"[{' '.join(both)}] in enable-admission-plugins and disable-admission-plugins overlapped")
    missing = sorted({*enable} - {*available})
    if missing:
        raise ValueError(f"enable-admission-plugins: this server does not have {', '.join(missing)}")
