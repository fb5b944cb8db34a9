"""Which certificate belongs to which service, under a data directory. Names are k3s's.

Source: k3s pkg/util/services/services.go
"""

from __future__ import annotations

from pathlib import Path

_SERVER = {
    "api-server": ("client-kube-apiserver", "serving-kube-apiserver"), "admin": ("client-admin",), "auth-proxy": ("client-auth-proxy",),
    "controller-manager": ("client-controller",), "scheduler": ("client-scheduler",), "kube-proxy": ("client-kube-proxy",),
}
_AGENT = {"kubelet": ("client-kubelet", "serving-kubelet")}
# Only to look at: `rotate-ca` is their command.
AUTHORITIES = "certificate-authority"
_AUTHORITIES = ("server-ca", "client-ca", "request-header-ca")
SERVICES = (*_SERVER, *_AGENT)


def is_server(data_dir: Path) -> bool:
    """Whether this is a server's data directory, or an agent's."""
    return (data_dir / "server").is_dir()


def default_services(data_dir: Path) -> tuple[str, ...]:
    return SERVICES if is_server(data_dir) else tuple(_AGENT)


def certificates(data_dir: Path, service: str) -> list[Path]:
    """The certificate files of a service, whether they are there or not; each has a key file of the same name beside it."""
    if service in _AGENT:
        return [data_dir / "agent" / f"{name}.crt" for name in _AGENT[service]]
    names = _AUTHORITIES if service == AUTHORITIES else _SERVER[service]
    return [data_dir / "server" / "tls" / f"{name}.crt" for name in names]
