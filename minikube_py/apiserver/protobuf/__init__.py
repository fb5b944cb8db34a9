"""The protobuf forms of objects: request bodies, as Go clients send them without asking, and answers for clients that take no JSON."""

from .decoder import Envelope, decode_message, decode_unknown, message_of, read_envelope
from .wire import ProtobufError
from .writer import encode_document, encode_event

__all__ = [
    "Envelope", "ProtobufError", "decode_message", "decode_unknown", "encode_document", "encode_event", "message_of", "read_envelope",
]
