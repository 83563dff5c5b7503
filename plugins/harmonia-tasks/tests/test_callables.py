"""Which callables a name may reach."""

import pytest

from harmonia_core import PermanentError
from harmonia_tasks.callables import is_allowed, resolve
from harmonia_tasks.settings import TasksSettings

ALLOWED = ("sample_calls", "broken_calls", "json", "missing_module")


@pytest.mark.parametrize(
    ("module", "allowed"),
    [("pkg", True), ("pkg.sub.deep", True), ("pkgs", False), ("other", False), ("pk", False)],
)
def test_a_prefix_ends_at_a_dot(module: str, allowed: bool) -> None:
    assert is_allowed(module, ("pkg",)) is allowed


def test_nothing_is_allowed_at_first() -> None:
    assert TasksSettings().python_modules == ()


@pytest.mark.parametrize("text", ["a,b.c", " a , b.c ,", ["a", "b.c"]])
def test_the_setting_may_be_one_text(text: object) -> None:
    assert TasksSettings.model_validate({"python_modules": text}).python_modules == ("a", "b.c")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("os:system", "module-not-allowed"),
        ("sample_calls:subprocess.run", "module-not-allowed"),
        ("sample_calls:run", "module-not-allowed"),
        ("sample_calls:_private", "callable-invalid"),
        ("sample_calls:add.__globals__", "callable-invalid"),
        ("sample_calls", "callable-invalid"),
        ("sample_calls:", "callable-invalid"),
        ("../sample_calls:add", "callable-invalid"),
        ("sample_calls:nothing", "callable-not-found"),
        ("sample_calls:not_callable", "callable-not-found"),
        ("broken_calls:anything", "callable-not-found"),
        ("missing_module:anything", "callable-not-found"),
    ],
)
def test_a_callable_out_of_reach_is_refused(name: str, code: str) -> None:
    with pytest.raises(PermanentError) as caught:
        resolve(name, ALLOWED)
    assert (caught.value.error_code, caught.value.retryable) == (code, False)


def test_a_failing_import_says_why() -> None:
    with pytest.raises(PermanentError, match="RuntimeError: broken on purpose"):
        resolve("broken_calls:anything", ALLOWED)


@pytest.mark.parametrize("name", ["sample_calls:add", "sample_calls:Tool.use", "json:dumps"])
def test_what_a_module_defines_is_found(name: str) -> None:
    assert callable(resolve(name, ALLOWED).function)


def test_what_is_known_about_a_target() -> None:
    assert resolve("sample_calls:add_async", ALLOWED).is_async
    assert resolve("sample_calls:with_context", ALLOWED).wants_context
    assert not resolve("sample_calls:add", ALLOWED).wants_context
