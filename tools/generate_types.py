"""Generate the typed objects of `minikube_py/apis` from the schema definitions of `kubernetes-validate`.

    python tools/generate_types.py

Writes one module per group-version (`apis/core_v1.py` ...) with a `msgspec.Struct` per schema, and `apis/list_rules.py` with
the list and map rules that patches follow. The modules hold names, types and keys, no prose. Source of the facts: the OpenAPI
definitions of Kubernetes 1.36 as packaged by the PyPI project `kubernetes-validate`; what is not in them, of pointers and what is always
written, stands in `go_facts.py`.
"""

from __future__ import annotations

import json
import keyword
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

from go_facts import KEPT, NULLS, OMITTED, POINTERS, VALUES

SCHEMAS = "kubernetes-json-schema/v1.36.0-local/_definitions.json"
APIS = Path(__file__).parent.parent / "minikube_py" / "apis"
RUFF = Path(sys.executable).with_name("ruff")
META = "io.k8s.apimachinery.pkg.apis.meta.v1."

GROUP_VERSIONS = {
    "meta_v1": META,
    **{
        f"{group}_{version}": f"io.k8s.api.{group}.{version}."
        for group, version in [
            *(
                (g, "v1")
                for g in (
                    "admissionregistration",
                    "apps",
                    "authentication",
                    "authorization",
                    "autoscaling",
                    "batch",
                    "certificates",
                    "coordination",
                    "core",
                    "discovery",
                    "events",
                    "flowcontrol",
                    "networking",
                    "node",
                    "policy",
                    "rbac",
                    "resource",
                    "scheduling",
                    "storage",
                )
            ),
            ("autoscaling", "v2"),
        ]
    },
    "apiextensions_v1": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.",
    "apiregistration_v1": "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.",
}

# Schemas that are a plain value on the wire.
SCALARS = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "Quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "IntOrString",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "Any",
    META + "Time": "Time",
    META + "MicroTime": "MicroTime",
    META + "FieldsV1": "FieldsV1",
    META + "Patch": "Any",
    GROUP_VERSIONS["apiextensions_v1"] + "JSON": "Any",
}

# Schemas that are one of several things on the wire, which they say nothing about.
UNIONS = {
    GROUP_VERSIONS["apiextensions_v1"] + "JSONSchemaPropsOrArray": "JSONSchemaProps | list[JSONSchemaProps]",
    GROUP_VERSIONS["apiextensions_v1"] + "JSONSchemaPropsOrBool": "JSONSchemaProps | bool",
    GROUP_VERSIONS["apiextensions_v1"] + "JSONSchemaPropsOrStringArray": "JSONSchemaProps | list[str]",
}

# A struct of this module or of one that it may import, and plain values that Go holds by value, with their zero.
STRUCT = re.compile(r"((meta|core)_v1\.)?(?!Time|MicroTime|Quantity|IntOrString|FieldsV1|Any)[A-Z]\w+")
PLAIN = {"Int32": ("int", "0"), "Int64": ("int", "0"), "bool": ("bool", "False"), "str": ("str", '""')}

# Field names that would hide a name that the class bodies use.
SHADOWING = {"bool", "bytes", "dict", "field", "float", "int", "list", "str"}

# Structs that are held by value wherever they are, but for one.
PARTS = {"metadata", "spec", "status"}
NO_PART = "apiextensions_v1.CustomResourceSubresources.status"
ZEROS = {"Quantity": 'lambda: "0"', "IntOrString": "int", "Any": "NoneType", "Time": "NoneType", "MicroTime": "NoneType"}


def snake(name: str) -> str:
    """camelCase to snake_case; acronyms stay together (clusterIPs -> cluster_ips, podCIDR -> pod_cidr)."""
    name = re.sub(r"(IP|CIDR|ID|URL|UID|WWN)s\b", lambda m: m[1].capitalize() + "s", name.lstrip("$"))
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)).lower().replace("-", "_")
    return name + "_" if keyword.iskeyword(name) or name in SHADOWING else name


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


