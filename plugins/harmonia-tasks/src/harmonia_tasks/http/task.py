"""The task type `http`, bound to the settings of one engine."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from harmonia_core import Problem, TaskContext, TaskType, task_type
from harmonia_tasks.http.models import HttpInput, HttpOutput
from harmonia_tasks.settings import TasksSettings

if TYPE_CHECKING:
    from harmonia_tasks.http.outbound import Outbound


def http_type(settings: TasksSettings) -> TaskType:
    """Return the task type; what it needs beyond its models is imported with the first use."""

    @cache
    def outbound() -> "Outbound":
        from harmonia_tasks.http.outbound import Outbound

        return Outbound(settings)

    def check(constants: Mapping[str, Any]) -> Iterator[Problem]:
        from harmonia_tasks.http.check import problems

        return problems(settings.connections, outbound().judge, constants)

    @task_type("http", input=HttpInput, output=HttpOutput, check=check)
    async def http(ctx: TaskContext, input: HttpInput) -> HttpOutput:
        """Send a request to a service, or one per page; returns status, headers and body."""
        from harmonia_tasks.http.exchange import Exchange
        from harmonia_tasks.http.pages import all_pages

        exchange = Exchange(ctx, input, outbound())
        return await (all_pages(exchange, input.paginate) if input.paginate else exchange.one())

    return http
