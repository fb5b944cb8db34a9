"""The audit log: who asked for what, when, and what came of it.

`policy.py` says what is recorded of which request, `event.py` how a record looks, `auditor.py` when its stages are reached, `backends.py`
where records go: a file that rotates (`log_file.py`), a webhook (`webhook.py`). Without a policy nothing of it runs.
Source: kubernetes.io/docs/tasks/debug/debug-cluster/audit/, kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
"""
