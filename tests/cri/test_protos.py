"""The committed modules are what the .proto files say."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet

PROTO = Path(__file__).resolve().parents[2] / "minikube_py" / "cri" / "proto"
SOURCES = sorted(path.name for path in PROTO.glob("*.proto"))


def without_json_names(file: FileDescriptorProto) -> FileDescriptorProto:
    """protoc adds the JSON names to a descriptor set, but not to a module."""

    def clear(message: DescriptorProto) -> None:
        for field in message.field:
            field.ClearField("json_name")
        for nested in message.nested_type:
            clear(nested)

    for message in file.message_type:
        clear(message)
    return file


@pytest.mark.parametrize("source", SOURCES)
def test_module_is_generated_from_its_proto_file(source: str, tmp_path: Path) -> None:
    protoc = pytest.importorskip("grpc_tools.protoc")
    out = tmp_path / "descriptors"
    well_known = Path(protoc.__file__).parent / "_proto"
    assert protoc.main(["protoc", f"-I{PROTO}", f"-I{well_known}", f"--descriptor_set_out={out}", source]) == 0
    (compiled,) = FileDescriptorSet.FromString(out.read_bytes()).file
    module = importlib.import_module(f"minikube_py.cri._pb.{source.removesuffix('.proto')}_pb2")
    assert FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb) == without_json_names(compiled)
