"""The server's certificates over years and wrong clocks, while it runs."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from minikube_py.apiserver.pki import Pki
from minikube_py.apiserver.pki.renewal import PkiRenewal

# Certificates that end before the machine's own clock would not do: tests speak TLS.
NOW = datetime.now(UTC).replace(microsecond=0)


class SetClock:
    def __init__(self, moment: datetime = NOW) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


class Running:
    """A TLS server with a tree of certificates, and what looks after it."""

    def __init__(self, home: Path, clock: SetClock) -> None:
        self.clock = clock
        self.names: list[str] = []
        self.changes = 0
        self.full = False
        self.pki = Pki(home / "tls", clock=clock)
        self.pki.ensure()
        self.warnings: list[str] = []
        self.renewal = PkiRenewal(self.pki, lambda: self.names, self._changed, self.warnings.append)
        self.port = 0
        self.trust = ssl.create_default_context(cadata=self.pki.server_ca.certificate_pem.decode())

    def _changed(self) -> None:
        if self.full:
            raise OSError("no space left")
        self.changes += 1

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                writer.write(line)
            writer.close()

        listener = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=self.pki.server_ssl_context())
        async with listener:
            self.port = listener.sockets[0].getsockname()[1]
            yield

    async def connect(self, server_name: str = "localhost") -> Connection:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.trust, server_hostname=server_name)
        return Connection(reader, writer)


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        self.certificate = x509.load_der_x509_certificate(der)

    async def answers(self) -> bool:
        self._writer.write(b"still there\n")
        return await self._reader.readline() == b"still there\n"

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def test_certificates_are_renewed_in_the_running_process_and_open_connections_go_on(tmp_path: Path) -> None:
    running = Running(tmp_path, SetClock())
    async with running.serve():
        before = await running.connect()
        admin = running.pki.admin.certificate_pem
        await running.renewal.look()
        assert running.changes == 0
        running.clock.moment += timedelta(days=246)
        await running.renewal.look()
        after = await running.connect()
        assert after.certificate.not_valid_after_utc == running.clock.moment + timedelta(days=365)
        assert after.certificate.public_key() == before.certificate.public_key()
        assert running.pki.admin.certificate_pem != admin
        assert await before.answers()
        assert await after.answers()
        assert running.changes == 1
        await before.close()
        await after.close()


async def test_client_contexts_present_the_new_certificate(tmp_path: Path) -> None:
    running = Running(tmp_path, SetClock())
    seen: asyncio.Queue[bytes] = asyncio.Queue()

    async def look(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.put_nowait(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
        writer.close()

    client = running.pki.client_ssl_context(running.pki.kubelet_client)
    listener = await asyncio.start_server(look, "127.0.0.1", 0, ssl=running.pki.server_ssl_context())
    async with listener:
        for _ in range(2):
            port = listener.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="localhost")
            certificate = x509.load_der_x509_certificate(await seen.get())
            assert certificate == x509.load_pem_x509_certificate(running.pki.kubelet_client.certificate_pem)
            await reader.read()
            writer.close()
            running.clock.moment += timedelta(days=300)
            await running.renewal.look()


async def test_a_new_address_of_the_machine_is_served_without_a_restart(tmp_path: Path) -> None:
    running = Running(tmp_path, SetClock())
    async with running.serve():
        with pytest.raises(ssl.SSLCertVerificationError):
            await running.connect("192.0.2.77")
        running.names = ["192.0.2.77", ""]
        await running.renewal.look()
        connection = await running.connect("192.0.2.77")
        assert await connection.answers()
        await connection.close()
        await running.renewal.look()
        assert running.changes == 1


async def test_a_tree_lives_for_nine_years_without_a_restart(tmp_path: Path) -> None:
    """Never a brick: each day there is a certificate that is good for the next months."""
    running = Running(tmp_path, SetClock())
    for _ in range(9 * 12):
        running.clock.moment += timedelta(days=30)
        await running.renewal.look()
        for pair in (running.pki.serving, running.pki.admin, running.pki.kubelet_client, running.pki.proxy_client):
            until = x509.load_pem_x509_certificate(pair.certificate_pem).not_valid_after_utc
            assert until - running.clock.moment >= timedelta(days=90)


async def test_authorities_that_end_soon_are_told_of_each_day(tmp_path: Path) -> None:
    running = Running(tmp_path, SetClock())
    running.clock.moment += timedelta(days=3529)
    await running.renewal.look()
    assert running.warnings == []
    running.clock.moment += timedelta(days=2)
    for _ in range(2):
        await running.renewal.look()
    assert len(running.warnings) == 1
    assert "require attention - run minikube-py certificate rotate-ca: server-ca.crt ends at" in running.warnings[0]
    running.clock.moment += timedelta(days=1)
    await running.renewal.look()
    assert len(running.warnings) == 2


async def test_what_was_removed_is_made_anew(tmp_path: Path) -> None:
    running = Running(tmp_path, SetClock())
    key = running.pki.admin.key_pem
    for path in (running.pki.admin.certificate, running.pki.admin.key):
        path.unlink()
    await running.renewal.look()
    assert running.pki.admin.key_pem != key
    assert running.changes == 1


@pytest.mark.parametrize("wrong", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC), NOW + timedelta(days=14 * 365)])
async def test_a_cluster_that_begins_with_a_wrong_clock_works_before_and_after_the_time_is_known(tmp_path: Path, wrong: datetime) -> None:
    running = Running(tmp_path, SetClock(wrong))
    async with running.serve():
        first = await running.connect()
        running.clock.moment = NOW
        await running.renewal.look()
        second = await running.connect()
        assert second.certificate.not_valid_after_utc <= NOW + timedelta(days=366)
        assert second.certificate.not_valid_after_utc >= NOW + timedelta(days=1)
        assert await first.answers()
        await first.close()
        await second.close()


async def test_a_clock_that_jumps_ahead_and_back_leaves_a_tree_that_everybody_trusts(tmp_path: Path) -> None:
    running = Running(tmp_path, SetClock())
    async with running.serve():
        for jump in (timedelta(days=4 * 365), timedelta(days=-4 * 365)):
            running.clock.moment += jump
            await running.renewal.look()
            connection = await running.connect()
            assert connection.certificate.not_valid_after_utc == running.clock.moment + timedelta(days=365)
            await connection.close()


async def test_a_start_without_the_time_signs_from_the_newest_time_that_was_seen(tmp_path: Path) -> None:
    Running(tmp_path, SetClock())
    lost = Running(tmp_path, SetClock(datetime(1970, 1, 1, tzinfo=UTC)))
    lost.names = ["192.0.2.77"]
    await lost.renewal.look()
    certificate = x509.load_pem_x509_certificate(lost.pki.serving.certificate_pem)
    assert certificate.not_valid_after_utc == NOW + timedelta(days=365)


async def test_what_must_follow_a_renewal_is_tried_until_it_succeeds(tmp_path: Path) -> None:
    running = Running(tmp_path, SetClock())
    running.clock.moment += timedelta(days=300)
    running.full = True
    for _ in range(2):
        with pytest.raises(OSError, match="no space left"):
            await running.renewal.look()
    running.full = False
    for _ in range(2):
        await running.renewal.look()
    assert running.changes == 1


@pytest.mark.looptime
async def test_a_failure_is_tried_again_a_minute_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    running = Running(tmp_path, SetClock())
    key = running.pki.server_ca.key.read_bytes()
    running.pki.server_ca.key.unlink()
    task = asyncio.create_task(running.renewal.run())
    await asyncio.sleep(61)
    assert "certificates could not be renewed" in caplog.text
    assert not task.done()
    running.pki.server_ca.key.write_bytes(key)
    running.pki.admin.certificate.unlink()
    await asyncio.sleep(61)
    assert running.pki.admin.certificate.exists()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
