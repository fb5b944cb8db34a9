"""What objects count against ResourceQuotas: an evaluator for each resource, values in, values out.

Who knows how much of a quota is used is `apiserver/quota/`. Amounts are quantities in canonical form; names are those of `spec.hard`.
Source: pkg/quota/v1, staging/src/k8s.io/apiserver/pkg/quota/v1
"""

from .evaluator import Evaluator as Evaluator
from .evaluator import scope_requirements as scope_requirements
from .evaluators import Evaluators as Evaluators
from .resource_claims import Devices as Devices
