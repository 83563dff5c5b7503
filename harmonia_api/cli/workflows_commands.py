"""`harmonia workflows …`: the commands about definitions under names, and their options."""

from typing import Annotated, Literal

import typer

from harmonia_api.cli.options import Db, Definition, Json, Verbose
from harmonia_api.cli.reporting import command

workflows = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Publish definitions under names and versions, look at them, compare them.",
)
draft = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Work on the one draft that a name may have."
)
workflows.add_typer(draft, name="draft")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The workflow.")]
Reference = Annotated[
    str,
    typer.Argument(
        metavar="NAME[@VERSION]", help="A version: order@1.4.0, order@^1.4, order@1; or the latest."
    ),
]
Marked = Annotated[
    str, typer.Argument(metavar="NAME[@VERSION]", help="A whole name, or one version of it (order@1.4.0).")
]
Bump = Annotated[
    Literal["auto", "major", "minor", "patch"] | None,
    typer.Option("--bump", help="Take the version behind the newest one; `auto`: by what changed since."),
]
Labels = Annotated[
    list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="A label of the version; repeatable.")
]
Revision = Annotated[
    int | None,
    typer.Option(
        "--if-revision", min=0, metavar="N", help="Only if the draft stands at this revision; 0: none."
    ),
]


@workflows.command("publish")
def publish(
    file: Definition, bump: Bump = None, label: Labels = None, db: Db = None, json: Json = False,
    verbose: Verbose = 0,
) -> None:  # fmt: skip
    """Publish a definition under its name; the same content again changes nothing.

    Exit codes: 0 published or there already, 2 invalid or another content has the version, 4 store.
    """
    with command(json, verbose) as finish:
        from harmonia_api.cli.workflows_publish import publish_file

        finish(publish_file(file, bump, label or [], db, json))


@workflows.command("list")
def list_workflows(
    archived: Annotated[bool, typer.Option("--archived", help="Those that are archived, too.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")] = 100,
    cursor: Annotated[str | None, typer.Option("--cursor", help="Go on where a listing ended.")] = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """List the names, each with its latest version."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.workflows import list_names

        finish(list_names(archived, limit, cursor, db, json))


@workflows.command("show")
def show(reference: Reference, db: Db = None, json: Json = False, verbose: Verbose = 0) -> None:
    """Show one version: where it comes from, what runs on others, and its definition."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.workflows import show_version

        finish(show_version(reference, db, json))


@workflows.command("versions")
def versions(name: Name, db: Db = None, json: Json = False, verbose: Verbose = 0) -> None:
    """List the versions of a name, the newest first, with what made each of them."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.workflows import list_versions

        finish(list_versions(name, db, json))


@workflows.command("diff")
def diff(
    old: Reference,
    new: Annotated[
        str | None, typer.Argument(metavar="[NAME[@VERSION]]", help="The other one; default: the latest.")
    ] = None,
    context: Annotated[int, typer.Option("--context", "-U", min=0, help="Lines around a difference.")] = 3,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Compare two versions: as text, by what it means for users, and for executions that run."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.workflows_diff import print_diff

        finish(print_diff(old, new, context, db, json))


@workflows.command("archive")
def archive(
    reference: Marked,
    undo: Annotated[bool, typer.Option("--undo", help="Bring it back.")] = False,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Let a version, or a name, be found no more unless a version is named whole; nothing is deleted."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.workflows import archive_one

        finish(archive_one(reference, undo, db, json))


@workflows.command("label")
def label(
    reference: Marked,
    labels: Annotated[list[str], typer.Argument(metavar="KEY=VALUE|KEY-...", help="`KEY-` takes one away.")],
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Set or take away labels of a name, or of one of its versions."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.workflows import label_one

        finish(label_one(reference, labels, db, json))


@draft.command("save")
def save_draft(
    file: Definition, if_revision: Revision = None, db: Db = None, json: Json = False, verbose: Verbose = 0
) -> None:
    """Keep a definition as the draft of its name; it need not be right yet."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.workflows_draft import save

        finish(save(file, if_revision, db, json))


@draft.command("show")
def show_draft(name: Name, db: Db = None, json: Json = False, verbose: Verbose = 0) -> None:
    """Print the draft of a name."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.workflows_draft import show as show_one

        finish(show_one(name, db, json))


@draft.command("list")
def list_drafts(db: Db = None, json: Json = False, verbose: Verbose = 0) -> None:
    """List all drafts."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.workflows_draft import list_all

        finish(list_all(db, json))


@draft.command("publish")
def publish_draft(
    name: Name, bump: Bump = None, label: Labels = None, if_revision: Revision = None, db: Db = None,
    json: Json = False, verbose: Verbose = 0,
) -> None:  # fmt: skip
    """Publish the draft of a name, as `workflows publish` does a file; the draft is gone then."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.workflows_publish import publish_draft as publish_one

        finish(publish_one(name, bump, label or [], if_revision, db, json))


@draft.command("drop")
def drop_draft(
    name: Name, if_revision: Revision = None, db: Db = None, json: Json = False, verbose: Verbose = 0
) -> None:
    """Take the draft of a name away."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.workflows_draft import drop

        finish(drop(name, if_revision, db, json))
