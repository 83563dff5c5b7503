"""Trust by source, redirects, and what the guard says; the texts of addresses stand in test_addresses."""

import pytest

from harmonia_net import AddressRefused, Guard, Reach, SettingNames

TRUST = [
    # entry, URL, trusted
    ("db", "http://db:5432/", True),
    ("db", "http://db/", True),
    ("DB.", "http://db/", True),
    ("db", "http://db.example/", False),
    ("db:5432", "http://db:5432/", True),
    ("db:5432", "http://db/", False),
    ("*.corp.example", "http://a.corp.example:9/", True),
    ("*.corp.example", "http://a.b.corp.example/", True),
    ("*.corp.example", "http://corp.example/", False),
    ("*.corp.example", "http://evilcorp.example/", False),
    ("https://api.corp.example", "https://api.corp.example/", True),
    ("https://api.corp.example", "http://api.corp.example/", False),
    ("https://api.corp.example", "https://api.corp.example:8443/", False),
    ("https://api.corp.example:9000", "https://api.corp.example:9000/", True),
    ("http://api.corp.example/", "http://api.corp.example/", True),
    ("bücher.example", "http://xn--bcher-kva.example/", True),
    ("10.0.0.5", "http://10.0.0.5:9000/", True),
    ("10.0.0.5", "http://10.0.0.6/", False),
    ("10.0.0.5:9000", "http://10.0.0.5:9000/", True),
    ("10.0.0.5:9000", "http://10.0.0.5/", False),
    ("10.0.0.0/8", "http://10.9.9.9:1/", True),
    ("10.0.0.0/8", "http://11.0.0.1:1/", False),
    ("10.0.0.0/8", "http://[::ffff:10.0.0.1]/", False),
    ("fd00::/8", "http://[fd00::1]:9/", True),
    ("::1", "http://[::1]:9/", True),
    ("[::1]:9", "http://[::1]:9/", True),
    ("[::1]:9", "http://[::1]:10/", False),
    ("localhost", "http://localhost:9/", True),
    ("localhost", "http://127.0.0.1/", False),
    ("metadata.google.internal", "http://metadata.google.internal/", True),
]
NOT_TRUST = [
    "",
    "*",
    "*.",
    "a b",
    "http://",
    "ftp://a",
    "a:0",
    "a:99999",
    "10.0.0.1/8",
    "*.10.0.0.1",
    "a/b",
    "0x7f.1",
]


def is_trusted(guard: Guard, url: str) -> bool:
    try:
        return guard.check_url(url).reach is Reach.TRUSTED
    except AddressRefused:
        return False


@pytest.mark.parametrize(("entry", "url", "trusted"), TRUST)
def test_trust_covers_what_it_names(entry: str, url: str, trusted: bool) -> None:
    assert is_trusted(Guard((entry,)), url) is trusted


def test_all_faulty_entries_are_named() -> None:
    with pytest.raises(ValueError) as caught:
        Guard(("good.example", *NOT_TRUST))
    assert [entry for entry in NOT_TRUST if repr(entry) not in str(caught.value)] == []
    assert "'good.example'" not in str(caught.value)


@pytest.mark.parametrize("entry", ["http://user@db/", "http://db\\@x/", "file:///etc"])
def test_trust_does_not_lift_the_rules_of_form(entry: str) -> None:
    with pytest.raises(AddressRefused):
        Guard(("db", "x")).check_url(entry, trusted=True)


def test_a_url_from_settings_may_point_anywhere() -> None:
    target = Guard().check_url("http://10.0.0.1:6379/", trusted=True)
    assert target.reach is Reach.TRUSTED
    Guard().check_address("10.0.0.1", 6379, "10.0.0.1", target.reach)


LOOPBACK = [
    "http://localhost:1/",
    "http://127.0.0.1:9/",
    "http://[::1]:9/",
    "http://127.9.9.9/",
    "http://a.localhost/",
]


@pytest.mark.parametrize("url", LOOPBACK)
def test_loopback_is_allowed_only_if_settings_say_so(url: str) -> None:
    assert Guard(allow_loopback=True).check_url(url).reach is Reach.LOOPBACK
    with pytest.raises(AddressRefused) as caught:
        Guard().check_url(url)
    assert caught.value.rule == "loopback"
    assert "allow_loopback" in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://[::ffff:127.0.0.1]/", "http://0.0.0.0/", "http://2130706433/", "http://0x7f.1/"]
)
def test_allowing_loopback_allows_no_disguise_of_it(url: str) -> None:
    with pytest.raises(AddressRefused):
        Guard(allow_loopback=True).check_url(url)


def test_a_name_that_only_resolves_to_loopback_stays_refused() -> None:
    guard = Guard(allow_loopback=True)
    target = guard.check_url("http://rebind.example/")
    with pytest.raises(AddressRefused):
        guard.check_address(target.host, target.port, "127.0.0.1", target.reach)


