"""The checker: every rule over one history. Pure."""

import rules_of_clients
import rules_of_effects
import rules_of_logs
from anomalies import Anomaly
from recorded_history import History

RULES = (*rules_of_clients.RULES, *rules_of_effects.RULES, *rules_of_logs.RULES)


def check(history: History) -> list[Anomaly]:
    """Return everything that is wrong with a history; nothing if it is as promised."""
    return [anomaly for rule in RULES for anomaly in rule(history)]
