"""The author's decorator: what it records, what it refuses."""

import pytest
from pydantic import BaseModel

from harmonia_core.contracts.task_type import TaskType, task_type


class Shout(BaseModel):
    text: str


def test_a_plain_function_becomes_a_task_type_and_stays_callable() -> None:
    @task_type("shout", input=Shout, output=Shout, timeout=3.0)
    def shout(ctx: object, input: Shout) -> Shout:
        """Return the text in upper case."""
        return Shout(text=input.text.upper())

    assert isinstance(shout, TaskType)
    assert (shout.name, shout.is_async, shout.idempotent, shout.timeout) == ("shout", False, True, 3.0)
    assert (shout.input_model, shout.output_model) == (Shout, Shout)
    assert shout.description == "Return the text in upper case."
    assert shout(None, Shout(text="ada")) == Shout(text="ADA")  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_an_async_function_is_known_as_one() -> None:
    @task_type("echo", idempotent=False)
    async def echo(ctx: object, input: dict[str, object]) -> dict[str, object]:
        return input

    assert echo.is_async and not echo.idempotent and echo.input_model is None
    assert await echo(None, {"a": 1}) == {"a": 1}  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "two words", "9lives", "a..b", "x" * 65])
def test_an_impossible_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a task type"):
        task_type(name)(lambda ctx, input: None)


def test_a_function_that_cannot_take_context_and_input_is_refused() -> None:
    with pytest.raises(TypeError, match=r"must take \(ctx, input\)"):
        task_type("one")(lambda ctx: None)  # type: ignore[arg-type, misc]


def test_a_kernel_type_has_no_handler_and_cannot_be_called() -> None:
    wait = TaskType("wait", None, kernel=True)
    with pytest.raises(TypeError, match="carried out by the engine"):
        wait(None, {})  # type: ignore[arg-type]


@pytest.mark.parametrize("kernel", [True, False])
def test_a_type_has_either_a_handler_or_the_kernel(kernel: bool) -> None:
    with pytest.raises(TypeError, match="either a handler or kernel"):
        TaskType("odd", (lambda ctx, input: None) if kernel else None, kernel=kernel)
