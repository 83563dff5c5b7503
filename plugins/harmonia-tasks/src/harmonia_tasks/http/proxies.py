"""URLs of proxies as settings give them: judged when settings are read, their credentials known."""

from base64 import b64encode
from urllib.parse import quote

from pydantic import SecretStr

FROM_ENVIRONMENT = "environment"
"""Stands for a URL: the variables HTTPS_PROXY and its kin say which proxy is used."""


def checked(held: SecretStr | None) -> SecretStr | None:
    """Return a proxy as it came; raise ValueError, without the URL, for what is none."""
    from harmonia_net import ProxyFailed

    try:
        secrets(held)
    except ProxyFailed as error:
        raise ValueError(str(error)) from None
    return held


def secrets(held: SecretStr | None) -> tuple[str, ...]:
    """Return what must not be seen of a proxy's URL: its password, as it is and as it is sent."""
    from harmonia_net import parse_proxy

    url = held.get_secret_value() if held else FROM_ENVIRONMENT
    named = None if url == FROM_ENVIRONMENT else parse_proxy(url).credentials
    if named is None or not named[1]:
        return ()
    password = named[1]
    return password, quote(password, safe=""), b64encode(":".join(named).encode()).decode()
