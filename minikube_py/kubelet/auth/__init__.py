"""Who may use a node's API: authentication, then authorization, both by asking the API server where that is needed.

Source: kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/, pkg/kubelet/server/auth.go
"""
