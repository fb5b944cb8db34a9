"""The HTTP door of the Registry: URLs, negotiation, encodings, streams. Holds no rule of any object."""
