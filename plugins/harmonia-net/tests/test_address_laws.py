"""Laws of the guard: whatever an address is, and however it is written."""

import ipaddress
from urllib.parse import urlsplit

import httpx
from hypothesis import assume, given
from hypothesis import strategies as st

from harmonia_net import AddressRefused, Guard, Reach
from harmonia_net.addresses import refused_by

IPS = st.ip_addresses()


def texts(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> list[str]:
    """Return the forms in which an address may be written as a host, canonical ones among them."""
    number = int(address)
    if isinstance(address, ipaddress.IPv6Address):
        quad = ipaddress.IPv4Address(number & 0xFFFFFFFF)
        head = address.exploded.rpartition(":")[0].rpartition(":")[0]
        return [f"[{text}]" for text in (address.compressed, address.exploded, f"{head}:{quad}")]
    octets = address.packed
    return [
        str(address),
        *(str(number), hex(number), f"0{number:o}"),
        ".".join(hex(octet) for octet in octets),
        ".".join(f"0{octet:o}" for octet in octets),
        f"{octets[0]}.{number & 0xFFFFFF}",
        f"{octets[0]}.{octets[1]}.{number & 0xFFFF}",
        *(
            f"[::ffff:{address}]",
            f"[::{address}]",
            f"[2002:{octets[0]:02x}{octets[1]:02x}:{number & 0xFFFF:x}::]",
        ),
        str(address).translate({ord("0") + n: ord("０") + n for n in range(10)}),
        f"{address}.",
    ]


@given(IPS, st.data())
def test_no_form_of_an_address_passes_unless_it_is_global(address, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(texts(address)))
    try:
        target = Guard().check_url(f"http://{text}/")
    except AddressRefused:
        return
    assert target.literal is not None
    assert target.literal == address
    assert address.is_global and not address.is_multicast and not address.is_reserved
    assert not address.is_private and not address.is_loopback and not address.is_link_local


@given(st.ip_addresses(v=4), st.sampled_from(["64:ff9b::", "::ffff:", "::", "2606:4700::5efe:"]))
def test_what_carries_an_inner_address_is_no_better_than_it(inner, prefix: str) -> None:
    assume(refused_by(inner) is not None)
    assert refused_by(ipaddress.ip_address(f"{prefix}{inner}")) is not None


@given(IPS)
def test_a_public_name_reaches_global_addresses_only(address) -> None:
    try:
        Guard().check_address("a.example", 80, str(address), Reach.PUBLIC)
    except AddressRefused:
        return
    assert address.is_global


@given(
    st.text(max_size=40),
    st.sampled_from(["", "http://", "https://", "http://a.example@", "http://[", "http:\\\\"]),
)
def test_any_text_is_refused_or_read_in_one_way(text: str, head: str) -> None:
    try:
        target = Guard().check_url(head + text)
    except AddressRefused:
        return
    split = urlsplit(target.url)
    assert (split.scheme, split.hostname, split.username) == (target.scheme, target.host, None)
    assert httpx.URL(target.url).raw_host.decode() == target.host
