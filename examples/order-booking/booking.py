"""What a booking does at each of its three services, and what undoes it."""


class NoCarrier(Exception):
    """No carrier takes the parcel."""


def reserve(order: str) -> dict[str, str]:
    """Set goods aside."""
    print(f"reserved for {order}")
    return {"reservation": f"R-{order}"}


def release(reservation: str) -> None:
    """Put goods back."""
    print(f"released {reservation}")


def charge(order: str, amount: int) -> dict[str, object]:
    """Take the money."""
    print(f"charged {amount} for {order}")
    return {"payment": f"P-{order}", "amount": amount}


def refund(payment: str, amount: int) -> None:
    """Give the money back."""
    print(f"refunded {amount} of {payment}")


def ship(reservation: str, carrier: str) -> dict[str, str]:
    """Hand the goods over to the carrier."""
    if carrier == "nobody":
        raise NoCarrier(f"nobody comes for {reservation}")
    return {"shipment": f"S-{reservation}"}
