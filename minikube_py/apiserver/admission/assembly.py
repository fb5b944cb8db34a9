"""Puts the admission plugins together: those that need nothing but the store, and which of all run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from minikube_py.store.interface import Store

from ..quota.usage import QuotaUsage
from . import Admission, Plugin
from .classes import DefaultIngressClass, DefaultStorageClass
from .configuration import PluginConfigurations
from .event_rate_limit import EventRateLimit
from .image_policy import AlwaysPullImages, ImagePolicyWebhook
from .limit_ranger import LimitRanger
from .namespace import MakeNamespace, NamespaceAutoProvision, NamespaceLifecycle
from .options import AdmissionArgs
from .order import check_names, in_order, is_enabled
from .plain import AlwaysAdmit, AlwaysDeny, DenyServiceExternalIPs, NamespaceExists, TaintNodesByCondition
from .pod_placement import LimitPodHardAntiAffinityTopology, PodNodeSelector
from .pod_resize import PodResizeValidator
from .pod_security import PodSecurity
from .pods import DefaultTolerationSeconds, Priority
from .resource_quota import ResourceQuotaPlugin
from .runtime_class import RuntimeClassPlugin
from .service_account import ServiceAccountPlugin
from .storage import PersistentVolumeClaimResize, StorageObjectInUseProtection
from .tolerations import ExtendedResourceToleration, PodTolerationRestriction
from .topology_labels import PodTopologyLabels


def build_admission(
    store: Store, args: AdmissionArgs, usage: QuotaUsage, make_namespace: MakeNamespace, more: Sequence[Plugin] = ()
) -> Admission:
    """The plugins that run, in upstream's order.

    Args:
        usage: of quotas.
        make_namespace: makes one that is not there.
        more: those that need more than the store.
    Raises: ConfigurationError; ValueError for names that are not known.
    """
    enable, disable = args.enable_admission_plugins, args.disable_admission_plugins
    makers = dict(_makers(store, args, usage, make_namespace))
    check_names(enable, disable, [*makers, *(plugin.name for plugin in more)])
    # What does not run is not made: its configuration may be missing.
    plugins = [make() for name, make in makers.items() if is_enabled(name, enable, disable)]
    return Admission(in_order([*plugins, *more], enable, disable))


def _makers(
    store: Store, args: AdmissionArgs, usage: QuotaUsage, make_namespace: MakeNamespace
) -> Iterator[tuple[str, Callable[[], Plugin]]]:
    configurations = PluginConfigurations.read(args.admission_control_config_file)
    tolerated = (args.default_not_ready_toleration_seconds, args.default_unreachable_toleration_seconds)
    for plain in (AlwaysAdmit, AlwaysDeny, AlwaysPullImages, TaintNodesByCondition, DenyServiceExternalIPs, ExtendedResourceToleration,
                  StorageObjectInUseProtection, LimitPodHardAntiAffinityTopology):
        yield plain.name, plain
    for stored in (NamespaceLifecycle, NamespaceExists, ServiceAccountPlugin, Priority, DefaultStorageClass, DefaultIngressClass,
                   PersistentVolumeClaimResize, RuntimeClassPlugin, PodTopologyLabels, PodResizeValidator,
                   LimitRanger):
        yield stored.name, lambda kind=stored: kind(store)  # type: ignore[misc]
    yield NamespaceAutoProvision.name, lambda: NamespaceAutoProvision(store, make_namespace)
    yield DefaultTolerationSeconds.name, lambda: DefaultTolerationSeconds(*tolerated)
    yield PodSecurity.name, lambda: PodSecurity.configured(store, configurations.of(PodSecurity.name))
    yield PodNodeSelector.name, lambda: PodNodeSelector(store, configurations.of(PodNodeSelector.name))
    yield PodTolerationRestriction.name, lambda: PodTolerationRestriction(store, configurations.of(PodTolerationRestriction.name))
    yield EventRateLimit.name, lambda: EventRateLimit(configurations.of(EventRateLimit.name))
    yield ImagePolicyWebhook.name, lambda: ImagePolicyWebhook(configurations.of(ImagePolicyWebhook.name))
    yield ResourceQuotaPlugin.name, lambda: ResourceQuotaPlugin(usage, configurations.of(ResourceQuotaPlugin.name))
