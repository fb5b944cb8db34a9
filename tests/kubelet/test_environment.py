"""Variables, downward API values, resolver and hosts files."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis import core_v1
from minikube_py.apis.scheme import from_document
from minikube_py.kubelet.dns import ResolvConf, parse_resolv_conf, pod_dns
from minikube_py.kubelet.downward import FieldError, field_value, resource_value
from minikube_py.kubelet.env import EnvError, environment, service_variables
from minikube_py.kubelet.expansion import expand
from minikube_py.kubelet.hosts import hosts_file, kernel_hostname

from .build import pod


class Objects:
    """One ConfigMap and one Secret."""

    async def config_map(self, namespace: str, name: str) -> core_v1.ConfigMap | None:
        return core_v1.ConfigMap(data={"a": "1", "b": "2"}) if (namespace, name) == ("ns", "config") else None

    async def secret(self, namespace: str, name: str) -> core_v1.Secret | None:
        return core_v1.Secret(data={"key": b"open sesame"}) if (namespace, name) == ("ns", "secret") else None


def service(name: str, namespace: str, ip: str, *ports: dict[str, Any]) -> core_v1.Service:
    return from_document(core_v1.Service, {
        "metadata": {"name": name, "namespace": namespace}, "spec": {"clusterIP": ip, "ports": list(ports)},
    })


async def variables(container: dict[str, Any], **spec: Any) -> dict[str, str]:
    of = pod({"containers": [{"name": "app", "image": "i", **container}], "enableServiceLinks": False, **spec})
    return await environment(of, of.spec.containers[0], references=Objects(), services=[], allocatable={"cpu": "4", "memory": "1Gi"})


@pytest.mark.parametrize(("text", "result"), [
    ("plain", "plain"), ("$(A)", "1"), ("x$(A)y$(B)", "x1y2"), ("$(NONE)", "$(NONE)"), ("$$(A)", "$(A)"), ("$A", "$A"), ("$", "$"),
    ("$(A", "$(A"), ("$$$(A)", "$1"),
])
def test_references_are_expanded(text: str, result: str) -> None:
    assert expand(text, {"A": "1", "B": "2"}) == result


async def test_variables_come_from_all_sources_and_later_ones_win() -> None:
    assert await variables({
        "envFrom": [{"configMapRef": {"name": "config"}, "prefix": "C_"}, {"secretRef": {"name": "secret"}},
                    {"configMapRef": {"name": "none", "optional": True}}],
        "env": [
            {"name": "C_a", "value": "mine"}, {"name": "BOTH", "value": "$(C_a)-$(C_b)-$(LATER)"}, {"name": "LATER", "value": "x"},
            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "secret", "key": "key"}}},
            {"name": "GONE", "valueFrom": {"configMapKeyRef": {"name": "config", "key": "z", "optional": True}}},
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        ],
    }) == {"C_a": "mine", "C_b": "2", "key": "open sesame", "BOTH": "mine-2-$(LATER)", "LATER": "x", "PASSWORD": "open sesame",
           "NAME": "p", "CPU": "4"}


@pytest.mark.parametrize(("source", "message"), [
    ({"configMapKeyRef": {"name": "none", "key": "a"}}, 'configmap "none" not found'),
    ({"configMapKeyRef": {"name": "config", "key": "z"}}, "couldn't find key z in ConfigMap ns/config"),
    ({"secretKeyRef": {"name": "none", "key": "a"}}, 'secret "none" not found'),
    ({"secretKeyRef": {"name": "secret", "key": "z"}}, "couldn't find key z in Secret ns/secret"),
])
async def test_what_is_missing_is_named(source: dict[str, Any], message: str) -> None:
    with pytest.raises(EnvError) as error:
        await variables({"env": [{"name": "X", "valueFrom": source}]})
    assert str(error.value) == message


def test_services_are_told_by_variables() -> None:
    ports = {"name": "http", "port": 80, "protocol": "TCP"}, {"name": "dns", "port": 53, "protocol": "UDP"}
    web = service("my-web", "ns", "10.43.0.5", *ports)
    api = service("kubernetes", "default", "10.43.0.1", {"name": "https", "port": 443, "protocol": "TCP"})
    headless = service("hidden", "ns", "None", {"port": 1})
    found = service_variables([web, api, headless], "ns", links=True)
    assert found["MY_WEB_SERVICE_HOST"] == "10.43.0.5"
    assert found["MY_WEB_SERVICE_PORT"] == "80"
    assert found["MY_WEB_SERVICE_PORT_DNS"] == "53"
    assert found["MY_WEB_PORT"] == "tcp://10.43.0.5:80"
    assert found["MY_WEB_PORT_53_UDP_PROTO"] == "udp"
    assert found["KUBERNETES_PORT_443_TCP_ADDR"] == "10.43.0.1"
    assert not any(name.startswith("HIDDEN") for name in found)
    assert {name.split("_")[0] for name in service_variables([web, api], "ns", links=False)} == {"KUBERNETES"}


def test_fields_of_the_pod_have_their_text() -> None:
    of = pod({"nodeName": "n"}, labels={"b": "2", "a": 'q"'}, status={"podIP": "1.2.3.4", "podIPs": [{"ip": "1.2.3.4"}, {"ip": "::1"}]})
    assert field_value(of, "metadata.labels") == 'a="q\\""\nb="2"'
    assert field_value(of, "metadata.labels['b']") == "2"
    assert (field_value(of, "status.podIPs"), field_value(of, "spec.nodeName")) == ("1.2.3.4,::1", "n")
    with pytest.raises(FieldError):
        field_value(of, "spec.none")


@pytest.mark.parametrize(("resource", "divisor", "text"), [
    ("limits.memory", "1Mi", "64"), ("requests.cpu", "1m", "250"), ("requests.cpu", None, "1"), ("limits.cpu", "1", "4"),
])
def test_resources_are_divided_and_rounded_up(resource: str, divisor: str | None, text: str) -> None:
    of = pod({"containers": [{"name": "app", "resources": {"limits": {"memory": "64Mi"}, "requests": {"cpu": "250m"}}}]})
    selector = core_v1.ResourceFieldSelector(resource=resource, divisor=divisor)
    assert resource_value(of, selector, "app", {"cpu": "4"}) == text


HOST = ResolvConf(["192.0.2.53"], ["example.com"], ["timeout:1"])


@pytest.mark.parametrize(("spec", "expected"), [
    ({}, ResolvConf(["10.43.0.10"], ["ns.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.com"], ["ndots:5"])),
    ({"dnsPolicy": "Default"}, HOST),
    ({"hostNetwork": True, "dnsPolicy": "ClusterFirst"}, HOST),
    ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"], "options": [{"name": "ndots", "value": "2"}]}},
     ResolvConf(["1.1.1.1"], [], ["ndots:2"])),
    ({"dnsConfig": {"searches": ["more"], "options": [{"name": "ndots", "value": "1"}, {"name": "edns0"}]}},
     ResolvConf(["10.43.0.10"], ["ns.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.com", "more"],
                ["ndots:1", "edns0"])),
])
def test_the_resolver_follows_the_dns_policy(spec: dict[str, Any], expected: ResolvConf) -> None:
    assert pod_dns(pod(spec), HOST, ["10.43.0.10"], "cluster.local") == expected


def test_a_resolv_conf_is_read() -> None:
    text = "# local\nnameserver 192.0.2.53\nsearch old\nsearch example.com.\noptions timeout:1\n"
    assert parse_resolv_conf(text) == HOST


def test_the_hosts_file_names_the_pod_and_its_aliases() -> None:
    of = pod({"hostname": "db", "subdomain": "set", "hostAliases": [{"ip": "192.0.2.9", "hostnames": ["a", "b"]}]})
    lines = hosts_file(of, ["10.42.0.7"], "cluster.local").splitlines()
    assert lines[0] == "# Kubernetes-managed hosts file."
    assert "127.0.0.1\tlocalhost" in lines
    assert "10.42.0.7\tdb.set.ns.svc.cluster.local\tdb" in lines
    assert lines[-1] == "192.0.2.9\ta\tb"


def test_a_hostname_fits_the_kernel() -> None:
    assert kernel_hostname(pod(name="a" * 62 + "-b"), "cluster.local") == "a" * 62
    assert kernel_hostname(pod({"subdomain": "s", "setHostnameAsFQDN": True}), "cluster.local") == "p.s.ns.svc.cluster.local"
    with pytest.raises(ValueError, match="too long"):
        kernel_hostname(pod({"subdomain": "s" * 63, "setHostnameAsFQDN": True}), "cluster.local")
