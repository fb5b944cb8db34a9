"""Short builders of the Services, EndpointSlices and Nodes that tests need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minikube_py.apis.core_v1 import Service, ServicePort, ServiceSpec
from minikube_py.apis.discovery_v1 import Endpoint, EndpointConditions, EndpointPort, EndpointSlice
from minikube_py.apis.meta_v1 import ObjectMeta


def service(ip: str, *ports: tuple[str, int], name: str = "web", namespace: str = "default", created: str = "", **spec: Any) -> Service:
    """A Service with ports given as (protocol, port), each named "p<port>"; `spec` holds further fields of ServiceSpec."""
    node_ports = spec.pop("node_ports", {})
    labels = spec.pop("labels", {})
    return Service(
        metadata=ObjectMeta(name=name, namespace=namespace, creation_timestamp=created, labels=labels),
        spec=ServiceSpec(
            **({"type": "ClusterIP", "cluster_ip": ip, "cluster_ips": [ip]} | spec),
            ports=[ServicePort(name=f"p{n}", protocol=proto, port=n, node_port=node_ports.get(n)) for proto, n in ports],
        ),
    )


def endpoint(ip: str, node: str = "node-a", **fields: Any) -> Endpoint:
    conditions = {k: fields.pop(k) for k in ("ready", "serving", "terminating") if k in fields}
    return Endpoint(addresses=[ip], node_name=node, conditions=EndpointConditions(**({"ready": True} | conditions)), **fields)


def endpoint_slice(
    endpoints: Sequence[Endpoint], *ports: tuple[str, int, int], name: str = "web", namespace: str = "default", address_type: str = "IPv4"
) -> EndpointSlice:
    """A slice of the Service `name` with ports given as (protocol, service port, endpoint port)."""
    return EndpointSlice(
        metadata=ObjectMeta(name=f"{name}-x", namespace=namespace, labels={"kubernetes.io/service-name": name}),
        address_type=address_type,
        endpoints=list(endpoints),
        ports=[EndpointPort(name=f"p{port}", protocol=proto, port=target) for proto, port, target in ports],
    )
