"""The definition formats that are built in: YAML 1.2 and JSON."""

from harmonia_core.builtin.json_reader import read_json
from harmonia_core.builtin.yaml_reader import read_yaml
from harmonia_core.contracts.definition_format import DefinitionFormat

YAML = DefinitionFormat("yaml", (".yaml", ".yml"), read_yaml)
JSON = DefinitionFormat("json", (".json",), read_json)

DEFINITION_FORMATS = (YAML, JSON)
