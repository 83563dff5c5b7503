"""The command that the CLI suggests: right for a shell, without a secret in it."""

import pytest

from harmonia_api.cli.hints import recover_command, without_password


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///a b.db", "sqlite:///a b.db"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("postgresql://me:s3cret@host:5432/db?sslmode=require", "postgresql://me:***@host:5432/db?sslmode=require"),
        ("postgresql://me:p%40ss@[::1]/db", "postgresql://me:***@[::1]/db"),
        ("postgresql://:only@host/db", "postgresql://:***@host/db"),
        ("postgresql:///db?user=me&password=s%26x&sslpassword=y", "postgresql:///db?user=me&password=***&sslpassword=***"),
        ("postgresql://[broken", "postgresql://[broken"),
    ],
)  # fmt: skip
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_the_command_can_be_pasted() -> None:
    assert recover_command(None) == "harmonia recover"
    command = recover_command("sqlite:///a b.db", ["/x y", "z"])
    assert command == "harmonia recover --db 'sqlite:///a b.db' --modules '/x y' --modules z"
