"""Protobuf request bodies, as Go clients send them without asking. Answers stay JSON, which every client reads."""

from .decoder import ProtobufError, decode_unknown

__all__ = ["ProtobufError", "decode_unknown"]
