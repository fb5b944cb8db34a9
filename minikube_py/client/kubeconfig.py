"""Kubeconfig files: reading, merging, choosing a context, writing.

Owns the file format. Entries that this program does not know are kept when a file is written back.
Source: kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/, client-go tools/clientcmd
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from .connection import Connection

ADMIN_KUBECONFIG = Path("/etc/minikube-py/minikube-py.yaml")
SERVICE_ACCOUNT_DIRECTORY = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_LISTS = {"clusters": "cluster", "users": "user", "contexts": "context"}


class KubeconfigError(Exception):
    """A kubeconfig that cannot be read, or that lacks what was asked for."""


class Kubeconfig:
    """The merged content of some kubeconfig files.

    Attributes:
        clusters, users, contexts: name -> the entry's own document, with file paths made absolute.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.clusters: dict[str, dict[str, Any]] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.contexts: dict[str, dict[str, Any]] = {}
        self.current_context = ""
        self.rest: dict[str, Any] = {}

    @classmethod
    def load(cls, path: str | Path) -> Kubeconfig:
        """Read one file.

        Raises: KubeconfigError if it is not there, not YAML or not a kubeconfig.
        """
        path = Path(path)
        try:
            document = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}
        except OSError as error:
            raise KubeconfigError(f"cannot read {path}: {error.strerror}") from error
        except yaml.YAMLError as error:
            raise KubeconfigError(f"{path} is not YAML: {error}") from error
        if not isinstance(document, dict) or document.get("kind", "Config") != "Config":
            raise KubeconfigError(f"{path} is not a kubeconfig")
        config = cls(path)
        for plural, singular in _LISTS.items():
            entries = getattr(config, plural)
            for item in document.pop(plural, None) or ():
                entries.setdefault(item["name"], _absolute(item.get(singular) or {}, path.parent))
        config.current_context = document.pop("current-context", "") or ""
        config.rest = {key: value for key, value in document.items() if key not in ("kind", "apiVersion")}
        return config

    @classmethod
    def load_merged(cls, paths: Sequence[str | Path]) -> Kubeconfig:
        """Read several files; the first that sets a value wins, and files that are not there are passed over."""
        merged = cls(Path(paths[0]) if paths else None)
        for path in paths:
            if not Path(path).exists():
                continue
            config = cls.load(path)
            for plural in _LISTS:
                for name, entry in getattr(config, plural).items():
                    getattr(merged, plural).setdefault(name, entry)
            merged.current_context = merged.current_context or config.current_context
            merged.rest = {**config.rest, **merged.rest}
        return merged

    def connection(self, context: str = "", cluster: str = "", user: str = "") -> Connection:
        """What a context ("" is the current one) says about reaching its cluster.

        Raises: KubeconfigError if the context, its cluster or its user is not there or a file in it cannot be read.
        """
        name = context or self.current_context
        if name and name not in self.contexts:
            raise KubeconfigError(f'context "{name}" does not exist')
        chosen = self.contexts.get(name, {})
        cluster, user = cluster or chosen.get("cluster", ""), user or chosen.get("user", "")
        if cluster not in self.clusters:
            raise KubeconfigError(f'cluster "{cluster}" does not exist' if cluster else "no context is chosen, and so no server is known")
        if user and user not in self.users:
            raise KubeconfigError(f'auth info "{user}" does not exist')
        place, who = self.clusters[cluster], self.users.get(user, {})
        if who.get("exec") or who.get("auth-provider"):
            raise KubeconfigError(f'user "{user}" needs a credential plugin, which is not supported')
        return Connection(
            server=str(place.get("server", "")).rstrip("/"),
            ca=_content(place, "certificate-authority"),
            certificate=_content(who, "client-certificate"),
            key=_content(who, "client-key"),
            token=who.get("token", ""),
            token_file=who.get("tokenFile", ""),
            username=who.get("username", ""),
            password=who.get("password", ""),
            namespace=chosen.get("namespace", ""),
            insecure_skip_tls_verify=bool(place.get("insecure-skip-tls-verify", False)),
            tls_server_name=place.get("tls-server-name", ""),
        )

    def add(self, name: str, connection: Connection, *, current: bool = True) -> None:
        """Put a cluster, a user and a context of that name in, with all keys as data."""
        cluster: dict[str, Any] = {"server": connection.server}
        if connection.insecure_skip_tls_verify:
            cluster["insecure-skip-tls-verify"] = True
        if connection.tls_server_name:
            cluster["tls-server-name"] = connection.tls_server_name
        user: dict[str, Any] = {}
        for entry, key, data in (
            (cluster, "certificate-authority-data", connection.ca),
            (user, "client-certificate-data", connection.certificate),
            (user, "client-key-data", connection.key),
        ):
            if data:
                entry[key] = base64.b64encode(data).decode()
        texts = {"token": connection.token, "tokenFile": connection.token_file}
        user |= {key: text for key, text in texts.items() if text}
        context = {"cluster": name, "user": name} | ({"namespace": connection.namespace} if connection.namespace else {})
        self.clusters[name], self.users[name], self.contexts[name] = cluster, user, context
        if current or not self.current_context:
            self.current_context = name

    def document(self) -> dict[str, Any]:
        lists = {
            plural: [{"name": name, singular: entry} for name, entry in getattr(self, plural).items()]
            for plural, singular in _LISTS.items()
        }
        return {"apiVersion": "v1", "kind": "Config", **lists, "current-context": self.current_context, **self.rest}

    def write(self, path: str | Path, mode: int = 0o600) -> None:
        """Write the file in one step: a reader sees the old one or the new one.

        Raises: OSError if its directory is not there or cannot be written.
        """
        path = Path(path)
        text = yaml.safe_dump(self.document(), sort_keys=False)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, mode)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise


