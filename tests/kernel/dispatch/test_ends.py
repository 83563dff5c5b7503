"""Every way in which a task's function can end becomes one outcome, and the engine lives."""

import contextvars
import datetime
import json
import threading
from typing import Any

import anyio
import pytest
from pydantic import BaseModel, field_validator

from harmonia_core.contracts.task_type import TaskType, task_type
from harmonia_core.errors import PermanentError, RetryableError, TaskError

pytestmark = pytest.mark.anyio


class Point(BaseModel):
    x: int
    y: int = 2


async def test_an_async_function_succeeds_with_a_detached_output(bench: Any) -> None:
    kept: list[Any] = [1]

    async def task(ctx: Any, input: Any) -> Any:
        return {"kept": kept, "pair": (1, 2), "input": input}

    async with bench() as b:
        outcome = await b.run(task, {"n": 1})
    kept.append(2)
    assert outcome.kind == "succeeded"
    assert outcome.output == {"kept": [1], "pair": [1, 2], "input": {"n": 1}}
    assert json.loads(outcome.encoded) == outcome.output


async def test_a_plain_function_runs_in_a_thread_and_keeps_the_loop_free(bench: Any) -> None:
    inside = threading.Event()
    release = threading.Event()

    def task(ctx: Any, input: Any) -> Any:
        inside.set()
        assert release.wait(5)
        return threading.get_ident()

    async with bench() as b:
        key = b.start(task)
        with anyio.fail_after(5):
            while not inside.is_set():
                await anyio.sleep(0.001)
        release.set()
        outcome = await b.outcome(key)
    assert outcome.output != threading.get_ident()


async def test_the_input_is_detached_from_the_state(bench: Any) -> None:
    state = {"list": [1]}

    async def task(ctx: Any, input: Any) -> None:
        input["list"].append(2)

    async with bench() as b:
        assert (await b.run(task, state)).output is None
    assert state == {"list": [1]}


async def test_models_on_both_sides(bench: Any) -> None:
    @task_type("turn", input=Point, output=Point)
    def turn(ctx: Any, input: Point) -> Point:
        return Point(x=input.y, y=input.x)

    async with bench() as b:
        assert (await b.run(turn, {"x": "1"})).output == {"x": 2, "y": 1}


async def test_an_invalid_input_names_all_problems_and_no_value(bench: Any) -> None:
    class Strict(Point):
        z: int

        @field_validator("y")
        @classmethod
        def odd(cls, value: int) -> int:
            raise ValueError("must be odd")

    called = []

    @task_type("strict", input=Strict)
    def strict(ctx: Any, input: Strict) -> None:
        called.append(input)

    async with bench() as b:
        error = await b.fails(strict, {"x": "TOP SECRET", "y": 4})
    assert (error.code, error.category, error.retryable, called) == ("input-invalid", "validation", False, [])
    assert "x: " in error.message and "y: Value error, must be odd" in error.message
    assert "z: Field required" in error.message and "TOP SECRET" not in str(error)
    assert [one["path"] for one in error.details["problems"]] == ["x", "y", "z"]


async def test_an_invalid_output_is_refused(bench: Any) -> None:
    @task_type("wrong", output=Point)
    async def wrong(ctx: Any, input: Any) -> Any:
        return {"x": "no number"}

    async with bench() as b:
        error = await b.fails(wrong)
    assert (error.code, error.retryable) == ("output-invalid", False)
    assert "x: Input should be a valid integer" in error.message


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"a": [{1, 2}]}, "a[0]: set"),
        ({"when": datetime.datetime(2026, 1, 1)}, "when: datetime"),
        (b"bytes", "the value itself: bytes"),
        ([1.0, float("nan")], "[1]: nan"),
        ({"a": object()}, "a: object"),
        ({1: 2}, "a key must be text"),
        ("\ud800", "surrogate"),
        (10**5000, "4300 digits"),
    ],
    ids=["set", "date", "bytes", "nan", "object", "key", "surrogate", "digits"],
)
@pytest.mark.parametrize("plain", [True, False])
async def test_what_is_not_json_is_refused_with_its_place(
    bench: Any, value: Any, place: str, plain: bool
) -> None:
    def in_thread(ctx: Any, input: Any) -> Any:
        return value

    async def on_loop(ctx: Any, input: Any) -> Any:
        return value

    async with bench() as b:
        error = await b.fails(in_thread if plain else on_loop)
    assert (error.code, error.retryable) == ("output-not-json", False)
    assert place in error.message


