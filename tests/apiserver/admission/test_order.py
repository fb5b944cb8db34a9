"""Which plugins run, and in which order."""

from __future__ import annotations

import pytest

from minikube_py.apiserver.admission.assembly import build_admission
from minikube_py.apiserver.admission.options import AdmissionArgs
from minikube_py.apiserver.admission.order import DEFAULT_OFF, ORDER
from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.quota.usage import QuotaUsage
from minikube_py.core.clock import SYSTEM_CLOCK
from minikube_py.store.memory import MemoryStore


def running(args: AdmissionArgs) -> list[str]:
    store = MemoryStore()
    usage = QuotaUsage(store, SYSTEM_CLOCK, lambda resource: True)
    return [plugin.name for plugin in build_admission(store, args, usage, no_namespace)._plugins]


async def no_namespace(name: str) -> None:
    raise AssertionError(f"no test of these makes a namespace: {name}")


def test_default_plugins_run_in_upstreams_order() -> None:
    names = running(AdmissionArgs())
    assert names == sorted(names, key=ORDER.index) and not DEFAULT_OFF & {*names}
    assert {"NamespaceLifecycle", "ServiceAccount", "TaintNodesByCondition", "PodSecurity", "Priority", "DefaultTolerationSeconds",
            "DefaultStorageClass", "StorageObjectInUseProtection", "PersistentVolumeClaimResize", "RuntimeClass", "DefaultIngressClass",
            "PodTopologyLabels", "LimitRanger"} <= {*names}
    assert names[-1] == "ResourceQuota"


def test_flags_switch_plugins_on_and_off() -> None:
    args = ApiServerArgs.parse(["enable-admission-plugins=AlwaysPullImages,DenyServiceExternalIPs", "disable-admission-plugins=Priority",
                                "disable-admission-plugins=RuntimeClass", "default-not-ready-toleration-seconds=7"]).admission
    names = running(args)
    assert {"AlwaysPullImages", "DenyServiceExternalIPs"} <= {*names} and not {"Priority", "RuntimeClass"} & {*names}
    assert names.index("AlwaysPullImages") < names.index("PodSecurity") < names.index("DenyServiceExternalIPs")
    assert args.default_not_ready_toleration_seconds == 7


@pytest.mark.parametrize(("enable", "disable", "message"), [
    (("Nonsense",), (), "enable-admission-plugins plugin 'Nonsense' is unknown"),
    ((), ("Nonsense",), "disable-admission-plugins plugin 'Nonsense' is unknown"),
    (("Priority",), ("Priority",), r"\[Priority\] in enable-admission-plugins and disable-admission-plugins overlapped"),
    (("PodGroupProtection",), (), "this server does not have PodGroupProtection"),
    (("EventRateLimit",), (), "limits: Invalid value"),
    (("ImagePolicyWebhook",), (), "no config specified"),
])
def test_names_and_configurations_are_checked(enable: tuple[str, ...], disable: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        running(AdmissionArgs(None, enable, disable))
