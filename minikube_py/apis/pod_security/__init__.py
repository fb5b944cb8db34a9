"""The Pod Security Standards as 1.36 has them: which pods the levels baseline and restricted let in, by version of the policy.

`policy.py` says what the labels of a namespace ask for, `evaluation.py` which checks make up a level in a version, and each other module
holds the checks of one subject, with every version in which they changed. All is pure; what is done with the answer is the business of
admission. The sentences are upstream's to the letter, as people and programs search for them.

Source: staging/src/k8s.io/pod-security-admission, kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from .evaluation import Evaluation, evaluate
from .policy import LABELS, PREFIX, PRIVILEGED, LevelVersion, Policy, policy_of, stricter

__all__ = ["LABELS", "PREFIX", "PRIVILEGED", "Evaluation", "LevelVersion", "Policy", "evaluate", "policy_of", "stricter"]