def test_localhost_may_not_lead_into_the_network() -> None:
    guard = Guard(allow_loopback=True)
    target = guard.check_url("http://localhost:9/")
    guard.check_address("localhost", 9, "127.0.0.1", target.reach)
    with pytest.raises(AddressRefused):
        guard.check_address("localhost", 9, "10.0.0.1", target.reach)


@pytest.mark.parametrize(
    ("host", "ip", "rule"),
    [
        ("a.example", "10.0.0.1", "private"),
        ("a.example", "169.254.169.254", "metadata"),
        ("a.example", "168.63.129.16", "metadata"),
        ("a.example", "127.0.0.1", "loopback"),
        ("a.example", "::1", "loopback"),
        ("a.example", "::ffff:10.0.0.1", "mapped"),
        ("a.example", "fe80::1%eth0", "host-form"),
        ("a.example", "64:ff9b::a00:1", "private"),
        ("a.example", "nonsense", "host-form"),
    ],
)
def test_addresses_of_names_are_judged(host: str, ip: str, rule: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        Guard().check_address(host, 80, ip)
    assert caught.value.rule == rule
    assert caught.value.host == host


def test_dns64_answers_are_judged_by_what_they_carry() -> None:
    Guard().check_address("a.example", 80, "64:ff9b::808:808")


def test_ports_are_judged_with_the_address_too() -> None:
    with pytest.raises(AddressRefused) as caught:
        Guard().check_address("a.example", 6379, "8.8.8.8")
    assert caught.value.rule == "port"
    Guard(ports=frozenset({6379})).check_address("a.example", 6379, "8.8.8.8")


def test_a_name_may_resolve_into_a_trusted_range() -> None:
    guard = Guard(("10.1.0.0/16",))
    target = guard.check_url("http://a.example/")
    guard.check_address("a.example", 80, "10.1.2.3", target.reach)
    with pytest.raises(AddressRefused):
        guard.check_address("a.example", 80, "10.2.0.1", target.reach)


LEADS = [
    # from, to, the reach of the second or the rule that refuses it
    ("https://public.example/a", "https://public.example/b", "listed"),
    ("https://public.example/", "https://other.example/", "public"),
    ("https://public.example/", "http://localhost/", "loopback!"),
    ("https://public.example/", "http://127.0.0.1:8007/", "loopback!"),
    ("https://public.example/", "http://inner.corp:9000/", "port!"),
    ("https://public.example/", "http://inner.corp/", "public"),
    ("https://public.example/", "http://10.1.0.1/", "private!"),
    ("http://inner.corp/", "http://inner.corp/login", "trusted"),
    ("http://inner.corp/", "http://other.corp:99/", "trusted"),
    ("http://inner.corp/", "https://public.example/", "listed"),
    ("http://localhost:1/", "http://localhost:2/", "loopback"),
    ("http://localhost:1/", "http://10.2.0.1/", "private!"),
]


@pytest.mark.parametrize(("start", "end", "outcome"), LEADS)
def test_trust_never_grows_on_a_redirect(start: str, end: str, outcome: str) -> None:
    guard = Guard(("*.corp", "10.1.0.0/16"), allow_loopback=True)
    first = guard.check_url(start)
    if not outcome.endswith("!"):
        assert guard.check_url(end, after=first).reach == outcome
        return
    with pytest.raises(AddressRefused) as caught:
        guard.check_url(end, after=first)
    assert caught.value.rule == outcome.removesuffix("!")


def test_after_a_redirect_trusted_ranges_do_not_count() -> None:
    guard = Guard(("10.1.0.0/16",))
    hop = guard.check_url("http://b.example/", after=guard.check_url("http://a.example/"))
    with pytest.raises(AddressRefused):
        guard.check_address("b.example", 80, "10.1.2.3", hop.reach)


def test_a_trusted_request_is_trusted_for_its_own_origin_only() -> None:
    first = Guard().check_url("http://10.0.0.1/", trusted=True)
    assert Guard().check_url("http://10.0.0.1/b", after=first).reach is Reach.TRUSTED
    with pytest.raises(AddressRefused):
        Guard().check_url("http://10.0.0.2/", after=first)


def test_messages_name_rule_host_and_setting_and_nothing_secret() -> None:
    guard = Guard(names=SettingNames("HTTP_TRUSTED", "HTTP_LOOPBACK", "HTTP_PORTS"))
    cases = {
        "http://10.0.0.1/s3cret?token=s3cret": "HTTP_TRUSTED",
        "http://localhost/s3cret": "HTTP_LOOPBACK",
        "http://example.com:22/s3cret": "HTTP_PORTS",
        "http://u:s3cret@example.com/": "credentials",
        "http://exa mple.com/?s3cret": "host-form",
    }
    for url, expected in cases.items():
        with pytest.raises(AddressRefused) as caught:
            guard.check_url(url)
        assert expected in str(caught.value)
        assert "s3cret" not in f"{caught.value}{caught.value.details()}"
