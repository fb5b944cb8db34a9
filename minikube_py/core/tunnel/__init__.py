"""Many byte streams over one connection of messages, which a node has opened to its server.

`multiplexer.py` owns the connection and its frames, `stream.py` what a stream is to those who use it: an asyncio transport. Whoever
speaks HTTP over sockets speaks it over streams without a change, upgraded connections included.

Why not a library: HTTP/2 has no upgrades (exec and port-forward are upgraded connections), SPDY as Kubernetes uses it has no flow
control, and for smux and yamux there is no maintained Python library. aiohttp's WebSockets frame and mask in C.
"""
