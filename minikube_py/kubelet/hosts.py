"""The hostname of a pod and its /etc/hosts.

Source: kubernetes pkg/kubelet/kubelet_pods.go (GeneratePodHostNameAndDomain, managedHostsFileContent, nodeHostsFileContent);
kubernetes.io/docs/tasks/network/customize-hosts-file-for-pods/
"""

from __future__ import annotations

from collections.abc import Sequence

from minikube_py.apis import core_v1

HOSTNAME_LENGTH_MAX = 63
FQDN_LENGTH_MAX = 64

_LOCAL = """# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""


def host_name(pod: core_v1.Pod, cluster_domain: str) -> tuple[str, str]:
    """A pod's hostname and its domain, "" if it has none.

    Returns: what the sandbox gets; with setHostnameAsFQDN the hostname is the whole name.
    Raises: ValueError if the whole name is too long for the kernel.
    """
    if pod.spec.hostname_override:
        return pod.spec.hostname_override, ""
    hostname = (pod.spec.hostname or pod.metadata.name)[:HOSTNAME_LENGTH_MAX].rstrip("-.")
    domain = f"{pod.spec.subdomain}.{pod.metadata.namespace}.svc.{cluster_domain}" if pod.spec.subdomain else ""
    return hostname, domain


def kernel_hostname(pod: core_v1.Pod, cluster_domain: str) -> str:
    """The hostname that the sandbox gets.

    Raises: ValueError if setHostnameAsFQDN asks for more than the kernel takes.
    """
    hostname, domain = host_name(pod, cluster_domain)
    if not pod.spec.set_hostname_as_fqdn or not domain:
        return hostname
    whole = f"{hostname}.{domain}"
    if len(whole) > FQDN_LENGTH_MAX:
        raise ValueError(
            f"failed to construct FQDN from pod hostname and cluster domain, FQDN {whole} is too long "
            f"({FQDN_LENGTH_MAX} characters is the max, {len(whole)} characters requested)"
        )
    return whole


def hosts_file(pod: core_v1.Pod, ips: Sequence[str], cluster_domain: str, node_hosts: str | None = None) -> str:
    """The text of a pod's /etc/hosts.

    Args:
        ips: the pod's.
        node_hosts: the node's own file, for pods on its network.
    """
    if node_hosts is not None:
        text = "# Kubernetes-managed hosts file (host network).\n" + node_hosts
    else:
        hostname, domain = host_name(pod, cluster_domain)
        names = f"{hostname}.{domain}\t{hostname}" if domain else hostname
        text = _LOCAL + "".join(f"{ip}\t{names}\n" for ip in ips)
    if pod.spec.host_aliases:
        text += "\n# Entries added by HostAliases.\n"
        text += "".join(f"{alias.ip}\t{chr(9).join(alias.hostnames)}\n" for alias in pod.spec.host_aliases)
    return text
