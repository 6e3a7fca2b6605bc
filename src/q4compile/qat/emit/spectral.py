"""Fourier transforms and the windows that go with them: features computed inside a graph."""

from q4compile.qat.emit.elementwise import torch_type
from q4compile.qat.emit.operator import Operator, call
from q4compile.qat.emit.site import Site


def _dft(site: Site) -> str:
    length = site.integer(1) if site.has(1) else "None"
    axis = site.integer(2) if site.has(2) else "-2"
    flags = {name: True for name in ("inverse", "onesided") if site[name]}
    if len(flags) == 2 and length == "None":
        length = f"2 * ({site.tensor(0)}.shape[{axis}] - 1)"
    return call("spectrum.dft", site.tensor(0), length, axis, **flags)


def _stft(site: Site) -> str:
    window = site.optional(2)
    length = site.integer(3) if site.has(3) else f"len({window})"
    given = (site.tensor(0), site.integer(1), window, length)
    return call("spectrum.stft", *given, onesided=bool(site["onesided"]))


def _window(name: str) -> Operator:
    def write(site: Site) -> str:
        kind = f"spectrum.{name.removesuffix('Window').upper()}"
        periodic, beside = str(bool(site["periodic"])), site.scope.beside()
        text = call("spectrum.window", site.integer(0), kind, periodic, beside)
        dtype = torch_type(site["output_datatype"])
        return text if dtype == "torch.float32" else f"{text}.to({dtype})"

    return Operator(name, write, {"output_datatype": 1, "periodic": 1})


SPECTRAL = (
    _window("BlackmanWindow"),
    Operator("DFT", _dft, {"inverse": 0, "onesided": 0}),
    _window("HammingWindow"),
    _window("HannWindow"),
    Operator("STFT", _stft, {"onesided": 1}),
)
