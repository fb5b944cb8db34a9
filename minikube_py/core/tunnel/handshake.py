"""What a node and a server agree on when a tunnel is opened: path, protocol and names of ends."""

from __future__ import annotations

CONNECT_PATH = "/v1-minikube-py/connect"
# The WebSocket's subprotocol; another one would be another form of frames.
PROTOCOL = "v1.tunnel.minikube-py"
# The end that is the node's kubelet, spoken to in plain HTTP: both sides of the tunnel have proven themselves by certificates.
KUBELET = "kubelet"
# Before the address and port of any other end.
TCP_PREFIX = "tcp:"
# What `get_extra_info` of a stream calls the server at the tunnel's other end.
SERVER = "tunnel_server"
# On the Node of an agent that keeps a tunnel: while it is lost, it is about to come back.
ANNOTATION = "minikube-py.io/tunnel"
