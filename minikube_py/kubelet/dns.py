"""The resolver configuration of pods.

Source: kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-policy; kubernetes
pkg/kubelet/network/dns/dns.go (limits: 3 nameservers, 32 search domains, 2048 characters).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from minikube_py.apis import core_v1

NAMESERVERS_MAX = 3
SEARCHES_MAX = 32
SEARCH_CHARACTERS_MAX = 2048


@dataclass(slots=True)
class ResolvConf:
    """What a resolv.conf says."""

    servers: list[str] = field(default_factory=list)
    searches: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)


def parse_resolv_conf(text: str) -> ResolvConf:
    """Read a resolv.conf; the last `search` and `options` lines count."""
    result = ResolvConf()
    for line in text.splitlines():
        words = line.split("#", 1)[0].split(";", 1)[0].split()
        if len(words) < 2:
            continue
        if words[0] == "nameserver":
            result.servers.append(words[1])
        elif words[0] == "search":
            result.searches = [word.rstrip(".") or "." for word in words[1:]]
        elif words[0] == "options":
            result.options = words[1:]
    return result


def pod_dns(pod: core_v1.Pod, host: ResolvConf, cluster_dns: Sequence[str], cluster_domain: str) -> ResolvConf:
    """What a pod's resolv.conf shall say.

    Args:
        host: the node's own.
    """
    policy = pod.spec.dns_policy or "ClusterFirst"
    cluster_first = policy == "ClusterFirstWithHostNet" or (policy == "ClusterFirst" and not pod.spec.host_network)
    if policy == "None":
        result = ResolvConf()
    elif cluster_first and cluster_dns:
        own = [f"{pod.metadata.namespace}.svc.{cluster_domain}", f"svc.{cluster_domain}", cluster_domain]
        result = ResolvConf(servers=list(cluster_dns), searches=_unique([*own, *host.searches]), options=["ndots:5"])
    else:
        result = ResolvConf(list(host.servers), list(host.searches), list(host.options))
    if pod.spec.dns_config is not None:
        _append(result, pod.spec.dns_config)
    result.servers = result.servers[:NAMESERVERS_MAX]
    result.searches = _fit(result.searches)
    return result


def _append(result: ResolvConf, config: core_v1.PodDNSConfig) -> None:
    result.servers = _unique([*result.servers, *config.nameservers])
    result.searches = _unique([*result.searches, *config.searches])
    options = dict.fromkeys(result.options)
    for option in config.options:
        for known in [known for known in options if known.split(":", 1)[0] == option.name]:
            del options[known]
        options[f"{option.name}:{option.value}" if option.value else option.name] = None
    result.options = list(options)


def _unique(values: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _fit(searches: Sequence[str]) -> list[str]:
    kept: list[str] = []
    for search in searches[:SEARCHES_MAX]:
        if len(" ".join([*kept, search])) > SEARCH_CHARACTERS_MAX:
            break
        kept.append(search)
    return kept