class Module:
    """The text of one generated module."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.imports: set[str] = set()
        self.scalars: set[str] = set()
        self.classes: list[str] = []
        self.rules: dict[str, dict[str, Any]] = {}

    def reference(self, ref: str) -> str:
        full = ref.rsplit("/", 1)[1]
        if full in SCALARS:
            return self.scalar(SCALARS[full])
        if full in UNIONS:
            return UNIONS[full]
        for module, prefix in GROUP_VERSIONS.items():
            if full.startswith(prefix):
                kind = full[len(prefix) :]
                if module == self.name:
                    return kind
                self.imports.add(module)
                return f"{module}.{kind}"
        raise ValueError(f"{self.name}: unknown schema {full}")

    def scalar(self, name: str) -> str:
        self.scalars.add(name)
        return name

    def value_type(self, schema: dict[str, Any]) -> str:
        if "$ref" in schema:
            return self.reference(schema["$ref"])
        kinds = schema.get("type", ["object"])
        kind = kinds if isinstance(kinds, str) else kinds[0]
        if kind == "array":
            return f"list[{self.value_type(schema['items'])}]"
        if kind == "object":
            if "additionalProperties" in schema:
                return f"dict[str, {self.value_type(schema['additionalProperties'])}]"
            return self.scalar("Any")
        if kind == "integer":
            return self.scalar("Int32" if schema.get("format") == "int32" else "Int64")
        if kind == "string":
            return "bytes" if schema.get("format") == "byte" else "str"
        return "bool" if kind == "boolean" else self.scalar("Float64")

    def field(self, kind: str, wire: str, schema: dict[str, Any], required: bool) -> str:
        """One line of a class body. A factory keeps msgspec from leaving out what has no `omitempty` upstream."""
        name, value, fact = snake(wire), self.value_type(schema), f"{self.name}.{kind}.{wire}"
        kept = (required or fact in KEPT) and fact not in OMITTED
        factory = default = ""
        if fact in NULLS:
            value, factory = f"{value} | None", "NoneType"
        elif value.startswith(("list[", "dict[")):
            empty = "[]" if value.startswith("list[") else "{}"
            factory, default = (f"lambda: {empty}", "") if kept else ("", empty)
        elif STRUCT.fullmatch(value) and (fact in VALUES or (wire in PARTS and fact != NO_PART)):
            factory = value if "." in value else f"lambda: {value}()"
        elif fact in VALUES:
            factory = ZEROS[value]
            value = self.scalar(f"{value}OrNull") if value.endswith("Time") else value
        elif value in ("Time", "MicroTime"):
            default = '""'
        elif value == "FieldsV1":
            default = "NO_FIELDS"
        elif value in PLAIN and fact not in POINTERS:
            factory, default = (PLAIN[value][0], "") if kept else ("", PLAIN[value][1])
        else:
            value = value if value == "Any" else f"{value} | None"
            factory, default = ("NoneType", "") if kept and fact in POINTERS else ("", "None")
        renamed = f", name={wire!r}" if camel(name) != wire else ""
        if renamed and default in ("[]", "{}"):
            factory = "list" if default == "[]" else "dict"
        if factory:
            default = f"field(default_factory={factory}{renamed})"
        elif renamed:
            default = f"field(default={default}{renamed})"
        return f"    {name}: {value} = {default}"

    def add(self, kind: str, schema: dict[str, Any]) -> None:
        properties = dict(schema.get("properties", {}))
        order = [p for p in ("kind", "apiVersion", "metadata", "spec", "status") if p in properties]
        order += sorted(p for p in properties if p not in order)
        lines = [f"class {kind}(Object):"]
        required = set(schema.get("required", ()))
        lines += [self.field(kind, wire, properties[wire], wire in required) for wire in order]
        self.classes.append("\n".join(lines if len(lines) > 1 else [*lines, "    pass"]))
        rules: dict[str, Any] = {}
        if schema.get("x-kubernetes-map-type"):
            rules[""] = ("", "", schema["x-kubernetes-map-type"], ())
        for wire, value in properties.items():
            rule = (
                value.get("x-kubernetes-patch-strategy", ""),
                value.get("x-kubernetes-patch-merge-key", ""),
                value.get("x-kubernetes-list-type", value.get("x-kubernetes-map-type", "")),
                tuple(value.get("x-kubernetes-list-map-keys", ())),
            )
            if any(rule):
                rules[wire] = rule
        if rules:
            self.rules[f"{self.name}.{kind}"] = rules

    def text(self) -> str:
        defaults = {"NO_FIELDS"} if "FieldsV1" in self.scalars else set()
        body = "\n\n\n".join(self.classes)
        used = {scalar for scalar in self.scalars if re.search(rf"\b{scalar}\b", body)}
        scalars = ", ".join(sorted({"Object", *used, *defaults} - {"Any"}))
        head = [f'"""{self.name}: generated by tools/generate_types.py; do not edit."""', "", "from __future__ import annotations", ""]
        if "NoneType" in body:
            head.append("from types import NoneType")
        if "Any" in self.scalars:
            head.append("from typing import Any")
        if "field(" in body:
            head.append("from msgspec import field")
        head += [f"from . import {module}" for module in sorted(self.imports)]
        return "\n".join([*head, f"from .object import {scalars}", "", "", body, ""])


def main() -> None:
    schemas = json.loads(files("kubernetes_validate").joinpath(SCHEMAS).read_text())["$defs"]
    rules: dict[str, Any] = {}
    written = []
    for name, prefix in GROUP_VERSIONS.items():
        module = Module(name)
        for full, schema in schemas.items():
            kind = full.removeprefix(prefix)
            if (
                full.startswith(prefix)
                and "." not in kind
                and full not in SCALARS
                and full not in UNIONS
                and "metadata" not in (m for m in schema.get("properties", {}) if kind.endswith("List") and "items" in schema["properties"])
            ):
                module.add(kind, schema)
        written.append(APIS / f"{name}.py")
        written[-1].write_text(module.text())
        rules |= module.rules
    lines = [
        '"""List and map rules of the typed objects: generated by tools/generate_types.py; do not edit."""',
        "",
        '# struct -> field on the wire ("" is the struct itself) -> (patch strategy, patch merge key, list or map type, list map keys)',
        "LIST_RULES: dict[str, dict[str, tuple[str, str, str, tuple[str, ...]]]] = {",
    ]
    lines += [f"    {struct!r}: {fields!r}," for struct, fields in sorted(rules.items())]
    written.append(APIS / "list_rules.py")
    written[-1].write_text("\n".join([*lines, "}", ""]))
    subprocess.run([RUFF, "check", "--fix", "--quiet", "--select", "I", *written], check=True)
    subprocess.run([RUFF, "format", "--quiet", *written], check=True)


if __name__ == "__main__":
    main()
