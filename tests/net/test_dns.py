"""The cluster DNS, asked over real sockets on loopback by dnspython."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import dns.asyncquery
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from dnslib import QTYPE, RR, TXT, A, DNSRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from minikube_py.apis.core_v1 import Service, ServiceSpec
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.net.dns.server import DnsServer
from minikube_py.net.dns.upstream import Upstream, parse_resolv_conf
from minikube_py.net.dns.zone import ClusterZone

from .objects import endpoint, endpoint_slice, service

SERVER = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind((SERVER, 0))
        udp.bind((SERVER, tcp.getsockname()[1]))
        return int(tcp.getsockname()[1])


class Asker:
    def __init__(self, zone: ClusterZone, port: int) -> None:
        self.zone = zone
        self.port = port

    async def ask(self, name: str, kind: str = "A", *, tcp: bool = False, payload: int | None = None) -> dns.message.Message:
        query = dns.message.make_query(name, kind, use_edns=payload is not None, payload=payload or 1232)
        send = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
        return await send(query, SERVER, port=self.port, timeout=8)

    async def values(self, name: str, kind: str = "A") -> list[str]:
        answer = await self.ask(name, kind)
        return sorted(str(item) for rrset in answer.answer for item in rrset)


@contextlib.asynccontextmanager
async def serving(resolv_conf: Path, upstream_port: int = 1) -> AsyncIterator[Asker]:
    zone = ClusterZone("cluster.local", "10.43.0.10", ["10.42.0.0/16", "10.43.0.0/16"])
    port = free_port()
    server = DnsServer(zone, Upstream(resolv_conf, {"10.43.0.10"}, upstream_port), SERVER, port)
    task = asyncio.create_task(server.run())
    ready = asyncio.create_task(server.ready.wait())
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        yield Asker(zone, port)
    finally:
        ready.cancel()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def asker(tmp_path: Path) -> AsyncIterator[Asker]:
    empty = tmp_path / "resolv.conf"
    empty.write_text("")
    async with serving(empty) as made:
        zone = made.zone
        zone.namespace_changed("default", True)
        zone.namespace_changed("empty", True)
        zone.service_changed("default/web", service("10.43.0.20", ("TCP", 80), ("UDP", 53)))
        zone.slice_changed("default/web-x", endpoint_slice([endpoint("10.42.0.9", hostname="solo")], ("TCP", 80, 8080)))
        zone.service_changed("default/db", service("None", ("TCP", 5432), name="db"))
        endpoints = [endpoint("10.42.0.2", hostname="db-0"), endpoint("10.42.1.3"), endpoint("10.42.1.4", ready=False)]
        zone.slice_changed("default/db-x", endpoint_slice(endpoints, ("TCP", 5432, 15432), name="db"))
        yield made


async def test_a_service_name_has_its_cluster_ip(asker: Asker) -> None:
    for name in ("web.default.svc.cluster.local", "WEB.Default.svc.cluster.LOCAL"):
        answer = await asker.ask(name)
        assert [str(item) for rrset in answer.answer for item in rrset] == ["10.43.0.20"]
        assert answer.flags & dns.flags.AA and answer.flags & dns.flags.RA


async def test_a_headless_service_has_its_ready_endpoints(asker: Asker) -> None:
    assert await asker.values("db.default.svc.cluster.local") == ["10.42.0.2", "10.42.1.3"]


async def test_endpoints_have_names_below_their_service(asker: Asker) -> None:
    assert await asker.values("db-0.db.default.svc.cluster.local") == ["10.42.0.2"]
    assert await asker.values("10-42-1-3.db.default.svc.cluster.local") == ["10.42.1.3"]
    assert await asker.values("solo.web.default.svc.cluster.local") == ["10.42.0.9"]


async def test_not_ready_endpoints_are_published_if_the_service_says_so(asker: Asker) -> None:
    asker.zone.service_changed("default/db", service("None", ("TCP", 5432), name="db", publish_not_ready_addresses=True))
    assert await asker.values("db.default.svc.cluster.local") == ["10.42.0.2", "10.42.1.3", "10.42.1.4"]


async def test_srv_records_name_ports_and_targets(asker: Asker) -> None:
    answer = await asker.ask("_p80._tcp.web.default.svc.cluster.local", "SRV")
    assert [str(item) for rrset in answer.answer for item in rrset] == ["0 100 80 web.default.svc.cluster.local."]
    assert [str(item) for rrset in answer.additional for item in rrset] == ["10.43.0.20"]
    assert await asker.values("_p5432._tcp.db.default.svc.cluster.local", "SRV") == [
        "0 50 15432 10-42-1-3.db.default.svc.cluster.local.",
        "0 50 15432 db-0.db.default.svc.cluster.local.",
    ]
    assert len(await asker.values("web.default.svc.cluster.local", "SRV")) == 2


async def test_pods_have_names_made_of_their_addresses(asker: Asker) -> None:
    assert await asker.values("10-42-7-5.default.pod.cluster.local") == ["10.42.7.5"]
    assert (await asker.ask("10-42-7-5.nowhere.pod.cluster.local")).rcode() == dns.rcode.NXDOMAIN
    assert (await asker.ask("web.default.pod.cluster.local")).rcode() == dns.rcode.NXDOMAIN


async def test_addresses_point_back_to_services_and_endpoints(asker: Asker) -> None:
    assert await asker.values("20.0.43.10.in-addr.arpa", "PTR") == ["web.default.svc.cluster.local."]
    assert await asker.values("2.0.42.10.in-addr.arpa", "PTR") == ["db-0.db.default.svc.cluster.local."]
    assert (await asker.ask("77.0.43.10.in-addr.arpa", "PTR")).rcode() == dns.rcode.NXDOMAIN


async def test_reverse_names_of_further_ranges_are_answered_here_as_long_as_they_are_ranges(asker: Asker) -> None:
    ranges = ["10.42.0.0/16", "10.43.0.0/16"]
    assert not asker.zone.owns("7.2.0.192.in-addr.arpa")
    asker.zone.ranges_changed([*ranges, "192.0.2.0/24"])
    asker.zone.service_changed("default/far", service("192.0.2.7", ("TCP", 80), name="far"))
    assert await asker.values("7.2.0.192.in-addr.arpa", "PTR") == ["far.default.svc.cluster.local."]
    assert asker.zone.owns("8.2.0.192.in-addr.arpa") and asker.zone.find("8.2.0.192.in-addr.arpa") is None
    asker.zone.ranges_changed(ranges)
    assert not asker.zone.owns("7.2.0.192.in-addr.arpa")


async def test_the_zone_describes_itself(asker: Asker) -> None:
    assert await asker.values("dns-version.cluster.local", "TXT") == ['"1.1.0"']
    assert await asker.values("cluster.local", "NS") == ["ns.dns.cluster.local."]
    assert await asker.values("ns.dns.cluster.local") == ["10.43.0.10"]
    assert (await asker.values("cluster.local", "SOA"))[0].startswith("ns.dns.cluster.local. hostmaster.cluster.local. ")


@pytest.mark.parametrize(
    ("name", "kind", "rcode"),
    [
        ("web.default.svc.cluster.local", "AAAA", dns.rcode.NOERROR),
        ("web.default.svc.cluster.local", "MX", dns.rcode.NOERROR),
        ("_tcp.web.default.svc.cluster.local", "A", dns.rcode.NOERROR),
        ("default.svc.cluster.local", "A", dns.rcode.NOERROR),
        ("empty.svc.cluster.local", "A", dns.rcode.NOERROR),
        ("svc.cluster.local", "A", dns.rcode.NOERROR),
        ("cluster.local", "A", dns.rcode.NOERROR),
        ("nothing.default.svc.cluster.local", "A", dns.rcode.NXDOMAIN),
        ("web.nowhere.svc.cluster.local", "A", dns.rcode.NXDOMAIN),
        ("_no._tcp.web.default.svc.cluster.local", "SRV", dns.rcode.NXDOMAIN),
        ("a.b.c.web.default.svc.cluster.local", "A", dns.rcode.NXDOMAIN),
        ("example.org.default.svc.cluster.local", "A", dns.rcode.NXDOMAIN),
        ("other.cluster.local", "A", dns.rcode.NXDOMAIN),
    ],
)
async def test_unknown_names_and_absent_records_differ(asker: Asker, name: str, kind: str, rcode: int) -> None:
    answer = await asker.ask(name, kind)
    assert answer.rcode() == rcode
    assert answer.answer == []
    assert [rrset.rdtype for rrset in answer.authority] == [dns.rdatatype.SOA]


async def test_names_go_with_their_objects(asker: Asker) -> None:
    asker.zone.slice_changed("default/db-x", None)
    assert (await asker.ask("db.default.svc.cluster.local")).rcode() == dns.rcode.NOERROR
    assert await asker.values("db.default.svc.cluster.local") == []
    assert (await asker.ask("2.0.42.10.in-addr.arpa", "PTR")).rcode() == dns.rcode.NXDOMAIN
    asker.zone.service_changed("default/db", None)
    assert (await asker.ask("db.default.svc.cluster.local")).rcode() == dns.rcode.NXDOMAIN
    asker.zone.service_changed("default/web", None)
    asker.zone.namespace_changed("default", False)
    assert (await asker.ask("default.svc.cluster.local")).rcode() == dns.rcode.NXDOMAIN


async def test_an_answer_too_long_for_udp_is_truncated_and_whole_by_tcp(asker: Asker) -> None:
    endpoints = [endpoint(f"10.42.2.{n}") for n in range(1, 201)]
    asker.zone.slice_changed("default/db-x", endpoint_slice(endpoints, ("TCP", 5432, 15432), name="db"))
    short = await asker.ask("db.default.svc.cluster.local")
    assert short.flags & dns.flags.TC
    assert 0 < sum(len(rrset) for rrset in short.answer) < 30
    larger = await asker.ask("db.default.svc.cluster.local", payload=4096)
    assert not larger.flags & dns.flags.TC
    whole = await asker.ask("db.default.svc.cluster.local", tcp=True)
    assert sum(len(rrset) for rrset in whole.answer) == 200


async def test_what_is_no_query_gets_an_error_and_the_server_goes_on(asker: Asker) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.connect((SERVER, asker.port))
        for wrong in (b"", b"x", b"\0\1" + b"\0" * 10, b"\0\1\1\0\0\1\0\0\0\0\0\0\x3fshort"):
            client.send(wrong)
            assert (await asyncio.wait_for(loop.sock_recv(client, 512), 2))[3] & 0x0F == 1
    assert await asker.values("web.default.svc.cluster.local") == ["10.43.0.20"]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_get_an_answer_or_go_upstream(data: bytes, like_a_query: bool) -> None:
    zone = ClusterZone("cluster.local", "10.43.0.10", [])
    server = DnsServer(zone, Upstream(Path("/nonexistent"), ()), SERVER)
    query = b"\0\1\1\0\0\1\0\0\0\0\0\1" + data if like_a_query else data
    answers: list[bytes] = []
    server.answer_datagram(query, answers.append)
    assert all(a[:2] == query[:2].ljust(2, b"\0") and a[2] & 0x80 for a in answers)


async def test_an_alias_into_the_cluster_is_followed(asker: Asker) -> None:
    alias = ServiceSpec(type="ExternalName", external_name="web.default.svc.cluster.local")
    asker.zone.service_changed("default/old", Service(metadata=ObjectMeta(name="old", namespace="default"), spec=alias))
    assert await asker.values("old.default.svc.cluster.local") == ["10.43.0.20", "web.default.svc.cluster.local."]
    alias = ServiceSpec(type="ExternalName", external_name="old.default.svc.cluster.local")
    asker.zone.service_changed("default/old", Service(metadata=ObjectMeta(name="old", namespace="default"), spec=alias))
    assert (await asker.ask("old.default.svc.cluster.local")).rcode() == dns.rcode.SERVFAIL


class FakeUpstream(asyncio.DatagramProtocol):
    """A name server on loopback: names below test. have an address; big.test. only by TCP; slow.test. never."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.connections: list[asyncio.Task[None]] = []
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self.answer(data, tcp=False)
        if answer is not None and self.transport is not None:
            # A guess with a wrong identifier comes first.
            self.transport.sendto(bytes((answer[0] ^ 0xFF, answer[1])) + answer[2:], addr)
            self.transport.sendto(answer, addr)

    def answer(self, data: bytes, tcp: bool) -> bytes | None:
        query = DNSRecord.parse(data)
        name = str(query.q.qname).lower()
        self.asked.append(f"{'tcp' if tcp else 'udp'} {name}")
        response = query.reply()
        if name == "slow.test.":
            return None
        if name == "missing.test.":
            response.header.rcode = 3
        elif name == "big.test." and not tcp:
            response.header.tc = 1
        elif name == "big.test.":
            response.add_answer(*(RR("big.test", QTYPE.TXT, ttl=60, rdata=TXT("x" * 200)) for _ in range(20)))
        else:
            response.add_answer(RR(query.q.qname, QTYPE.A, ttl=60, rdata=A("192.0.2.77")))
        return bytes(response.pack())

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(asyncio.create_task(self.serve_tcp(reader, writer)))

    async def serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2), "big")
        answer = self.answer(await reader.readexactly(length), tcp=True)
        if answer is not None:
            writer.write(len(answer).to_bytes(2, "big") + answer)
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def forwarding(tmp_path: Path) -> AsyncIterator[tuple[Asker, FakeUpstream]]:
    port, fake = free_port(), FakeUpstream()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: fake, local_addr=(SERVER, port))
    server = await asyncio.start_server(fake.connected, SERVER, port)
    conf = tmp_path / "resolv.conf"
    conf.write_text(f"# made by a test\nnameserver 10.43.0.10\nnameserver {SERVER}\n")
    try:
        async with serving(conf, port) as asker:
            yield asker, fake
    finally:
        transport.close()
        server.close()
        await server.wait_closed()
        await asyncio.gather(*fake.connections)


