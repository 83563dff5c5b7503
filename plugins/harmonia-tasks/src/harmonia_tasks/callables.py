"""Callables by name: which modules may be called, and what a name stands for.

Used on both sides: in the engine's process, and in the child of process mode.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from harmonia_core import PermanentError

SETTING = "HARMONIA_PLUGINS__TASKS__PYTHON_MODULES"


@dataclass(frozen=True, slots=True)
class Target:
    """Hold a callable that may be called, and what is known about how."""

    name: str
    function: Callable[..., Any]
    is_async: bool
    wants_context: bool
    signature: inspect.Signature | None

    def require_arguments(self, given: Mapping[str, Any]) -> None:
        """Raise PermanentError `input-invalid` if the callable cannot take these keyword arguments."""
        if self.signature is None:
            return
        try:
            self.signature.bind(**given)
        except TypeError as error:
            raise PermanentError(
                f"{self.name} does not take these args: {error}. Its signature is {self.signature}.",
                "input-invalid",
                category="validation",
            ) from None


def split(name: str) -> tuple[str, str]:
    """Return module and attribute of `package.module:function`; names with `_` in front are private.

    Raises PermanentError `callable-invalid`.
    """
    module, _, attribute = name.partition(":")
    parts = attribute.split(".")
    named = all(part.isidentifier() for part in (*module.split("."), *parts))
    if not named or any(part.startswith("_") for part in parts):
        message = f"{name!r} names no callable: write 'package.module:function', without leading underscores."
        raise PermanentError(message, "callable-invalid", category="validation")
    return module, attribute


def is_allowed(module: str, allowed: Sequence[str]) -> bool:
    """Tell whether a module is one of the prefixes or lies below one, at a dot."""
    return any(module == prefix or module.startswith(f"{prefix}.") for prefix in allowed)


def refusal(module: str, allowed: Sequence[str]) -> str:
    """Return why a module is not allowed and what to do."""
    known = ", ".join(allowed) or "none"
    return (
        f"Module {module!r} may not be called; allowed are: {known}. If its code is trusted, "
        f"add it to {SETTING} where the engine runs."
    )


def resolve(name: str, allowed: Sequence[str]) -> Target:
    """Import and return what a name stands for. Runs the module's own code if it is new.

    Raises PermanentError: `callable-invalid`, `module-not-allowed`, `callable-not-found`.
    """
    module_name, attribute = split(name)
    if not is_allowed(module_name, allowed):
        raise PermanentError(refusal(module_name, allowed), "module-not-allowed")
    module = _import(name, module_name)
    function = _walk(name, module, attribute)
    if not callable(function):
        raise PermanentError(f"{name} is not callable but a {type(function).__name__}.", "callable-not-found")
    _require_home(name, module, function, allowed)
    return _describe(name, function)


def _import(name: str, module_name: str) -> ModuleType:
    try:
        return import_module(module_name)
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"
        message = f"{name} cannot be called: importing {module_name} failed with {cause}"
        raise PermanentError(message, "callable-not-found") from error


def _walk(name: str, module: ModuleType, attribute: str) -> Any:
    found: Any = module
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            message = f"{name} cannot be called: there is no {part!r} in {found!r}."
            raise PermanentError(message, "callable-not-found") from None
    return found


def _require_home(name: str, module: ModuleType, function: Any, allowed: Sequence[str]) -> None:
    """Refuse what a module merely imported: allowing `tools` must not allow `tools:subprocess.run`."""
    home = getattr(function, "__module__", None)
    if name.partition(":")[2] in getattr(module, "__all__", ()):
        return
    if not isinstance(home, str) or not is_allowed(home, allowed):
        raise PermanentError(
            f"{name} is not defined there but in {home!r}, which is not allowed. Allow that module, wrap "
            f"the call in a function of {module.__name__}, or name it in {module.__name__}.__all__.",
            "module-not-allowed",
        )


def _describe(name: str, function: Callable[..., Any]) -> Target:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some built-in functions do not tell
        signature = None
    wants_context = signature is not None and "ctx" in signature.parameters
    return Target(name, function, inspect.iscoroutinefunction(function), wants_context, signature)
