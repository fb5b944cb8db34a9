"""kubectl create TYPE, run and expose: objects from flags.

Source: kubectl pkg/cmd/{create,run,expose}
"""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from typing import Any

from minikube_py.core.errors import StatusError

from .api import Document
from .apply import ApplyOptions, query, show_result
from .errors import KubectlError
from .selectors import selector_text
from .session import Session
from .targets import Target, document_of

# Kinds whose refusals are passed on as they are, and what others are called in what is said of them.
_PLAINLY = ("Namespace", "Role", "ClusterRole")
_CALLED = {"Secret": "secret", "ResourceQuota": "quota:"}
_KEY = re.compile(r"[-._a-zA-Z0-9]+").fullmatch


async def create(session: Session, document: Document, options: ApplyOptions, manager: str = "kubectl-create") -> Document:
    """Create an object (or say what would be, with --dry-run) and show it."""
    resource = await session.api.resource_of(document)
    namespace = session.namespace if resource.namespaced else ""
    if namespace:
        document["metadata"]["namespace"] = namespace
    if options.dry_run != "client":
        try:
            document = await session.api.request("POST", resource.path(namespace), body=document, params=query(options, manager))
        except StatusError as error:
            if manager != "kubectl-create" or resource.kind in _PLAINLY:
                raise
            what = _CALLED.get(resource.kind, f"{resource.singular}:")
            raise KubectlError(f"failed to create {what} {error.message}") from error
    show_result(session, Target(resource, namespace, document["metadata"].get("name", ""), document), document, "created", options)
    return document


def namespace(name: str) -> Document:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "spec": {}, "status": {}}


def service_account(name: str) -> Document:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}


def resource_quota(name: str, hard: str, scopes: str) -> Document:
    """A quota of "cpu=1,pods=2" and "BestEffort,NotTerminating"."""
    amounts: dict[str, str] = {}
    for pair in hard.split(",") if hard else ():
        resource, equals, amount = pair.partition("=")
        if not equals or "=" in amount:
            raise KubectlError(f"Invalid argument syntax {pair}, expected <resource>=<value>")
        amounts[resource] = amount
    spec = {**({"hard": amounts} if amounts else {}), **({"scopes": scopes.split(",")} if scopes else {})}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name}, "spec": spec}


def config_map(name: str, literals: tuple[str, ...], files: tuple[str, ...], env_files: tuple[str, ...]) -> Document:
    data: dict[str, str] = {}
    binary: dict[str, str] = {}
    for key, value in _pairs(literals, files, env_files).items():
        try:
            data[key] = value.decode()
        except UnicodeDecodeError:
            binary[key] = base64.b64encode(value).decode()
    document: Document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    return {**document, **({"data": data} if data else {}), **({"binaryData": binary} if binary else {})}


def secret(name: str, literals: tuple[str, ...], files: tuple[str, ...], env_files: tuple[str, ...], kind: str = "") -> Document:
    data = {key: base64.b64encode(value).decode() for key, value in _pairs(literals, files, env_files).items()}
    chosen = {**({"type": kind} if kind else {}), **({"data": data} if data else {})}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, **chosen}


def tls_secret(name: str, certificate: str, key: str) -> Document:
    pair = {"tls.crt": Path(certificate).read_bytes(), "tls.key": Path(key).read_bytes()}
    data = {entry: base64.b64encode(value).decode() for entry, value in pair.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "kubernetes.io/tls", "data": data}


def _pairs(literals: tuple[str, ...], files: tuple[str, ...], env_files: tuple[str, ...]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}

    def put(key: str, value: bytes) -> None:
        if not _KEY(key):
            rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
            raise KubectlError(f'"{key}" is not valid key name: {rule}')
        if key in found:
            raise KubectlError(f"cannot add key {key}, another key by that name already exists")
        found[key] = value

    for literal in literals:
        key, equals, value = literal.partition("=")
        if not equals:
            raise KubectlError(f"invalid literal source {literal}, expected key=value")
        put(key, value.encode())
    for source in files:
        key, equals, name = source.partition("=")
        path = Path(name if equals else source)
        try:
            if path.is_dir():
                for file in sorted(path.iterdir()):
                    if file.is_file():
                        put(file.name, file.read_bytes())
            else:
                put(key if equals else path.name, path.read_bytes())
        except OSError as error:
            raise KubectlError(f"error reading {path}: {error.strerror}") from error
    for env_file in env_files:
        for line in Path(env_file).read_text().splitlines():
            text = line.strip()
            if text and not text.startswith("#"):
                key, equals, value = text.partition("=")
                put(key, (value if equals else os.environ.get(key, "")).encode())
    return found


def deployment(name: str, images: tuple[str, ...], *, replicas: int, port: int, command: tuple[str, ...]) -> Document:
    containers: list[Document] = []
    for image in images:
        container: Document = {"name": _container_name(image), "image": image, "resources": {}}
        if port:
            container["ports"] = [{"containerPort": port}]
        if command:
            container["command"] = list(command)
        containers.append(container)
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "strategy": {}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels}, "spec": spec, "status": {}}


def job(name: str, image: str, command: tuple[str, ...]) -> Document:
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": _job_template(name, image, command)}}


def cron_job(name: str, image: str, schedule: str, command: tuple[str, ...], restart: str) -> Document:
    template = _job_template(name, image, command)
    template["spec"]["restartPolicy"] = restart or "OnFailure"
    spec = {"schedule": schedule, "jobTemplate": {"metadata": {"name": name}, "spec": {"template": template}}}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name}, "spec": spec}


