"""How much of each ResourceQuota is used, as of the writes that have been accepted, and what its status says of it.

What an object counts for is `apis/quota/`; who is refused, `admission/resource_quota.py`.
"""
