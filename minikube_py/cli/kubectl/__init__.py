"""The built-in kubectl: the usual verbs with the usual output, against this or any other cluster.

One module per verb (or family of verbs), each on the same few parts: `session` (who talks to which server), `api` (requests and
discovery), `targets` (which objects are meant), `printers` (how they are shown).
"""