async def test_other_names_are_asked_upstream_once_and_then_remembered(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as (asker, fake):
        assert await asker.values("www.test") == ["192.0.2.77"]
        assert await asker.values("WWW.test") == ["192.0.2.77"]
        assert (await asker.ask("missing.test")).rcode() == dns.rcode.NXDOMAIN
        assert fake.asked == ["udp www.test.", "udp missing.test."]


async def test_a_truncated_answer_is_fetched_by_tcp(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as (asker, fake):
        assert (await asker.ask("big.test", "TXT")).flags & dns.flags.TC
        whole = await asker.ask("big.test", "TXT", tcp=True)
        assert len(whole.answer[0]) == 1 and len(whole.answer[0][0].strings[0]) == 200
        assert fake.asked == ["udp big.test.", "tcp big.test."]


async def test_an_external_name_is_an_alias_with_its_addresses(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as (asker, _):
        alias = ServiceSpec(type="ExternalName", external_name="www.test")
        asker.zone.service_changed("default/ext", Service(metadata=ObjectMeta(name="ext", namespace="default"), spec=alias))
        assert await asker.values("ext.default.svc.cluster.local") == ["192.0.2.77", "www.test."]
        assert await asker.values("ext.default.svc.cluster.local", "CNAME") == ["www.test."]


async def test_without_an_upstream_server_other_names_fail_at_once(tmp_path: Path) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text("nameserver 10.43.0.10\n")
    async with serving(conf) as asker:
        assert (await asker.ask("www.test")).rcode() == dns.rcode.SERVFAIL


def test_resolv_conf_gives_its_servers_in_order() -> None:
    assert parse_resolv_conf("search a b\nnameserver 192.0.2.1\nnameserver bad\n#nameserver 1.1.1.1\nnameserver fe80::1%eth0\n") == [
        "192.0.2.1", "fe80::1%eth0",
    ]


async def test_stopping_ends_open_connections(tmp_path: Path) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text("")
    async with serving(conf) as asker:
        reader, writer = await asyncio.open_connection(SERVER, asker.port)
        query = dns.message.make_query("cluster.local", "SOA").to_wire(prepend_length=True)
        writer.write(query)
        assert (await reader.read(2)) != b""
    async with asyncio.timeout(2):
        await reader.read()
    writer.close()
    await writer.wait_closed()
