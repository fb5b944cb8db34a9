"""SELinux: the types of containers, and neither user nor role."""

from __future__ import annotations

from functools import partial

from ..core_v1 import SELinuxOptions
from .check import Check, Subject, Violation, plural, quoted, setters

TYPES_0 = frozenset({"", "container_t", "container_init_t", "container_kvm_t"})
TYPES_31 = TYPES_0 | {"container_engine_t"}


def options(subject: Subject, types: frozenset[str]) -> Violation | None:
    wrong: list[SELinuxOptions] = []

    def is_wrong(options: SELinuxOptions | None) -> bool:
        if options is None or (options.type in types and not options.user and not options.role):
            return False
        wrong.append(options)
        return True

    context = subject.spec.security_context
    pod = context is not None and is_wrong(context.se_linux_options)
    names = [c.name for c in subject.containers if c.security_context is not None and is_wrong(c.security_context.se_linux_options)]
    if not wrong:
        return None
    found = sorted({options.type for options in wrong} - types)
    what = [f"{plural('type', found)} {quoted(found)}"] if found else []
    if any(options.user for options in wrong):
        what.append("user may not be set")
    if any(options.role for options in wrong):
        what.append("role may not be set")
    return Violation("seLinuxOptions", f"{setters(names, pod=pod)} set forbidden securityContext.seLinuxOptions: {'; '.join(what)}")


CHECKS = (Check("seLinuxOptions", "baseline", ((0, partial(options, types=TYPES_0)), (31, partial(options, types=TYPES_31)))),)
