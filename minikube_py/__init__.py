"""minikube-py: Kubernetes in Python."""
