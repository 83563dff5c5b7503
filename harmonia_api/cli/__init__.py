"""The command line `harmonia`. Nothing is imported before it is needed: `main` is the door."""


def main() -> None:
    """Run the command that this process was started with, and end the process with its exit code."""
    from harmonia_api.cli.process import run_process

    run_process()
