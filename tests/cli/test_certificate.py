from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from minikube_py.apiserver.pki import Pki
from minikube_py.cli.certificate import certificate
from minikube_py.cli.certificate_report import read, residual_time


def run(data_dir: Path, *arguments: str) -> Result:
    return CliRunner().invoke(certificate, [arguments[0], "--data-dir", str(data_dir), *arguments[1:]])


@pytest.fixture
def server(tmp_path: Path) -> Path:
    (tmp_path / "server").mkdir()
    Pki(tmp_path / "server" / "tls").ensure()
    return tmp_path


def test_a_table_shows_each_certificate_of_the_server(server: Path) -> None:
    result = run(server, "check", "-o", "table")
    assert result.exit_code == 0
    lines = result.stdout.split("\n")
    assert lines[0] == ""
    assert lines[1].split() == ["FILENAME", "SUBJECT", "USAGES", "EXPIRES", "RESIDUAL", "TIME", "STATUS"]
    assert set(lines[2]) == {"-", " "}
    until = datetime.now(UTC) + timedelta(days=365)
    admin = next(line for line in lines if line.startswith("client-admin.crt"))
    cells = [cell.strip() for cell in admin.split("   ") if cell.strip()]
    assert cells[:3] == ["client-admin.crt", "system:admin", "ClientAuth"]
    assert cells[3].startswith(f"{until:%b %d, %Y}"[:6])
    assert cells[4:] == ["1 year", "OK"]
    assert lines[1].index("STATUS") == admin.index(" OK") + 1
    assert "checking agent and server certificates" in result.stderr


def test_services_are_chosen_by_name(server: Path) -> None:
    result = run(server, "check", "--service", "admin,scheduler", "-s", "certificate-authority")
    assert [line.partition(":")[0] for line in result.stdout.splitlines()] == [
        "client-admin.crt", "client-scheduler.crt", "server-ca.crt", "client-ca.crt", "request-header-ca.crt"
    ]
    assert "is ok, expires at" in result.stdout
    assert "(CertSign)" in result.stdout
    assert run(server, "check", "--service", "etcd").stderr == "Error: service etcd is not recognized\n"
    assert run(server, "rotate", "--service", "certificate-authority").exit_code == 1


@pytest.mark.parametrize(("later", "status", "words"), [
    (0, "OK", "is ok, expires at"), (250, "WARNING", "will expire within 120 days at"), (366, "EXPIRED", "expired at"),
    (-30000, "NOT YET VALID", "is not valid before"),
])
def test_what_will_end_or_has_ended_is_told(server: Path, later: int, status: str, words: str) -> None:
    [one] = read(server / "server" / "tls" / "client-admin.crt", datetime.now(UTC) + timedelta(days=later))
    assert one.status == status
    assert words in one.sentence()


def test_machines_read_json_and_yaml(server: Path) -> None:
    [one] = json.loads(run(server, "check", "-s", "admin", "-o", "json").stdout)["Certificates"]
    assert (one["Filename"], one["Subject"], one["Usages"], one["Status"]) == ("client-admin.crt", "system:admin", ["ClientAuth"], "OK")
    assert one["ResidualTime"] > 364 * 86400 * 10**9
    [same] = yaml.safe_load(run(server, "check", "-s", "admin", "-o", "yaml").stdout)["certificates"]
    assert (same["filename"], same["status"]) == ("client-admin.crt", "OK")


@pytest.mark.parametrize(("span", "text"), [
    (timedelta(seconds=0.5), "now"), (timedelta(seconds=1), "1 second"), (timedelta(seconds=59), "59 seconds"),
    (timedelta(minutes=1), "1 minute"), (timedelta(minutes=59), "59 minutes"), (timedelta(hours=1), "1 hour"),
    (timedelta(hours=23), "23 hours"), (timedelta(days=1), "1 day"), (timedelta(days=6), "6 days"), (timedelta(days=7), "1 week"),
    (timedelta(days=29), "4 weeks"), (timedelta(days=30), "1 month"), (timedelta(days=359), "11 months"), (timedelta(days=365), "1 year"),
    (timedelta(days=600), "2 years"), (timedelta(days=3650), "10 years"), (-timedelta(days=3), "3 days"),
])
def test_residual_time_is_told_in_one_unit(span: timedelta, text: str) -> None:
    assert residual_time(span) == text


def test_rotated_certificates_are_kept_aside_and_made_anew(server: Path) -> None:
    pki = Pki(server / "server" / "tls")
    before, authority = pki.admin.key_pem, pki.server_ca.certificate_pem
    result = run(server, "rotate", "--service", "admin")
    assert result.exit_code == 0
    [backup] = (server / "server").glob("tls-*")
    assert (backup / "client-admin.key").read_bytes() == before
    assert (backup / "client-admin.key").stat().st_mode & 0o777 == 0o600
    assert backup.stat().st_mode & 0o777 == 0o700
    assert not pki.admin.certificate.exists()
    assert pki.scheduler.certificate.exists()
    pki.ensure()
    assert pki.admin.key_pem != before
    assert pki.server_ca.certificate_pem == authority


def test_an_agents_certificates_are_its_kubelets(tmp_path: Path) -> None:
    agent = tmp_path / "agent"
    agent.mkdir()
    for name in ("client-kubelet.crt", "client-kubelet.key", "serving-kubelet.crt", "serving-kubelet.key", "node-password"):
        (agent / name).write_text(name)
    result = run(tmp_path, "rotate")
    assert "Agent detected, rotating agent certificates" in result.stderr
    assert {path.name for path in agent.iterdir() if path.is_file()} == {"node-password"}
    assert run(tmp_path, "rotate-ca").stderr == f"Error: {tmp_path} is no server's data directory\n"


def test_authorities_are_exchanged(server: Path) -> None:
    before = (server / "server" / "tls" / "server-ca.crt").read_bytes()
    assert run(server, "rotate-ca").exit_code == 0
    after = (server / "server" / "tls" / "server-ca.crt").read_bytes()
    assert after.endswith(before)
    assert after.count(b"BEGIN CERTIFICATE") == 3


def test_authorities_of_strangers_need_force(server: Path, tmp_path: Path) -> None:
    Pki(tmp_path / "new" / "tls").ensure()
    (tmp_path / "new" / "tls" / "service.key").unlink()
    refused = run(server, "rotate-ca", "--path", str(tmp_path / "new"))
    assert "was not signed by the present server-ca.crt; --force takes it nevertheless" in refused.stderr
    assert run(server, "rotate-ca", "--path", str(tmp_path / "new"), "--force").exit_code == 0
    Pki(server / "server" / "tls").ensure()
