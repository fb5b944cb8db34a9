"""API Priority and Fairness: which requests go on at once, which wait, and which are turned away.

A request meets the first FlowSchema that fits it (`classifier.py`), and with that a priority level, which has a number of seats
(`priority_levels.py`) and queues in which flows get their turns fairly (`queue_set.py`). How many seats a request takes is
`work_estimate.py`; `objects.py` follows the objects and keeps those that must be there (`bootstrap.py`).
What runs in this process calls the Registry directly and takes no seat.
Source: kubernetes.io/docs/concepts/cluster-administration/flow-control/, KEP-1040
"""
