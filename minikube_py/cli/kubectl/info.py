"""kubectl version, cluster-info, api-resources, api-versions, config and auth: about the cluster and about oneself.

Source: kubectl pkg/cmd/{version,clusterinfo,apiresources,config,auth}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minikube_py.client.kubeconfig import Kubeconfig, default_paths

from .errors import Exit, KubectlError, usage
from .manifests import to_json, to_yaml
from .session import Session
from .tabular import columns

CLIENT_VERSION = "v1.36.0"
REDACTED = "DATA+OMITTED"
_SECRET_KEYS = ("certificate-authority-data", "client-certificate-data", "client-key-data", "token", "password")


async def version(session: Session, *, client: bool, output: str) -> None:
    document: dict[str, Any] = {"clientVersion": {"gitVersion": CLIENT_VERSION, "major": "1", "minor": "36"}, "kustomizeVersion": "none"}
    if not client:
        document["serverVersion"] = await session.api.request("GET", "/version")
    if output == "json":
        session.print(to_json(document), end="")
    elif output == "yaml":
        session.print(to_yaml(document), end="")
    else:
        session.print(f"Client Version: {CLIENT_VERSION}")
        if not client:
            session.print(f"Server Version: {document['serverVersion']['gitVersion']}")


async def cluster_info(session: Session) -> None:
    bold, blue, plain = ("\033[0;32m", "\033[0;33m", "\033[0m") if session.out.isatty() else ("", "", "")
    await session.api.request("GET", "/version")
    session.print(f"{bold}Kubernetes control plane{plain} is running at {blue}{session.connection.server}{plain}")
    services = await session.api.resource("services")
    listed = await session.api.list_all(services, "kube-system", labels="kubernetes.io/cluster-service=true")
    for service in listed.get("items") or ():
        name, labels = service["metadata"]["name"], service["metadata"].get("labels") or {}
        port = (service["spec"].get("ports") or [{}])[0]
        named = f"{name}:{port['name']}" if port.get("name") else name
        link = f"{session.connection.server}/api/v1/namespaces/kube-system/services/{named}/proxy"
        session.print(f"{bold}{labels.get('kubernetes.io/name', name)}{plain} is running at {blue}{link}{plain}")
    session.print("\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.")


@dataclass(slots=True)
class ResourceListOptions:
    group: str | None = None
    namespaced: bool | None = None
    verbs: str = ""
    categories: str = ""
    output: str = ""
    headers: bool = True
    sort_by: str = ""


async def api_resources(session: Session, options: ResourceListOptions) -> None:
    found = [r for r in await session.api.resources() if _wanted(r, options)]
    preferred: dict[tuple[str, str], Any] = {}
    for resource in found:
        preferred.setdefault((resource.group, resource.plural), resource)
    rows = sorted(preferred.values(), key=lambda r: (r.group, r.plural))
    if options.sort_by:
        rows.sort(key=lambda r: r.plural if options.sort_by == "name" else r.kind)
    if options.output == "name":
        for resource in rows:
            session.print(resource.group_resource)
        return
    wide = options.output == "wide"
    header = ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND", *(["VERBS", "CATEGORIES"] if wide else [])]
    lines = [header] if options.headers else []
    for r in rows:
        line = [r.plural, ",".join(r.short_names), r.api_version, "true" if r.namespaced else "false", r.kind]
        lines.append([*line, *([",".join(sorted(r.verbs)), ",".join(r.categories)] if wide else [])])
    session.print("\n".join(columns(lines)))


def _wanted(resource: Any, options: ResourceListOptions) -> bool:
    if options.group is not None and resource.group != options.group:
        return False
    if options.namespaced is not None and resource.namespaced != options.namespaced:
        return False
    if options.verbs and not set(options.verbs.split(",")) <= set(resource.verbs):
        return False
    if options.categories and not set(options.categories.split(",")) <= set(resource.categories):
        return False
    return bool(resource.verbs)


async def api_versions(session: Session) -> None:
    for text in sorted({resource.api_version for resource in await session.api.resources()}):
        session.print(text)


async def can_i(session: Session, arguments: tuple[str, ...], *, all_namespaces: bool, subresource: str, quiet: bool) -> None:
    """kubectl auth can-i VERB TYPE[/NAME]; ends with code 1 for "no"."""
    if len(arguments) < 2:
        raise usage("auth can-i", "you must specify two arguments: verb resource or verb resource/resourceName.")
    verb, word = arguments[0], arguments[1]
    if word.startswith("/"):
        spec: dict[str, Any] = {"nonResourceAttributes": {"verb": verb, "path": word}}
    else:
        kind, _, name = word.partition("/")
        plural, group = kind, ""
        if kind != "*":
            try:
                resource = await session.api.resource(kind)
                plural, group = resource.plural, resource.group
            except KubectlError:
                session.complain(f"Warning: the server doesn't have a resource type '{kind}'\n")
        attributes = {"verb": verb, "resource": plural, "group": group, "name": name or (arguments[2] if len(arguments) > 2 else ""),
                      "subresource": subresource, "namespace": "" if all_namespaces else session.namespace}
        spec = {"resourceAttributes": attributes}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
    answer = await session.api.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=body)
    status = answer.get("status") or {}
    allowed = bool(status.get("allowed"))
    if not quiet:
        session.print("yes" if allowed else "no" + (f" - {status['reason']}" if status.get("reason") else ""))
    if not allowed:
        raise Exit(1)


async def whoami(session: Session) -> None:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = await session.api.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=body)
    user = answer["status"]["userInfo"]
    rows = [["ATTRIBUTE", "VALUE"], ["Username", user.get("username", "")]]
    if user.get("uid"):
        rows.append(["UID", user["uid"]])
    if user.get("groups"):
        rows.append(["Groups", f"[{' '.join(user['groups'])}]"])
    rows += [[f"Extra: {key}", f"[{' '.join(values)}]"] for key, values in sorted((user.get("extra") or {}).items())]
    session.print("\n".join(columns(rows)))


# -- kubeconfig, without a server ------------------------------------------------------------------------------------------------------


def load_config(path: str) -> Kubeconfig:
    return Kubeconfig.load(path) if path else Kubeconfig.load_merged(default_paths())


def config_view(config: Kubeconfig, *, raw: bool, minify: bool, output: str) -> str:
    """The kubeconfig, its keys hidden unless `raw`."""
    document = config.document()
    if minify:
        chosen = config.contexts.get(config.current_context, {})
        keep = {"clusters": chosen.get("cluster"), "users": chosen.get("user"), "contexts": config.current_context}
        for plural, name in keep.items():
            document[plural] = [item for item in document[plural] if item["name"] == name]
    if not raw:
        for plural, singular in (("clusters", "cluster"), ("users", "user")):
            document[plural] = [{**item, singular: _hidden(item[singular])} for item in document[plural]]
    return to_json(document) if output == "json" else to_yaml(document)


def _hidden(entry: dict[str, Any]) -> dict[str, Any]:
    hidden = {key: "REDACTED" if key in ("token", "password") else REDACTED for key in entry if key in _SECRET_KEYS}
    return {**entry, **hidden}


def contexts_table(config: Kubeconfig) -> list[str]:
    rows = [["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"]]
    for name, context in sorted(config.contexts.items()):
        current = "*" if name == config.current_context else ""
        rows.append([current, name, context.get("cluster", ""), context.get("user", ""), context.get("namespace", "")])
    return columns(rows)


def use_context(config: Kubeconfig, name: str) -> None:
    if name not in config.contexts:
        raise KubectlError(f'no context exists with the name: "{name}"')
    config.current_context = name
    config.write(config.path or Path.home() / ".kube" / "config")


def set_namespace(config: Kubeconfig, namespace: str) -> str:
    """Set the namespace of the current context; returns the context's name."""
    name = config.current_context
    if name not in config.contexts:
        raise KubectlError("no current context is set")
    config.contexts[name]["namespace"] = namespace
    config.write(config.path or Path.home() / ".kube" / "config")
    return name