async def test_a_plain_function_that_returns_a_coroutine_is_told_so(bench: Any) -> None:
    async def inner() -> None: ...

    def task(ctx: Any, input: Any) -> Any:
        return inner()

    async with bench() as b:
        assert "coroutine is not JSON" in (await b.fails(task)).message


@pytest.mark.parametrize("plain", [True, False])
async def test_an_output_over_the_limit_is_refused(bench: Any, plain: bool) -> None:
    def in_thread(ctx: Any, input: Any) -> Any:
        return {"big": "x" * 100_000_000}

    async def on_loop(ctx: Any, input: Any) -> Any:
        return {"big": "x" * 100_000_000}

    async with bench() as b:
        error = await b.fails(in_thread if plain else on_loop)
    assert (error.code, error.retryable) == ("output-too-large", False)
    assert "artifact" in error.message


async def test_a_large_output_within_the_limit_leaves_the_loop_for_encoding(bench: Any) -> None:
    async def task(ctx: Any, input: Any) -> Any:
        return list(range(100_000))

    async with bench() as b:
        assert (await b.run(task)).output == list(range(100_000))


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class Unpicklable(Exception):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.lock = threading.Lock()


class Forgetful(TaskError):
    def __init__(self) -> None:  # does not call its parent
        pass


RAISED: list[tuple[BaseException, str, str]] = [
    (ValueError("bad"), "ValueError", "bad"),
    (SystemExit(3), "SystemExit", "3"),
    (KeyboardInterrupt(), "KeyboardInterrupt", "KeyboardInterrupt"),
    (GeneratorExit(), "GeneratorExit", "GeneratorExit"),
    (Unprintable(), "Unprintable", "cannot be shown"),
    (Unpicklable("held"), "Unpicklable", "held"),
    (MemoryError(), "MemoryError", "MemoryError"),
    (BaseExceptionGroup("two", [SystemExit(1), ValueError("b")]), "BaseExceptionGroup", "two"),
    (BaseExceptionGroup("one", [SystemExit(1)]), "SystemExit", "1"),
]


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize(("raised", "kind", "message"), RAISED, ids=lambda value: str(type(value).__name__))
async def test_anything_raised_is_a_typed_failure(
    bench: Any, raised: BaseException, kind: str, message: str, plain: bool
) -> None:
    def in_thread(ctx: Any, input: Any) -> Any:
        raise raised

    async def on_loop(ctx: Any, input: Any) -> Any:
        raise raised

    async def good(ctx: Any, input: Any) -> Any:
        return "alive"

    async with bench() as b:
        error = await b.fails(in_thread if plain else on_loop)
        assert (await b.run(good, path="next")).output == "alive"
    assert (error.category, error.code, error.retryable, error.kind) == ("task", "unhandled", True, kind)
    assert message in error.message
    json.dumps(error.as_json())


@pytest.mark.parametrize("plain", [True, False])
async def test_a_stop_iteration_is_a_failure_too(bench: Any, plain: bool) -> None:
    def in_thread(ctx: Any, input: Any) -> Any:
        raise StopIteration("x")

    async def on_loop(ctx: Any, input: Any) -> Any:
        raise StopIteration("x")

    async with bench() as b:
        assert (await b.fails(in_thread if plain else on_loop)).code == "unhandled"


@pytest.mark.parametrize("plain", [True, False])
async def test_a_cancellation_that_the_task_makes_up_is_a_failure(bench: Any, plain: bool) -> None:
    made_up = anyio.get_cancelled_exc_class()

    def in_thread(ctx: Any, input: Any) -> Any:
        raise made_up()

    async def on_loop(ctx: Any, input: Any) -> Any:
        await anyio.sleep(0)
        raise made_up()

    async with bench() as b:
        error = await b.fails(in_thread if plain else on_loop)
    assert (error.category, error.code, error.kind) == ("task", "unhandled", "CancelledError")


async def test_an_own_scope_inside_a_task_works_as_ever(bench: Any) -> None:
    async def task(ctx: Any, input: Any) -> Any:
        with anyio.move_on_after(0.01) as scope:
            await anyio.sleep_forever()
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 0)
        return scope.cancelled_caught

    async with bench() as b:
        assert (await b.run(task)).output is True


