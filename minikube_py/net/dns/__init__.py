"""The cluster's DNS, answered on every node.

`zone` holds the names of the cluster, `wire` reads what it must of messages that are only passed on, `upstream` forwards and
caches them, `server` answers on UDP and TCP.

Source: github.com/kubernetes/dns/blob/master/docs/specification.md
"""
