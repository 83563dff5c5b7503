"""The tables of docs/net.md are true."""

import re
from pathlib import Path

import pytest
from net_faults import kinds

from harmonia_net import AddressRefused, ClientOptions, Guard, NetError

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "net.md").read_text("utf-8")
FORMS = re.findall(r"^\| [^|]+ \| `([^`]+)` \| `([a-z0-9-]+)` \|$", PAGE, re.MULTILINE)
FAULTS = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (\w+)", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("url", "rule"), FORMS)
def test_the_table_of_forms(url: str, rule: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        Guard().check_url(url)
    assert caught.value.rule == rule


def test_the_table_of_faults() -> None:
    known = {
        kind.code: (kind.category, "yes" if kind.retryable else "no")
        for kind in kinds()
        if kind is not NetError
    }
    said = {code: (category, again) for code, category, again in FAULTS}
    assert said == {**known, "tls-failed": ("connection", "only")}


def test_the_defaults_that_are_said() -> None:
    options = ClientOptions()
    times, breaker = options.timeouts, options.breaker
    assert len(FORMS) > 30
    assert (times.connect, times.read, times.write, times.pool, times.total) == (10, 60, 60, 30, 300)
    assert (options.max_response_bytes, options.max_redirects) == (16 * 1024 * 1024, 5)
    assert (options.max_connections, options.max_keepalive, options.keepalive_expiry) == (100, 20, 30)
    assert breaker is not None
    assert (breaker.failures, breaker.window, breaker.open_for) == (5, 60, 30)
    assert options.guard == Guard((), False, frozenset({80, 443, 8080, 8443}))
