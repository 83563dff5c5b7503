"""Deleting a head deletes everything that is kept for its execution: a trigger."""

from harmonia_sql.pruning_texts import OWN
from harmonia_sql.tables import blob_reference


def cascade() -> str:
    """Return a trigger of the writing connection's own: one statement instead of ten.

    After each statement the writer's thread has to wait for the interpreter, with the
    database locked; a busy event loop lets it wait for milliseconds.
    """
    gone = " ".join(
        f"DELETE FROM {table.name} WHERE execution_id = OLD.execution_id;" for table in (*OWN, blob_reference)
    )
    noted = "SELECT 1 FROM pruning WHERE kind = 'execution' AND id = OLD.execution_id"
    return (
        "CREATE TEMP TRIGGER execution_gone AFTER DELETE ON main.execution "
        f"WHEN NOT EXISTS ({noted}) BEGIN {gone} END"
    )
