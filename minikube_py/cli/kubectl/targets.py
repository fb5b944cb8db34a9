"""Which objects a command means: "pods", "pod/web", "deploy,svc", "pod a b", or those in files.

Source: cli-runtime pkg/resource/builder.go
"""

from __future__ import annotations

from dataclasses import dataclass

from minikube_py.core.errors import NotFoundError

from .api import Document, Resource
from .errors import KubectlError
from .manifests import read
from .session import Session

NOTHING_GIVEN = (
    "You must provide one or more resources by argument or filename.\nExample resource specifications include:\n   '-f rsrc.yaml'\n"
    "   '--filename=rsrc.json'\n   '<resource> <name>'\n   '<resource>'"
)


@dataclass(frozen=True, slots=True)
class Target:
    """One object, by name, in a namespace ("" for cluster-scoped kinds)."""

    resource: Resource
    namespace: str
    name: str
    document: Document | None = None
    source: str = ""

    @property
    def path(self) -> str:
        return self.resource.path(self.namespace, self.name)

    @property
    def label(self) -> str:
        """ "deployment.apps/web"."""
        return f"{self.resource.print_name}/{self.name}"


@dataclass(frozen=True, slots=True)
class Collection:
    """All objects of a kind in a namespace ("" for all namespaces)."""

    resource: Resource
    namespace: str


async def parse(session: Session, arguments: tuple[str, ...], *, all_namespaces: bool = False) -> tuple[list[Collection], list[Target]]:
    """What the arguments of a command mean: collections, or named objects.

    Raises: KubectlError for arguments that do not go together or a type that the server does not have.
    """
    if not arguments:
        raise KubectlError(
            "You must specify the type of resource to get. Use \"kubectl api-resources\" for a complete list of supported resources.\n\n"
            "error: Required resource not specified.\nSee 'kubectl get -h' for help and examples", plain=True)
    namespace = "" if all_namespaces else session.namespace
    if any("/" in argument for argument in arguments):
        targets = []
        for argument in arguments:
            kind, slash, name = argument.partition("/")
            if not slash:
                raise KubectlError(
                    "there is no need to specify a resource type as a separate argument when passing arguments in resource/name form "
                    "(e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'")
            targets += [target(session, await session.api.resource(word), name) for word in kind.split(",")]
        return [], targets
    resources = await types(session, arguments[0])
    if len(arguments) == 1:
        return [Collection(resource, namespace if resource.namespaced else "") for resource in resources], []
    if all_namespaces:
        raise KubectlError("a resource cannot be retrieved by name across all namespaces")
    return [], [target(session, resource, name) for resource in resources for name in dict.fromkeys(arguments[1:])]


async def types(session: Session, words: str) -> list[Resource]:
    """The resources that "pods,svc" or "all" name."""
    found: list[Resource] = []
    for word in words.split(","):
        category = await session.api.category(word)
        found += category or [await session.api.resource(word)]
    return list(dict.fromkeys(found))


def target(session: Session, resource: Resource, name: str) -> Target:
    return Target(resource, session.namespace if resource.namespaced else "", name)


async def from_files(session: Session, filenames: tuple[str, ...], *, recursive: bool = False) -> list[Target]:
    """The objects in files, each in its namespace.

    Raises: KubectlError also if a file names another namespace than -n does.
    """
    found = []
    for source, document in read(filenames, recursive=recursive):
        resource = await session.api.resource_of(document, source)
        metadata = document.setdefault("metadata", {})
        namespace = ""
        if resource.namespaced:
            namespace = metadata.setdefault("namespace", session.namespace)
            if session.namespace_given and namespace != session.namespace:
                raise KubectlError(
                    f'the namespace from the provided object "{namespace}" does not match the namespace "{session.namespace}". '
                    f"You must pass '--namespace={namespace}' to perform this operation.")
        found.append(Target(resource, namespace, metadata.get("name", ""), document, source))
    if not found:
        raise KubectlError("no objects passed to apply" if filenames else "must specify one of -f and -k")
    return found


async def expand(session: Session, collections: list[Collection], *, labels: str = "", fields: str = "") -> list[Target]:
    """The objects in collections, with their documents."""
    found = []
    for one in collections:
        listed = await session.api.list_all(one.resource, one.namespace, labels=labels, fields=fields)
        for item in listed.get("items") or ():
            item = {"apiVersion": one.resource.api_version, "kind": one.resource.kind, **item}
            metadata = item["metadata"]
            found.append(Target(one.resource, metadata.get("namespace", ""), metadata["name"], item))
    return found


async def resolve(
    session: Session, arguments: tuple[str, ...], *, filenames: tuple[str, ...] = (), labels: str = "", all_objects: bool = False,
    all_namespaces: bool = False, fields: str = "", recursive: bool = False,
) -> list[Target]:
    """The objects that a command acts on: from files, by name, or by selector (`all_objects` for every one of a type)."""
    if filenames:
        return await from_files(session, filenames, recursive=recursive)
    if not arguments:
        raise KubectlError(NOTHING_GIVEN)
    collections, named = await parse(session, arguments, all_namespaces=all_namespaces)
    if collections and not labels and not fields and not all_objects:
        raise KubectlError("resource(s) were provided, but no name was specified")
    if named and (labels or all_objects):
        raise KubectlError("name cannot be provided when a selector is specified")
    return named + await expand(session, collections, labels=labels, fields=fields)


async def document_of(session: Session, one: Target) -> Document:
    """The object as the server has it now.

    Raises: NotFoundError.
    """
    return await session.api.get(one.resource, one.namespace, one.name)


async def document_or_none(session: Session, one: Target) -> Document | None:
    try:
        return await document_of(session, one)
    except NotFoundError:
        return None
