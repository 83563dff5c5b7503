"""Secrets: in the function's hands, and in nothing that it says."""

import base64
import json
import sys
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import BaseModel, field_validator

from harmonia_core.contracts.task_type import TaskContext, task_type
from harmonia_core.errors import TaskError
from harmonia_core.model.values import Hole, SecretRef

pytestmark = pytest.mark.anyio

SECRET = 'hunter2"ö/&='
WHOLE = (Hole(("password",), (SecretRef("db"),)),)
FORMS = (SECRET, quote(SECRET, safe=""), json.dumps(SECRET)[1:-1], base64.b64encode(SECRET.encode()).decode())


def leaks(value: Any) -> list[str]:
    return [form for form in FORMS if form in repr(value) or form in str(value)]


@pytest.mark.parametrize("plain", [True, False])
async def test_a_task_gets_its_secrets_and_everything_it_says_is_masked(bench: Any, plain: bool) -> None:
    got: list[Any] = []

    def echo(ctx: TaskContext, input: Any) -> Any:
        got.append(input)
        value = input["password"]
        for form in FORMS:
            print("said", form)
            sys.stderr.write(form[:4])
            sys.stderr.write(form[4:] + "\n")
            ctx.log("info", form, field=form, **{"nested": [form]})
            ctx.progress(0.1, form, {form: form})
            ctx.heartbeat({"seen": [form]})
            with ctx.artifact(f"a {form}") as artifact:
                for place in range(0, len(form.encode()), 3):
                    artifact.write(form.encode()[place : place + 3])
        return {"forms": FORMS, value: 1, "reference": artifact.reference}

    async def echo_async(ctx: TaskContext, input: Any) -> Any:
        return echo(ctx, input)

    holes = (*WHOLE, Hole(("url",), ("https://u:", SecretRef("db"), "@h")))
    async with bench(secrets={"db": SECRET}) as b:
        outcome = await b.run(echo if plain else echo_async, {"password": None, "url": None}, holes=holes)
        row = await b.dispatcher._services.heartbeats.last("e", "t")
        assert row is not None
        chunks = [chunk for upload in b.store._store.uploads.values() for chunk in upload.values()]
    assert got == [{"password": SECRET, "url": f"https://u:{SECRET}@h"}]
    assert outcome.kind == "succeeded", outcome
    assert outcome.output["forms"] == ["***"] * 4 and outcome.output["***"] == 1
    assert json.loads(outcome.encoded) == outcome.output
    assert not leaks(outcome) and not leaks(b.logged()) and not leaks(row.details)
    assert outcome.output["reference"]["$artifact"]["name"] == "a ***"
    assert chunks == [b"***"] * 4


@pytest.mark.parametrize("plain", [True, False])
async def test_an_error_is_masked_in_every_part(bench: Any, plain: bool) -> None:
    def fails(ctx: TaskContext, input: Any) -> None:
        value = input["password"]
        try:
            raise KeyError(value)
        except KeyError as error:
            raise ValueError(f"wrong password {value}") from error

    async def fails_async(ctx: TaskContext, input: Any) -> None:
        fails(ctx, input)

    async def typed(ctx: TaskContext, input: Any) -> None:
        raise TaskError(f"no {input['password']}", details={"sent": FORMS})

    async with bench(secrets={"db": SECRET}) as b:
        error = await b.fails(fails if plain else fails_async, {"password": None}, holes=WHOLE)
        other = await b.fails(typed, {"password": None}, holes=WHOLE, path="u")
    assert "wrong password ***" in error.message and "***" in (error.traceback or "")
    assert "KeyError" in (error.cause or "") and not leaks(error.as_json())
    assert other.details == {"sent": ["***"] * 4} and not leaks(other.as_json())


async def test_a_refused_input_does_not_show_the_secret(bench: Any) -> None:
    class Login(BaseModel):
        password: str

        @field_validator("password")
        @classmethod
        def strong(cls, value: str) -> str:
            raise ValueError(f"{value} is weak")

    @task_type("login", input=Login)
    async def login(ctx: TaskContext, input: Login) -> None: ...

    async with bench(secrets={"db": SECRET}) as b:
        error = await b.fails(login, {"password": None}, holes=WHOLE)
    assert error.code == "input-invalid" and "*** is weak" in error.message and not leaks(error.as_json())


async def test_missing_and_short_secrets_are_refused_before_the_call(bench: Any) -> None:
    called: list[int] = []

    async def task(ctx: TaskContext, input: Any) -> None:
        called.append(1)

    two = (Hole(("a",), (SecretRef("x"),)), Hole(("b",), ("-", SecretRef("y"))))
    async with bench(secrets={"pin": "123"}) as b:
        missing = await b.fails(task, {"a": None, "b": None}, holes=two)
        short = await b.fails(task, {"a": None}, holes=(Hole(("a",), (SecretRef("pin"),)),), path="u")
    assert (missing.category, missing.code, missing.retryable) == ("validation", "secret-missing", False)
    assert missing.message == "The namespace 'default' has no secret 'x', 'y'."
    assert (short.code, short.retryable, called) == ("secret-too-short", False, [])
    assert "123" not in str(short)


async def test_a_provider_that_fails_is_infrastructure(bench: Any) -> None:
    async def task(ctx: TaskContext, input: Any) -> None: ...

    def broken(namespace: str, name: str) -> str:
        raise OSError("vault says hunter2")

    async with bench() as b:
        b.dispatcher._services.secret = broken
        error = await b.fails(task, {"password": None}, holes=WHOLE)
    assert (error.category, error.code, error.retryable) == ("infrastructure", "secret-unavailable", True)
    assert error.message == "The secret provider failed for 'db' with OSError."


async def test_a_hole_deep_in_lists_leaves_the_recorded_input_alone(bench: Any) -> None:
    async def task(ctx: TaskContext, input: Any) -> Any:
        return [len(input["hosts"][1]["token"]), input["hosts"][0]]

    recorded = {"hosts": ["a", {"token": None}]}
    holes = (Hole(("hosts", 1, "token"), (SecretRef("db"),)),)
    async with bench(secrets={"db": SECRET}) as b:
        assert (await b.run(task, recorded, holes=holes)).output == [len(SECRET), "a"]
    assert recorded == {"hosts": ["a", {"token": None}]}
