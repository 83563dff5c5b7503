"""Look-up by name: conflicts name both origins, a miss names its neighbours."""

import importlib
from types import SimpleNamespace

import pytest

from harmonia_core.contracts.registration import (
    KIND_STABILITY,
    KINDS,
    STATE_BACKENDS,
    TASK_TYPES,
    Kind,
    Origin,
    names_of,
)
from harmonia_core.errors import PluginNotFound
from harmonia_core.plugins.registry import PluginConflict, Registry
from harmonia_core.plugins.report import PluginFault

ADA = Origin("ada", "harmonia-ada", "1.2")
BOB = Origin("bob", "harmonia-bob", "0.3")


def named(name: str) -> SimpleNamespace:
    return SimpleNamespace(name=name)


def test_a_registration_is_found_by_kind_and_name_with_its_origin() -> None:
    registry, shout = Registry(), named("shout")
    assert registry.add(TASK_TYPES, shout, ADA) == ("shout",)
    assert registry.get("task_types", "shout") is registry.find("task_types", "shout") is shout
    assert registry.origin("task_types", "shout") == ADA
    assert registry.find("triggers", "shout") is None
    assert dict(registry.items("task_types")) == dict(registry.view("task_types")) == {"shout": shout}


def test_a_state_backend_answers_to_each_of_its_schemes() -> None:
    registry, backend = Registry(), SimpleNamespace(name="sql", schemes=("sqlite", "postgresql"))
    registry.add(STATE_BACKENDS, backend, ADA)
    assert registry.names("state_backends") == ("postgresql", "sqlite")
    assert registry.get("state_backends", "sqlite") is backend


def test_a_taken_name_is_refused_whole_and_both_distributions_are_named() -> None:
    registry = Registry()
    registry.add(STATE_BACKENDS, SimpleNamespace(schemes=("sqlite",)), ADA)
    with pytest.raises(PluginConflict, match=r"harmonia-ada 1\.2.*harmonia-bob 0\.3"):
        registry.add(STATE_BACKENDS, SimpleNamespace(schemes=("mongo", "sqlite")), BOB)
    assert registry.names("state_backends") == ("sqlite",)


def test_a_missing_name_suggests_the_nearest() -> None:
    registry = Registry()
    registry.add(TASK_TYPES, named("render"), ADA)
    with pytest.raises(PluginNotFound, match="Did you mean render") as caught:
        registry.get("task_types", "rendr")
    assert caught.value.known == ("render",)
    with pytest.raises(PluginNotFound, match="Install harmonia-sql"):
        registry.get("state_backends", "sqlite", "Install harmonia-sql.")
    with pytest.raises(PluginNotFound):
        registry.origin("task_types", "nothing")


def test_an_object_without_a_name_is_no_registration() -> None:
    with pytest.raises(PluginFault, match="no task type"):
        Registry().add(TASK_TYPES, object(), ADA)
    assert names_of(SimpleNamespace(name=3)) == ()


def test_dropping_an_origin_forgets_only_what_came_from_it() -> None:
    registry = Registry()
    registry.add(TASK_TYPES, named("a"), ADA)
    registry.add(TASK_TYPES, named("b"), BOB)
    registry.drop(ADA)
    assert registry.names("task_types") == ("b",)


def test_every_kind_says_how_stable_it_is() -> None:
    assert set(KIND_STABILITY) == {kind.name for kind in KINDS}
    assert {"stable", "provisional"} == set(KIND_STABILITY.values())
    assert (TASK_TYPES.hook, TASK_TYPES.group) == ("harmonia_task_types", "harmonia.task_types")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_contract_says_of_itself_what_its_kind_says(kind: Kind) -> None:
    module = "endpoint" if kind.name == "faces" else kind.name.removesuffix("s")
    contract = importlib.import_module(f"harmonia_core.contracts.{module}")
    assert kind.stability == contract.KIND_STABILITY
    assert f"{kind.stability.capitalize()}." in (contract.__doc__ or "") or module == "state_backend"