def default_paths(environment: Mapping[str, str] | None = None) -> list[Path]:
    """Where kubeconfigs are looked for: KUBECONFIG's list, or else the server's admin file, or else that of the user."""
    environment = os.environ if environment is None else environment
    listed = environment.get("KUBECONFIG", "")
    if listed:
        return [Path(part) for part in listed.split(os.pathsep) if part]
    if os.access(ADMIN_KUBECONFIG, os.R_OK):
        return [ADMIN_KUBECONFIG]
    return [Path(environment.get("HOME") or os.path.expanduser("~")) / ".kube" / "config"]


def in_cluster(directory: Path = SERVICE_ACCOUNT_DIRECTORY, environment: Mapping[str, str] | None = None) -> Connection:
    """The connection of a program that runs in a pod.

    Raises: KubeconfigError outside of a pod.
    Source: kubernetes.io/docs/tasks/run-application/access-api-from-pod/
    """
    environment = os.environ if environment is None else environment
    host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "")
    token = directory / "token"
    if not host or not port or not token.exists():
        raise KubeconfigError("this program does not run in a pod with a service account token")
    shown = f"[{host}]" if ":" in host else host
    namespace = directory / "namespace"
    return Connection(
        server=f"https://{shown}:{port}", ca=(directory / "ca.crt").read_bytes(), token_file=str(token),
        namespace=namespace.read_text().strip() if namespace.exists() else "",
    )


def _absolute(entry: dict[str, Any], directory: Path) -> dict[str, Any]:
    for key in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
        if entry.get(key):
            entry[key] = str(directory / entry[key])
    return entry


def _content(entry: dict[str, Any], key: str) -> bytes:
    """The data of an entry, inline or in a file; inline wins."""
    try:
        if entry.get(f"{key}-data"):
            return base64.b64decode(entry[f"{key}-data"], validate=False)
        return Path(entry[key]).read_bytes() if entry.get(key) else b""
    except OSError as error:
        raise KubeconfigError(f"unable to read {key} {entry[key]}: {error.strerror}") from error
    except ValueError as error:
        raise KubeconfigError(f"{key}-data is not base64: {error}") from error
