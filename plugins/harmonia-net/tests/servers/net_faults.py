"""The faults that the library exports."""

import harmonia_net
from harmonia_net import NetError


def kinds() -> list[type[NetError]]:
    exported = [getattr(harmonia_net, name) for name in harmonia_net.__all__]
    return [kind for kind in exported if isinstance(kind, type) and issubclass(kind, NetError)]
