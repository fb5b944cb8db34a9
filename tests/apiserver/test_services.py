"""What a service is given and refused: address families by its policy, node ports by its port numbers; and what goes with it."""

from __future__ import annotations

from typing import Any

import pytest

from .lab import Lab

SERVICES = "/api/v1/namespaces/default/services"
ENDPOINTS = "/api/v1/namespaces/default/endpoints"
NO_FAMILY = ("spec.ipFamilies[0]", 'Invalid value: "IPv6": not configured on this cluster')
BOTH = ["IPv4", "IPv6"]


def service(name: str, **spec: Any) -> dict[str, Any]:
    spec = {"ports": [{"port": 80}], "selector": {"a": "b"}, **spec}
    return {"metadata": {"name": name}, "spec": {key: value for key, value in spec.items() if value is not None}}


async def made(lab: Lab, **spec: Any) -> dict[str, Any]:
    answer = await lab.send("POST", SERVICES, service("s", **spec))
    assert answer.status == 201, answer.json
    found: dict[str, Any] = answer.json["spec"]
    return found


async def put(lab: Lab, **changes: Any) -> Any:
    found = (await lab.get(f"{SERVICES}/s")).json
    found["spec"] = {key: value for key, value in (found["spec"] | changes).items() if value is not None}
    return (await lab.send("PUT", f"{SERVICES}/s", found)).json


@pytest.mark.parametrize(("spec", "field", "message"), [
    ({"ipFamilyPolicy": "RequireDualStack"}, "spec.ipFamilyPolicy",
     'Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services'),
    ({"clusterIP": "None", "ipFamilyPolicy": "RequireDualStack"}, "spec.ipFamilyPolicy",
     'Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services'),
    ({"ipFamilies": ["IPv6"]}, *NO_FAMILY),
    ({"clusterIP": "fd00::1"}, "spec.clusterIPs[0]", 'Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster'),
    ({"ipFamilies": BOTH}, "spec.ipFamilyPolicy", "Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' "
     "when multiple IP families are specified"),
    ({"ipFamilies": BOTH[::-1], "ipFamilyPolicy": "PreferDualStack"}, *NO_FAMILY),
])
async def test_families_that_the_cluster_has_not_are_refused(lab: Lab, spec: dict[str, Any], field: str, message: str) -> None:
    answer = await lab.send("POST", SERVICES, service("s", **spec))
    assert answer.status == 422
    assert [(row["field"], row["message"]) for row in answer.json["details"]["causes"]] == [(field, message)]


@pytest.mark.parametrize(("spec", "policy", "families"), [
    ({}, "SingleStack", ["IPv4"]),
    ({"ipFamilyPolicy": "PreferDualStack"}, "PreferDualStack", ["IPv4"]),
    ({"clusterIP": "None"}, "SingleStack", ["IPv4"]),
    # Whoever names the endpoints may name them of any family, whatever the cluster has.
    ({"clusterIP": "None", "selector": None}, "RequireDualStack", BOTH),
    ({"clusterIP": "None", "selector": None, "ipFamilies": ["IPv6"]}, "RequireDualStack", ["IPv6", "IPv4"]),
    ({"clusterIP": "None", "selector": None, "ipFamilyPolicy": "SingleStack"}, "SingleStack", ["IPv4"]),
])
async def test_families_follow_the_policy(lab: Lab, spec: dict[str, Any], policy: str, families: list[str]) -> None:
    found = await made(lab, **spec)
    assert (found["ipFamilyPolicy"], found["ipFamilies"]) == (policy, families)


async def test_the_second_family_goes_with_the_policy_only(lab: Lab) -> None:
    await made(lab, clusterIP="None", selector=None)
    refused = await put(lab, ipFamilies=["IPv4"])
    assert refused["message"] == ('Service "s" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": must be \'SingleStack\' '
                                  "to release the secondary IP family")
    assert (await put(lab, ipFamilyPolicy="SingleStack"))["spec"]["ipFamilies"] == ["IPv4"]
    assert (await put(lab, ipFamilyPolicy="PreferDualStack"))["spec"]["ipFamilies"] == BOTH
    again = (await lab.send("PUT", f"{SERVICES}/s", service("s", clusterIP="None", selector=None))).json["spec"]
    assert (again["ipFamilyPolicy"], again["ipFamilies"]) == ("PreferDualStack", BOTH)