async def test_any_other_exception_is_category_task_and_keeps_its_class_name(bench: Any) -> None:
    async def slow(ctx: Any, input: Any) -> None:
        with anyio.fail_after(0):
            await anyio.sleep_forever()

    async def refused(ctx: Any, input: Any) -> None:
        raise ConnectionRefusedError(111, "nobody there")

    async with bench() as b:
        late = await b.fails(slow)
        error = await b.fails(refused, path="u")
    assert (late.category, late.code, late.kind) == ("task", "unhandled", "TimeoutError")
    assert (error.category, error.code, error.kind) == ("task", "unhandled", "ConnectionRefusedError")


async def test_an_authors_error_keeps_its_fields(bench: Any) -> None:
    async def task(ctx: Any, input: Any) -> None:
        raise RetryableError("busy", "rate-limited", "server", retry_after=3, details={"queue": [1]})

    async def final(ctx: Any, input: Any) -> None:
        raise PermanentError("gone", code="no-such-thing", category="client")

    async with bench() as b:
        error = await b.fails(task)
        last = await b.fails(final, path="u")
    assert (error.message, error.code, error.category) == ("busy", "rate-limited", "server")
    assert (error.retryable, error.retry_after, error.details) == (True, 3.0, {"queue": [1]})
    assert (error.kind, error.traceback) == ("RetryableError", None)
    assert (last.code, last.category, last.retryable) == ("no-such-thing", "client", False)


async def test_an_authors_error_with_impossible_fields_is_still_an_error(bench: Any) -> None:
    async def odd(ctx: Any, input: Any) -> None:
        raise TaskError("odd", category="nonsense", retry_after=float("nan"), details={"a": {1}})

    async def forgetful(ctx: Any, input: Any) -> None:
        raise Forgetful

    async with bench() as b:
        error = await b.fails(odd)
        other = await b.fails(forgetful, path="u")
    assert (error.category, error.retry_after) == ("task", None)
    assert "set is not JSON" in error.details["left_out"]
    assert (other.code, other.category, other.kind) == ("task-error", "task", "Forgetful")


async def test_an_authors_error_out_of_a_task_group_is_found(bench: Any) -> None:
    async def child() -> None:
        raise PermanentError("inside", code="inner")

    async def task(ctx: Any, input: Any) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(child)

    async with bench() as b:
        assert (await b.fails(task)).code == "inner"


async def test_traceback_and_cause_are_text_of_the_task_alone(bench: Any) -> None:
    async def task(ctx: Any, input: Any) -> None:
        try:
            int("x")
        except ValueError as error:
            raise RuntimeError("y" * 100_000) from error

    async with bench() as b:
        error = await b.fails(task)
    assert error.traceback is not None and error.cause is not None
    assert len(error.traceback) < 21_000 and len(error.message) < 5_000
    assert 'int("x")' in error.traceback and "stepping.py" not in error.traceback
    assert error.cause.startswith("ValueError: invalid literal")


async def test_a_missing_task_type_and_one_of_the_engine_are_failures(bench: Any) -> None:
    async with bench() as b:
        kernel = TaskType("wait", None, kernel=True)
        assert (await b.fails(kernel)).code == "task-type-missing"

        async def gone(ctx: Any, input: Any) -> None: ...

        key = b.start(gone, path="u")
        b.types.clear()
        error = (await b.outcome(key)).error
    assert error is not None and error.code == "task-type-missing" and not error.retryable


async def test_variables_set_by_a_task_stay_with_it(bench: Any) -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)

    async def task(ctx: Any, input: Any) -> int:
        before = variable.get()
        variable.set(before + 1)
        await anyio.sleep(0)
        assert variable.get() == before + 1
        return before

    def in_thread(ctx: Any, input: Any) -> int:
        variable.set(variable.get() + 1)
        return variable.get()

    async with bench() as b:
        assert [(await b.run(task, path=f"t{n}")).output for n in range(3)] == [0, 0, 0]
        assert (await b.run(in_thread, path="u")).output == 1


async def test_many_attempts_end_each_once(bench: Any) -> None:
    async def quick(ctx: Any, input: Any) -> Any:
        return input["n"]

    async def waiting(ctx: Any, input: Any) -> Any:
        await anyio.sleep(0.001 * (input["n"] % 3))
        return input["n"]

    async with bench() as b:
        keys = [b.start(waiting if n % 2 else quick, {"n": n}, path=f"t[{n}]") for n in range(1000)]
        assert len(b.dispatcher.in_flight("e")) == 1000
        outcomes = [await b.outcome(key) for key in keys]
        assert [one.output for one in outcomes] == list(range(1000))
        assert not b.dispatcher.in_flight("e") and len(b.delivered) == 1000
        assert (await b.run(quick, {"n": -1}, path="again")).output == -1
