"""kubectl describe: one object for people, with its events.

`writer` holds the layout, `pod_template` what pods and their templates share, one module per family of kinds the rest; kinds without
a describer of their own are shown field by field.
Source: kubectl pkg/describe/describe.go
"""
