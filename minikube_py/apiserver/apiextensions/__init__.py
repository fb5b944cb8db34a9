"""Custom resources: what the API server does for CustomResourceDefinitions."""
