"""`render` and `transform`: what a template gives, and what it cannot do."""

from typing import Any

import anyio
import pytest

from harmonia_core import TaskError
from harmonia_tasks.render import RenderInput, render_type
from harmonia_tasks.renderers import RENDERERS
from harmonia_tasks.settings import TasksSettings
from harmonia_tasks.transform import TransformInput, transform

RENDER = render_type(TasksSettings(output_limit=2 * 1024 * 1024, render_timeout=30.0))
HASTY = render_type(TasksSettings(render_timeout=0.5))


async def render(ctx: Any, template: str, values: Any = None, **more: Any) -> Any:
    return await RENDER(ctx, RenderInput(template=template, values=values or {}, **more))


async def failure(ctx: Any, template: str, values: Any = None, task: Any = RENDER) -> TaskError:
    with pytest.raises(TaskError) as caught:
        await task(ctx, RenderInput(template=template, values=values or {}))
    return caught.value


@pytest.mark.anyio
async def test_transform_returns_its_value(ctx: Any) -> None:
    assert await transform(ctx, TransformInput(value={"a": [1, None]})) == {"a": [1, None]}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("template", "values", "text"),
    [
        ("Hello {{ name }}!\n", {"name": "Ada"}, "Hello Ada!\n"),
        (
            "{% for n in list %}\n  {% if n > 1 %}\n{{ n }}\n  {% endif %}\n{% endfor %}",
            {"list": [1, 2, 3]},
            "2\n3\n",
        ),
        ("{{ data.items }} {{ data.keys }}", {"data": {"items": 3, "keys": "k"}}, "3 k"),
        ("{{ '<b>' }}{{ v }}", {"v": "<i>"}, "<b><i>"),
        ("{{ n }}", {"n": 2**70}, str(2**70)),
    ],
)
async def test_a_template_gives_text(ctx: Any, template: str, values: Any, text: str) -> None:
    assert await render(ctx, template, values) == {"text": text}


@pytest.mark.anyio
async def test_html_escapes_values(ctx: Any) -> None:
    assert await render(ctx, "<p>{{ v }}</p>", {"v": "<i>&"}, format="html") == {
        "text": "<p>&lt;i&gt;&amp;</p>"
    }


@pytest.mark.anyio
async def test_a_text_may_be_kept_as_an_artifact(ctx: Any) -> None:
    output = await render(ctx, "<p>é</p>", format="html", artifact="page.html")
    artifact = ctx.artifacts["page.html"]
    assert output == {"artifact": artifact.reference, "size": 9}
    assert (bytes(artifact.data), artifact.media_type) == ("<p>é</p>".encode(), "text/html; charset=utf-8")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("template", "code", "line"),
    [
        ("one\n{{ missing }}", "template-undefined", 2),
        ("{{ data.missing }}", "template-undefined", 1),
        ("one\ntwo\n{% if %}", "template-invalid", 3),
        ("{% include 'x' %}", "template-invalid", 1),
        ("\n{{ 1 / 0 }}", "template-failed", 2),
        ("{{ ''.__class__.__mro__ }}", "template-failed", 1),
        ("{{ list.append(1) }}", "template-failed", 1),
        ("{% for a in range(100000000) %}{% endfor %}", "template-failed", 1),
    ],
)
async def test_a_bad_template_fails_for_good_and_says_where(
    ctx: Any, template: str, code: str, line: int
) -> None:
    error = await failure(ctx, template, {"data": {}, "list": []})
    assert (error.error_code, error.category, error.retryable) == (code, "expression", False)
    assert error.data == {"line": line}
    assert f"Line {line} of the template" in str(error)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "template",
    [
        "{{ 'a' * 2000000000 }}",
        "{{ '%2000000000d' % 1 }}",
        "{% for a in range(99999) %}{{ 'x' * 100 }}{% endfor %}",
        "{% set ns = namespace(x='ab') %}{% for a in range(40) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    ],
)
async def test_a_template_cannot_eat_the_memory(ctx: Any, template: str) -> None:
    assert (await failure(ctx, template)).error_code in {"output-too-large", "template-failed"}
    assert (await render(ctx, "still {{ 1 }}")) == {"text": "still 1"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 9 ** 99999999 }}",
    ],
)
async def test_a_template_cannot_take_for_ever(ctx: Any, template: str) -> None:
    error = await failure(ctx, template, task=HASTY)
    assert (error.error_code, error.category, error.retryable) == ("template-timeout", "timeout", False)


@pytest.mark.anyio
async def test_a_cancelled_rendering_is_killed_and_the_next_one_works(ctx: Any) -> None:
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    with anyio.move_on_after(0.3) as scope:
        await render(ctx, endless)
    assert scope.cancelled_caught
    assert await render(ctx, "{{ n }}", {"n": 1}) == {"text": "1"}


@pytest.mark.anyio
async def test_many_renderings_share_few_processes(ctx: Any) -> None:
    results: dict[int, Any] = {}

    async def one(number: int) -> None:
        results[number] = await render(ctx, "{{ n }}", {"n": number})

    async with anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(one, number)
    assert results == {number: {"text": str(number)} for number in range(30)}
    RENDERERS.close()


@pytest.mark.parametrize(
    ("constants", "places"),
    [
        ({"template": "{{ fine }}"}, []),
        ({}, []),
        ({"template": "a\n{% if %}"}, ["Line 2"]),
        ({"template": "{% extends 'x' %}{% include 'y' %}"}, ["Line 1", "Line 1"]),
        ({"template": "x" * (1024 * 1024 + 1)}, ["The template is longer"]),
        ({"template": "{{ " + "(" * 5000 + ")" * 5000 + " }}"}, ["The template is nested"]),
        ({"template": "{{ 'a' * 2000000000 }}"}, []),
    ],
)
def test_a_constant_template_is_checked_at_compile_time(constants: Any, places: list[str]) -> None:
    assert RENDER.check is not None
    problems = [problem for problem in RENDER.check(constants) if not isinstance(problem, str)]
    assert [problem.code for problem in problems] == ["template-invalid"] * len(places)
    assert all(problem.message.startswith(place) for problem, place in zip(problems, places, strict=True))
