"""Descriptions of Services and Ingresses' relatives that name addresses.

Source: kubectl pkg/describe/describe.go (describeService)
"""

from __future__ import annotations

from ..api import Document
from ..selectors import selector_text
from ..session import Session
from .events import events_of, write_events
from .writer import Writer

ENDPOINTS_SHOWN = 3


async def describe_service(session: Session, document: Document) -> str:
    writer = Writer()
    metadata, spec, status = document["metadata"], document["spec"], document.get("status") or {}
    writer.line(0, "Name:", metadata["name"])
    writer.line(0, "Namespace:", metadata["namespace"])
    writer.pairs(0, "Labels", metadata.get("labels"))
    writer.annotations(metadata.get("annotations"))
    writer.line(0, "Selector:", selector_text(spec.get("selector")) or "<none>")
    writer.line(0, "Type:", spec.get("type", ""))
    if spec.get("ipFamilyPolicy"):
        writer.line(0, "IP Family Policy:", spec["ipFamilyPolicy"])
    writer.line(0, "IP Families:", ",".join(spec.get("ipFamilies") or ()) or "<none>")
    writer.line(0, "IP:", spec.get("clusterIP", ""))
    writer.line(0, "IPs:", ",".join(spec.get("clusterIPs") or ()) or "<none>")
    if spec.get("externalIPs"):
        writer.line(0, "External IPs:", ",".join(spec["externalIPs"]))
    if spec.get("loadBalancerIP"):
        writer.line(0, "Desired LoadBalancer IP:", spec["loadBalancerIP"])
    if spec.get("externalName"):
        writer.line(0, "External Name:", spec["externalName"])
    ingress = (status.get("loadBalancer") or {}).get("ingress") or ()
    if ingress:
        shown = [(one.get("ip") or one.get("hostname", "")) + (f" ({one['ipMode']})" if one.get("ipMode") else "") for one in ingress]
        writer.line(0, "LoadBalancer Ingress:", ", ".join(shown))
    slices = await _slices(session, document)
    for port in spec.get("ports") or ():
        name = port.get("name") or "<unset>"
        writer.line(0, "Port:", name, f"{port['port']}/{port.get('protocol', 'TCP')}")
        writer.line(0, "TargetPort:", f"{port.get('targetPort', 0)}/{port.get('protocol', 'TCP')}")
        if port.get("nodePort"):
            writer.line(0, "NodePort:", name, f"{port['nodePort']}/{port.get('protocol', 'TCP')}")
        writer.line(0, "Endpoints:", _endpoints(slices, port.get("name", "")))
    writer.line(0, "Session Affinity:", spec.get("sessionAffinity", ""))
    for title, key in (("External Traffic Policy", "externalTrafficPolicy"), ("Internal Traffic Policy", "internalTrafficPolicy"),
                       ("Traffic Distribution", "trafficDistribution"), ("HealthCheck NodePort", "healthCheckNodePort")):
        if spec.get(key):
            writer.line(0, f"{title}:", spec[key])
    if spec.get("loadBalancerSourceRanges"):
        writer.line(0, "LoadBalancer Source Ranges:", ",".join(spec["loadBalancerSourceRanges"]))
    write_events(writer, await events_of(session, document))
    return writer.text()


async def _slices(session: Session, service: Document) -> list[Document]:
    resource = await session.api.resource("endpointslices")
    labels = f"kubernetes.io/service-name={service['metadata']['name']}"
    listed = await session.api.list_all(resource, service["metadata"]["namespace"], labels=labels)
    return list(listed.get("items") or ())


def _endpoints(slices: list[Document], port_name: str) -> str:
    """ "10.42.0.5:80,10.42.0.6:80 + 2 more..."."""
    if not slices:
        return "<none>"
    shown: list[str] = []
    count = 0
    for one in slices:
        for port in one.get("ports") or ():
            if (port.get("name") or "") != port_name:
                continue
            for endpoint in one.get("endpoints") or ():
                if (endpoint.get("conditions") or {}).get("ready") is False:
                    continue
                for address in endpoint["addresses"]:
                    count += 1
                    if len(shown) < ENDPOINTS_SHOWN:
                        host = f"[{address}]" if ":" in address else address
                        shown.append(f"{host}:{port['port']}")
    return ",".join(shown) + (f" + {count - ENDPOINTS_SHOWN} more..." if count > ENDPOINTS_SHOWN else "")
