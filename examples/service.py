"""A service that gives away the key it was called with. The function that secrets.yaml calls."""


def call(url: str, authorization: str) -> dict:
    """Stand in for a request; print and return the header, which nobody should do."""
    print(f"calling {url} with {authorization}")
    return {"characters": len(authorization), "echo": authorization}
