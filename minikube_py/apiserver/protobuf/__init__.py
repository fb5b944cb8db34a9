"""Protobuf request bodies, as Go clients send them without asking. Answers stay JSON, which every client reads."""

from .decoder import Envelope, decode_message, decode_unknown, message_of, read_envelope
from .wire import ProtobufError

__all__ = ["Envelope", "ProtobufError", "decode_message", "decode_unknown", "message_of", "read_envelope"]