async def test_a_name_has_no_policy_inside(lab: Lab) -> None:
    assert "internalTrafficPolicy" not in await made(lab, type="ExternalName", externalName="example.com", internalTrafficPolicy="Local")
    assert (await put(lab, type="ClusterIP", externalName=None))["spec"]["internalTrafficPolicy"] == "Cluster"
    named = (await put(lab, type="ExternalName", externalName="example.com"))["spec"]
    assert named["type"] == "ExternalName" and "internalTrafficPolicy" not in named


@pytest.mark.parametrize(("ports", "same"), [
    ([{"port": 53, "protocol": "UDP"}, {"port": 53}], True),
    ([{"port": 53, "protocol": "UDP"}, {"port": 53, "nodePort": 30053}], True),
    ([{"port": 53, "protocol": "UDP", "nodePort": 30054}, {"port": 53, "nodePort": 30053}], False),
    ([{"port": 53, "protocol": "UDP"}, {"port": 54}], False),
])
async def test_protocols_of_one_port_share_a_node_port(lab: Lab, ports: list[dict[str, Any]], same: bool) -> None:
    found = (await made(lab, type="NodePort", ports=[port | {"name": f"p{number}"} for number, port in enumerate(ports)]))["ports"]
    for port, wanted in zip(found, ports, strict=True):
        assert port["nodePort"] == wanted.get("nodePort", port["nodePort"])
    assert (found[0]["nodePort"] == found[1]["nodePort"]) == same


async def test_other_ports_of_a_new_service_do_not_share_a_node_port(lab: Lab) -> None:
    ports = [{"name": "a", "port": 53, "protocol": "UDP", "nodePort": 30053}, {"name": "b", "port": 54, "nodePort": 30053}]
    refused = await lab.send("POST", SERVICES, service("s", type="NodePort", ports=ports))
    assert refused.json["message"] == \
        'Service "s" is invalid: spec.ports[1].nodePort: Invalid value: 30053: provided port is already allocated'
    # Nothing of it is held.
    await made(lab, type="NodePort", ports=ports[:1])
    assert "metadata" in await put(lab, ports=ports)


async def test_endpoints_go_with_their_service_whoever_made_them(lab: Lab) -> None:
    async def there() -> bool:
        return (await lab.get(f"{ENDPOINTS}/s")).status == 200

    await made(lab)
    await lab.send("POST", ENDPOINTS, {"metadata": {"name": "s"}})
    await lab.send("DELETE", f"{SERVICES}/s?dryRun=All")
    assert await there()
    assert (await lab.send("DELETE", f"{SERVICES}/s")).status == 200
    assert not await there()
    # Not before the service is gone, which may be by an update.
    await lab.send("POST", SERVICES, service("s") | {"metadata": {"name": "s", "finalizers": ["example.com/hold"]}})
    await lab.send("POST", ENDPOINTS, {"metadata": {"name": "s"}})
    await lab.send("DELETE", f"{SERVICES}/s")
    assert await there()
    await put_finalizers(lab, [])
    assert (await lab.get(f"{SERVICES}/s")).status == 404 and not await there()


async def test_endpoints_that_are_held_hold_up_no_service(lab: Lab) -> None:
    await made(lab)
    await lab.send("POST", ENDPOINTS, {"metadata": {"name": "s", "finalizers": ["example.com/hold"]}})
    assert (await lab.send("DELETE", f"{SERVICES}/s")).status == 200
    assert (await lab.get(f"{ENDPOINTS}/s")).json["metadata"]["deletionTimestamp"]


async def put_finalizers(lab: Lab, finalizers: list[str]) -> None:
    found = (await lab.get(f"{SERVICES}/s")).json
    found["metadata"]["finalizers"] = finalizers
    await lab.send("PUT", f"{SERVICES}/s", found)
