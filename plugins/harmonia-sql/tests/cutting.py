"""Connections that are cut around a commit."""

import pytest

# What happens to the request that holds the COMMIT: the server never sees it, or it does and nobody hears.
fates = pytest.mark.parametrize("fate", ["refuse", "lose", "vanish"])


def cut_the_next_commit(proxy, backend, fate):
    """Cut the connection of the next request of the writer that ends a transaction."""
    wire = backend._opened.writer.connection._wire
    name = wire._names["COMMIT"][0]
    proxy.once(b"\0" + name + b"\0", fate)
