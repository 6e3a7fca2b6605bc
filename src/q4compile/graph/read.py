"""ONNX files in: the file a user exported, as one kind of graph."""

from pathlib import Path

import onnx
import onnx_ir as ir

from q4compile.errors import Finding, ModelError, raise_all
from q4compile.graph import validate
from q4compile.graph.finite import stored_values, weight_findings
from q4compile.graph.normalize import library_step, normalize
from q4compile.graph.order import schema_findings
from q4compile.graph.parse import own_location, parse
from q4compile.graph.recurrent import size_findings

COMPONENT_OF_STEM = {
    "encoder": "encoder",
    "transcription": "encoder",
    "decoder_joint": "decoder_joint",
    "decoder": "predictor",
    "predictor": "predictor",
    "prediction": "predictor",
    "joiner": "joint",
    "joint": "joint",
}
"""What a file stem begins with in other stacks (NeMo, icefall, sherpa, ESPnet) → component."""


def read_model(path: Path) -> ir.Model:
    """The model of the file `path`, normalized (module `normalize`) and with finite weights.

    Weights are mapped from the file or its external data, not read: a model over 2 GB costs no more
    memory than its graph. The files may be replaced afterwards, but not written over in place.
    Recurrent nodes come out with layout=0.

    Raises:
        ModelError: Q101 to Q107 and Q109 to Q111, all that apply to one stage at once.
    """
    proto = parse(path)
    _name_domain(proto)
    raise_all(ModelError, validate.findings(proto, path))
    raise_all(ModelError, list(schema_findings(proto)))
    model = normalize(_deserialize(proto, path))
    raise_all(ModelError, [*size_findings(model), *weight_findings(model)])
    return model


def read_models(path: Path) -> dict[str, ir.Model]:
    """Component name → model, of a folder of .onnx files or of one file.

    Names that other stacks use are understood: ``decoder-epoch-99.onnx`` is a predictor.

    Raises:
        ModelError: what `read_model` raises, for all files at once; Q112 for a folder without
            .onnx files or with two files for one component.
    """
    if not path.is_dir():
        return {component_of(path.stem): read_model(path)}
    files = sorted(path.glob("*.onnx"))
    names = [component_of(file.stem) for file in files]
    raise_all(ModelError, _folder_findings(path, files, names))
    models: dict[str, ir.Model] = {}
    found: list[Finding] = []
    for name, file in zip(names, files, strict=True):
        try:
            models[name] = read_model(file)
        except ModelError as error:
            found += error.findings
    raise_all(ModelError, found)
    return models


def component_of(stem: str) -> str:
    """The component that a file of this stem holds; the stem itself where it says nothing."""
    word = stem.lower().replace("-", "_")
    for beginning, component in COMPONENT_OF_STEM.items():
        if word == beginning or word.startswith((f"{beginning}_", f"{beginning}.")):
            return component
    return stem


def _name_domain(proto: onnx.ModelProto) -> None:
    """Spell the standard domain '' everywhere; 'ai.onnx' is its other name."""
    for entry in proto.opset_import:
        if entry.domain == "ai.onnx":
            entry.domain = ""


def _deserialize(proto: onnx.ModelProto, path: Path) -> ir.Model:
    with library_step("decoding"):
        model = ir.serde.deserialize_model(proto)
    ir.external_data.set_base_dir(model.graph, path.resolve().parent)
    for value in stored_values(model):
        tensor = value.const_value
        if isinstance(tensor, ir.ExternalTensor) and tensor.location == own_location(path):
            tensor.base_dir = ""  # the file itself, which may be a hard link from a package cache
    return model


def _folder_findings(path: Path, files: list[Path], names: list[str]) -> list[Finding]:
    if not files:
        need = "a folder with one .onnx file per component"
        return [Finding("Q112", "no models in the folder", f"{path}", need, "no .onnx file")]
    return [
        Finding(
            "Q112",
            "two files for one component",
            f"{path}",
            f"one file for the component '{name}'",
            ", ".join(file.name for file, other in zip(files, names, strict=True) if other == name),
            "keep one of them in the folder",
        )
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
