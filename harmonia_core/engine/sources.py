"""What a map's items come from when they come page by page: `pages`, or a file. Pure."""

from harmonia_core.model.task_spec import TaskSpec

MAP, PAGES, READ = "map", "pages", "read"
FILE = "file"
_PAGE = dict(TaskSpec.model_validate({"id": "page", "type": READ}))


def comes_in_pages(task: TaskSpec) -> bool:
    """Tell whether a map's items are read page by page."""
    return task.type == MAP and (task.pages is not None or _names_a_file(task))


def paged(task: TaskSpec) -> TaskSpec:
    """Return the task that a map over pages stands for; a file is read by a task of type `read`."""
    if not _names_a_file(task):
        return task.model_copy(update={"type": PAGES})
    assert isinstance(task.input, dict)
    given = {**task.input, "cursor": "${cursor}"}
    # With an id of its own it is told apart from a page source that the author wrote.
    source = TaskSpec.model_construct(**{**_PAGE, "input": given})
    return task.model_copy(update={"type": PAGES, "input": {}, PAGES: source})


def _names_a_file(task: TaskSpec) -> bool:
    return task.pages is None and isinstance(task.input, dict) and FILE in task.input
