"""`python` in thread mode and at compile time."""

import os
import threading
from contextvars import ContextVar
from typing import Any

import anyio
import pytest
import sample_calls

from harmonia_core import TaskError
from harmonia_tasks.python import PythonInput, python_type
from harmonia_tasks.settings import TasksSettings

PYTHON = python_type(TasksSettings(python_modules=("sample_calls", "test_support")))
WHERE: ContextVar[str] = ContextVar("WHERE", default="nowhere")


async def call(ctx: Any, name: str, **args: Any) -> Any:
    return await PYTHON(ctx, PythonInput(callable=f"sample_calls:{name}", args=args))


async def failure(ctx: Any, name: str, **args: Any) -> TaskError:
    with pytest.raises(TaskError) as caught:
        await call(ctx, name, **args)
    return caught.value


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["add", "add_async"])
async def test_a_function_gets_its_keyword_arguments(ctx: Any, name: str) -> None:
    assert await call(ctx, name, a=2, b=3) == 5


@pytest.mark.anyio
async def test_a_plain_function_that_returns_an_awaitable_is_awaited(ctx: Any) -> None:
    assert await call(ctx, "hidden_async", a=2) == 2


@pytest.mark.anyio
async def test_the_context_is_handed_over_on_request(ctx: Any) -> None:
    assert await call(ctx, "with_context", text="hello") == "task"
    assert ctx.lines == [("info", "hello")]


@pytest.mark.anyio
async def test_a_plain_function_runs_in_a_thread_with_the_context_variables(
    ctx: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def where() -> list[Any]:
        return [WHERE.get(), threading.get_ident()]

    monkeypatch.setattr(sample_calls, "where", where, raising=False)
    monkeypatch.setattr(where, "__module__", "sample_calls")
    token = WHERE.set("here")
    try:
        place, thread = await call(ctx, "where")
    finally:
        WHERE.reset(token)
    assert place == "here"
    assert thread != threading.get_ident()


@pytest.mark.anyio
async def test_an_exception_of_the_function_comes_out_as_it_is(ctx: Any) -> None:
    with pytest.raises(ValueError, match="no good"):
        await call(ctx, "fail_with_value")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "kind"), [("exit_politely", "SystemExit"), ("raise_group", "BaseExceptionGroup")]
)
async def test_what_would_end_the_loop_ends_only_the_task(ctx: Any, name: str, kind: str) -> None:
    with pytest.raises(Exception, match="the function raised it") as caught:
        await call(ctx, name)
    assert type(caught.value).__name__ == kind
    assert type(caught.value.__cause__).__name__ == kind


@pytest.mark.anyio
@pytest.mark.parametrize("args", [{}, {"a": 1, "c": 2}])
async def test_wrong_arguments_are_an_invalid_input(ctx: Any, args: dict[str, int]) -> None:
    error = await failure(ctx, "add", **args)
    assert (error.error_code, error.category, error.retryable) == ("input-invalid", "validation", False)


@pytest.mark.anyio
async def test_the_allow_list_holds_at_run_time(ctx: Any) -> None:
    with pytest.raises(TaskError) as caught:
        await PYTHON(ctx, PythonInput(callable="os:getpid", mode="thread"))
    assert caught.value.error_code == "module-not-allowed"


@pytest.mark.anyio
async def test_a_cancelled_call_waits_for_its_thread_to_clean_up(
    ctx: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the grace of the engine, which then lets go of the whole attempt."""
    begun, release, clean = threading.Event(), threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        release.wait(30)
        clean.set()

    async def go_on() -> None:
        await anyio.wait_all_tasks_blocked()
        waited.append(not ended.is_set())
        release.set()

    waited, ended = list[bool](), anyio.Event()
    monkeypatch.setattr(sample_calls, "hang", hang, raising=False)
    monkeypatch.setattr(hang, "__module__", "sample_calls")
    async with anyio.create_task_group() as outer:
        async with anyio.create_task_group() as group:
            group.start_soon(call, ctx, "hang")
            assert await anyio.to_thread.run_sync(begun.wait, 10)
            outer.start_soon(go_on)
            group.cancel_scope.cancel()
        ended.set()
        assert clean.is_set()
    assert waited == [True]


@pytest.mark.parametrize(
    ("constants", "codes"),
    [
        ({"callable": "sample_calls:add"}, []),
        ({"callable": "os:system"}, ["module-not-allowed"]),
        ({"callable": "os.system"}, ["callable-invalid"]),
        ({}, []),
        ({"callable": None}, []),
    ],
)
def test_a_constant_callable_is_checked_at_compile_time(constants: dict[str, Any], codes: list[str]) -> None:
    assert PYTHON.check is not None
    problems = list(PYTHON.check(constants))
    assert [getattr(problem, "code", problem) for problem in problems] == codes


def test_two_engines_keep_their_own_allow_lists() -> None:
    import harmonia_tasks

    harmonia_tasks.harmonia_configure(TasksSettings(python_modules=("first",)))
    first = {type_.name: type_ for type_ in harmonia_tasks.harmonia_task_types()}
    harmonia_tasks.harmonia_configure(TasksSettings(python_modules=("second",)))
    second = {type_.name: type_ for type_ in harmonia_tasks.harmonia_task_types()}
    assert set(first) == {"http", "python", "read", "render", "shell", "transform"}
    for types, name, other in ((first, "first", "second"), (second, "second", "first")):
        check = types["python"].check
        assert check is not None
        assert not list(check({"callable": f"{name}:f"}))
        assert list(check({"callable": f"{other}:f"}))


def test_importing_the_plugin_does_not_import_what_it_may_not_need() -> None:
    import subprocess
    import sys

    code = """if True:
        import harmonia_tasks.child, sys
        print([name for name in ("pydantic", "jinja2", "anyio") if name in sys.modules])
    """
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert found.stdout.strip() == "[]"
