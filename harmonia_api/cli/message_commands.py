"""The commands that speak to executions. What they do is imported when one is called."""

from typing import Annotated

import typer

from harmonia_api.cli.options import Db, Execution, Json, Verbose
from harmonia_api.cli.reporting import command

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the message.")]
Data = Annotated[str | None, typer.Option("--data", metavar="JSON", help="What it carries.")]
Correlation = Annotated[
    str | None,
    typer.Option("--correlation", metavar="X", help="What it is about: JSON, or else a text."),
]
MessageId = Annotated[
    str | None, typer.Option("--id", metavar="X", help="Two messages of the same id count once.")
]
Ttl = Annotated[
    str | None, typer.Option("--ttl", metavar="D", help="Keep it so long: seconds, or ISO 8601 such as PT1H.")
]


def signal(
    execution: Execution,
    name: Name,
    data: Data = None,
    correlation: Correlation = None,
    id: MessageId = None,
    ttl: Ttl = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Send a message to an execution, whichever process runs it, if any; it is kept until it is taken."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.messages import letter, signal_one

        finish(signal_one(execution, name, letter(data, correlation, id, ttl), db, json))


def publish(
    name: Name,
    data: Data = None,
    correlation: Correlation = None,
    id: MessageId = None,
    ttl: Ttl = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Publish a message for one execution that waits for it, now or within its time to live (a day)."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.messages import letter, publish_one

        finish(publish_one(name, letter(data, correlation, id, ttl), db, json))


def approve(
    execution: Execution,
    path: Annotated[str, typer.Argument(metavar="PATH", help="The task that waits for an approval.")],
    reject: Annotated[bool, typer.Option("--reject", help="Reject instead.")] = False,
    data: Annotated[
        str | None, typer.Option("--data", metavar="JSON", help="What the form asks for.")
    ] = None,
    comment: Annotated[
        str | None, typer.Option("--comment", metavar="TEXT", help="Recorded with the decision.")
    ] = None,
    who: Annotated[
        str | None,
        typer.Option("--as", metavar="WHO", help="Decide as this person; default: your user name."),
    ] = None,
    delegate_to: Annotated[
        str | None,
        typer.Option("--delegate-to", metavar="WHO", help="Decide nothing, and let this person decide, too."),
    ] = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Decide on what waits for an approval, whichever process runs the execution, if any."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.messages import decide_one, delegate_one

        if delegate_to is not None:
            finish(delegate_one(execution, path, delegate_to, who, db, json))
        else:
            decision = "rejected" if reject else "approved"
            finish(decide_one(execution, path, decision, data, comment, who, db, json))