def _job_template(name: str, image: str, command: tuple[str, ...]) -> Document:
    container: Document = {"name": name, "image": image, "resources": {}}
    if command:
        container["command"] = list(command)
    return {"metadata": {}, "spec": {"containers": [container], "restartPolicy": "Never"}}


async def job_from(session: Session, name: str, source: str) -> Document:
    """The Job that a CronJob would make now."""
    kind, _, cron_name = source.partition("/")
    resource = await session.api.resource(kind)
    if resource.kind != "CronJob":
        raise KubectlError("from must be an existing cronjob")
    document = await document_of(session, Target(resource, session.namespace, cron_name))
    template = document["spec"]["jobTemplate"]
    metadata = template.get("metadata") or {}
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": cron_name, "uid": document["metadata"]["uid"], "controller": True}
    annotations = {"cronjob.kubernetes.io/instantiate": "manual", **(metadata.get("annotations") or {})}
    made = {"name": name, "annotations": annotations, "labels": metadata.get("labels") or {}, "ownerReferences": [owner]}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": made, "spec": template["spec"]}


def role(kind: str, name: str, verbs: tuple[str, ...], resources: list[tuple[str, str]], names: tuple[str, ...]) -> Document:
    """A Role or ClusterRole with one rule per group; `resources` are (group, plural or plural/subresource)."""
    rules: dict[str, Document] = {}
    for group, plural in resources:
        rule = rules.setdefault(group, {"apiGroups": [group], "resources": [], "verbs": _split(verbs)})
        rule["resources"].append(plural)
        if names:
            rule["resourceNames"] = list(names)
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "rules": list(rules.values())}


def role_binding(kind: str, name: str, reference: tuple[str, str], users: tuple[str, ...], groups: tuple[str, ...],
                 accounts: tuple[str, ...]) -> Document:
    """Args: reference: ("Role" or "ClusterRole", its name); accounts: "namespace:name"."""
    group = "rbac.authorization.k8s.io"
    subjects: list[Document] = [{"kind": "User", "apiGroup": group, "name": user} for user in users]
    subjects += [{"kind": "Group", "apiGroup": group, "name": one} for one in groups]
    for account in accounts:
        namespace_name, colon, account_name = account.partition(":")
        if not colon:
            raise KubectlError(f"serviceaccount must be <namespace>:<name>: {account}")
        subjects.append({"kind": "ServiceAccount", "name": account_name, "namespace": namespace_name})
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": reference[0], "name": reference[1]}, "subjects": subjects}


def _split(values: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(part for value in values for part in value.split(",")))


def _container_name(image: str) -> str:
    name = image.rsplit("/", 1)[-1].split("@")[0].split(":")[0]
    return re.sub(r"[^-a-z0-9]", "-", name.lower())


def pod(name: str, image: str, *, port: int, env: tuple[str, ...], labels: str, restart: str, command: bool, arguments: tuple[str, ...],
        stdin: bool, tty: bool, pull_policy: str) -> Document:
    """The pod of kubectl run."""
    container: Document = {"name": name, "image": image, "resources": {}}
    if arguments:
        container["command" if command else "args"] = list(arguments)
    if port:
        container["ports"] = [{"containerPort": port}]
    if env:
        container["env"] = [dict(zip(("name", "value"), pair.split("=", 1), strict=True)) for pair in env]
    if pull_policy:
        container["imagePullPolicy"] = pull_policy
    if stdin:
        container.update({"stdin": True, "stdinOnce": True})
    if tty:
        container["tty"] = True
    chosen = dict(pair.split("=", 1) for pair in labels.split(",")) if labels else {"run": name}
    spec = {"containers": [container], "dnsPolicy": "ClusterFirst", "restartPolicy": restart}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": chosen}, "spec": spec, "status": {}}


async def service_for(session: Session, one: Target, *, name: str, port: int, target_port: str, kind: str, protocol: str,
                      cluster_ip: str) -> Document:
    """The Service of kubectl expose."""
    document = await document_of(session, one)
    if one.resource.kind == "Pod":
        labels = document["metadata"].get("labels") or {}
        if not labels:
            raise KubectlError(
                "couldn't retrieve selectors via --selector flag or introspection: the pod has no labels and cannot be exposed")
        selector: Any = labels
        containers = document["spec"]["containers"]
    else:
        found = document["spec"].get("selector") or {}
        if not selector_text(found):
            raise KubectlError(f"cannot expose a {one.resource.kind}")
        selector = found.get("matchLabels", found)
        containers = ((document["spec"].get("template") or {}).get("spec") or {}).get("containers") or []
    ports = [p for container in containers for p in container.get("ports") or ()]
    if port:
        listed = [{"port": port, "protocol": protocol or "TCP", "targetPort": _number(target_port) if target_port else port}]
    elif ports:
        listed = [{"port": p["containerPort"], "protocol": protocol or p.get("protocol", "TCP"),
                   "targetPort": _number(target_port) if target_port else p["containerPort"]} for p in ports]
        if len(listed) > 1:
            listed = [{"name": f"port-{index + 1}", **entry} for index, entry in enumerate(listed)]
    else:
        raise KubectlError("couldn't find port via --port flag or introspection\nSee 'kubectl expose -h' for help and examples")
    spec: Document = {"ports": listed, "selector": selector}
    if kind:
        spec["type"] = kind
    if cluster_ip:
        spec["clusterIP"] = cluster_ip
    metadata: Document = {"name": name or one.name}
    if document["metadata"].get("labels"):
        metadata["labels"] = document["metadata"]["labels"]
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec, "status": {"loadBalancer": {}}}


def _number(text: str) -> int | str:
    return int(text) if text.isdigit() else text
