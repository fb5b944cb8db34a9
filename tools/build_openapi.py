"""Builds the OpenAPI documents that the API server ships: v2 as a whole, v3 by group-version, compressed.

The schemas and their descriptions come from the definitions in the PyPI package `kubernetes-validate`; the paths from the table of
resources. Runs at package build time (hatch_build.py) and by hand: `python tools/build_openapi.py`.

Output, in minikube_py/apiserver/_openapi/: `documents.bin`, gzip members one after the other, and `index.json`, which says where each
document lies, its length, its decompressed size and its hash. The document `meta` holds the schemas that custom resources'
documents refer to, `columns` what the columns of tables mean. Equal inputs give equal bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from openapi_schemas import Converter  # noqa: E402

from minikube_py.apis import resources as table  # noqa: E402
from minikube_py.apiserver import column_sources, openapi_paths  # noqa: E402
from minikube_py.apiserver import openapi_document as v3  # noqa: E402
from minikube_py.apiserver.openapi_v2 import swagger  # noqa: E402

Document = dict[str, Any]

RELEASE = "1.36.0"
VERSION = f"v{RELEASE}"
TITLE = "Kubernetes"
OUTPUT = ROOT / "minikube_py" / "apiserver" / "_openapi"
SCALE = "io.k8s.api.autoscaling.v1.Scale"


class BuildError(Exception):
    """The build dependency is missing or is not what the build expects."""


def load_definitions() -> dict[str, Document]:
    """Return the definitions of the release, by name, as the build dependency has them.

    Raises: BuildError if the dependency or the release in it is missing.
    """
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or not spec.submodule_search_locations:
        raise BuildError("the OpenAPI documents need the build dependency kubernetes-validate, which is not installed")
    schemas = Path(spec.submodule_search_locations[0]) / "kubernetes-json-schema"
    path = schemas / f"v{RELEASE}-local" / "_definitions.json"
    if not path.is_file():
        found = ", ".join(sorted(entry.name for entry in schemas.glob("v*-local"))) or "nothing"
        raise BuildError(f"kubernetes-validate holds no definitions of Kubernetes {RELEASE} ({path} is missing; there is {found})")
    definitions: dict[str, Document] = json.loads(path.read_bytes())["$defs"]
    return definitions


def schema_names(schemas: dict[str, Document]) -> dict[table.GroupVersionKind, str]:
    """Return the schema name of every kind that belongs to one group-version."""
    names = {}
    for name, schema in schemas.items():
        kinds = schema.get("x-kubernetes-group-version-kind", [])
        if not name.startswith(v3.META):
            names.update({(gvk["group"], gvk["version"], gvk["kind"]): name for gvk in kinds})
    return names


def listing(path: str, tag: str, operation_id: str, schema: str, schemas: dict[str, Document]) -> Document:
    """Return the document of a path that only lists what lies below it."""
    reference = {"schema": {"$ref": v3.SCHEMA_PREFIX + v3.META + schema}}
    content = dict.fromkeys((v3.JSON, openapi_paths.PROTOBUF, openapi_paths.YAML), reference)
    responses = {"200": {"description": "OK", "content": content}, "401": {"description": "Unauthorized"}}
    description = "get information of a group" if schema == "APIGroup" else "get available API versions"
    operation = {"tags": [tag], "description": description, "operationId": operation_id, "responses": responses}
    return v3.document(TITLE, VERSION, {path: {"get": operation}}, v3.closure([v3.META + schema], schemas))


def version_listing(schemas: dict[str, Document]) -> Document:
    """Return the document of /version."""
    info = "io.k8s.apimachinery.pkg.version.Info"
    content = {v3.JSON: {"schema": {"$ref": v3.SCHEMA_PREFIX + info}}}
    responses = {"200": {"description": "OK", "content": content}, "401": {"description": "Unauthorized"}}
    operation = {"tags": ["version"], "description": "get the version information for this server", "operationId": "getCodeVersion",
                 "responses": responses}  # fmt: skip
    return v3.document(TITLE, VERSION, {"/version/": {"get": operation}}, v3.closure([info], schemas))


def documents_v3(schemas: dict[str, Document]) -> dict[str, Document]:
    """Return every v3 document by its path below /openapi/v3/."""
    names = schema_names(schemas)
    documents = {
        "api": listing("/api/", "core", "getCoreAPIVersions", "APIVersions", schemas),
        "apis": listing("/apis/", "apis", "getAPIVersions", "APIGroupList", schemas),
        "version": version_listing(schemas),
    }
    for group in filter(None, table.GROUPS):
        word = "".join(label.capitalize() for label in group.removesuffix(".k8s.io").split("."))
        tag = word[0].lower() + word[1:]
        documents[f"apis/{group}"] = listing(f"/apis/{group}/", tag, f"get{word}APIGroup", "APIGroup", schemas)
    for group, version in table.GROUP_VERSIONS:
        resources = [resource for resource in table.RESOURCES if (resource.group, resource.version) == (group, version)]
        paths = openapi_paths.GroupVersionPaths(group, version, names).build(resources)
        roots = {*v3.references(paths), *openapi_paths.META_SCHEMAS}
        documents[resources[0].api_prefix.removeprefix("/")] = v3.document(TITLE, VERSION, paths, v3.closure(roots, schemas))
    return documents


def descriptions(definitions: dict[str, Document]) -> Document:
    """Return the descriptions of the fields that the columns of tables show, by field.

    Raises: BuildError for a field that has none.
    """
    found = {}
    for field in sorted(column_sources.fields()):
        name, _, property_ = field.rpartition(".")
        prefix = "io.k8s." if name.startswith("apimachinery.") else "io.k8s.api."
        text = definitions.get(prefix + name, {}).get("properties", {}).get(property_, {}).get("description", "")
        if not text:
            raise BuildError(f"the definitions describe no field {field}")
        found[field] = text
    return found


def encode(document: Document) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def build(output: Path = OUTPUT) -> int:
    """Write the documents to `output` and return the number of bytes written.

    Raises: BuildError if the build dependency is not what it should be.
    """
    definitions = load_definitions()
    schemas = Converter(definitions).schemas()
    groups = documents_v3(schemas)
    documents = {"v2": swagger(VERSION, groups.values()), **{f"v3/{path}": document for path, document in groups.items()}}
    documents["meta"] = v3.document(TITLE, VERSION, {}, v3.closure((*openapi_paths.META_SCHEMAS, SCALE), schemas))
    documents[column_sources.DOCUMENT] = descriptions(definitions)
    index: Document = {"version": VERSION, "documents": {}}
    blob = bytearray()
    for path, document in documents.items():
        body = encode(document)
        packed = gzip.compress(body, 9, mtime=0)
        digest = hashlib.sha512(body).hexdigest().upper()
        index["documents"][path] = {"offset": len(blob), "length": len(packed), "size": len(body), "hash": digest}
        blob += packed
    output.mkdir(parents=True, exist_ok=True)
    (output / "documents.bin").write_bytes(blob)
    (output / "index.json").write_bytes(encode(index))
    return len(blob)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    try:
        size = build(parser.parse_args().output)
    except BuildError as error:
        parser.exit(1, f"error: {error}\n")
    print(f"{size} bytes")


if __name__ == "__main__":
    main()
