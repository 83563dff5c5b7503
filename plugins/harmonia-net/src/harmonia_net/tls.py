"""How servers are verified: by the system's authorities, which its administrators keep.

Where a system has none (slim images, some macOS installations), those of certifi take their place.
"""

import os
import ssl

from harmonia_net.errors import TlsFailed
from harmonia_net.options import TlsOptions
from harmonia_net.targets import Reach

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def tls_context(options: TlsOptions, reach: Reach) -> ssl.SSLContext:
    """Return the context for a reach; raises TlsFailed if a file or a version cannot be used.

    Only for trusted origins: a server that is not verified, and our own certificate.
    """
    try:
        context = ssl.create_default_context(cafile=None if _system_has_authorities() else _certifi())
        if options.ca_file is not None:
            context.load_verify_locations(cafile=options.ca_file)
        context.minimum_version = _VERSIONS[options.min_version]
        if reach is Reach.TRUSTED:
            _apply_trust(context, options)
    except KeyError:
        raise TlsFailed(f"TLS {options.min_version!r} is not known; known: 1.2, 1.3.") from None
    except (OSError, ssl.SSLError) as error:
        raise TlsFailed(f"A file of the TLS settings cannot be used: {error}.") from error
    return context


def _apply_trust(context: ssl.SSLContext, options: TlsOptions) -> None:
    if options.client_cert is not None:
        context.load_cert_chain(options.client_cert, options.client_key)
    if not options.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE


def _system_has_authorities() -> bool:
    """Tell whether OpenSSL's own places (SSL_CERT_FILE and SSL_CERT_DIR move them) hold anything."""
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile) or bool(paths.capath and os.listdir(paths.capath))


def _certifi() -> str:
    import certifi

    return certifi.where()
