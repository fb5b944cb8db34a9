"""The built-in plugins and the profile that they make by default.

Source: pkg/scheduler/apis/config/v1/default_plugins.go (order and weights)
"""
