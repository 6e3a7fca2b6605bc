"""Operators on pictures and grids."""

from q4compile.qat.emit.names import literal
from q4compile.qat.emit.operator import Operator, inline
from q4compile.qat.emit.site import Site, Unsupported, spelled

DEFAULTS = {
    "antialias": 0,
    "axes": None,
    "coordinate_transformation_mode": "half_pixel",
    "cubic_coeff_a": -0.75,
    "exclude_outside": 0,
    "keep_aspect_ratio_policy": "stretch",
    "mode": "nearest",
    "nearest_mode": "round_prefer_floor",
}
OPTIONS = {
    "axes": "axes",
    "mode": "mode",
    "coordinates": "coordinate_transformation_mode",
    "nearest": "nearest_mode",
    "cubic_a": "cubic_coeff_a",
    "exclude_outside": "exclude_outside",
    "antialias": "antialias",
    "aspect": "keep_aspect_ratio_policy",
}
FLAGS = {"antialias", "exclude_outside"}


def _resize(site: Site) -> str:
    if _text(site["coordinate_transformation_mode"]) == "tf_crop_and_resize":
        raise Unsupported("another coordinate_transformation_mode", "tf_crop_and_resize")
    given = [site.tensor(0)]
    if site.has(3):
        given.append(f"sizes={site.integers(3)}")
    else:
        scales = site.known(2)
        shown = f"{site.tensor(2)}.tolist()" if scales is None else spelled(scales)
        given.append(f"scales={shown}")
    for option, attribute in OPTIONS.items():
        value = _text(site[attribute])
        if value != DEFAULTS[attribute]:
            given.append(f"{option}={_shown(option, value)}")
    return f"resampling.resize({', '.join(given)})"


def _shown(option: str, value: object) -> str:
    if option in FLAGS:
        return str(bool(value))
    return literal(value) if isinstance(value, str) else spelled(value)


def _text(value: object) -> object:
    return value.decode() if isinstance(value, bytes) else value


GRID_MODES = {"bilinear": "bilinear", "linear": "bilinear", "cubic": "bicubic"}


def _grid_sample(site: Site) -> str:
    mode = str(_text(site["mode"]))
    options = [f"mode={literal(GRID_MODES.get(mode, mode))}"]
    options.append(f"padding_mode={literal(str(_text(site['padding_mode'])))}")
    options.append(f"align_corners={bool(site['align_corners'])}")
    return f"F.grid_sample({site.tensor(0)}, {site.tensor(1)}, {', '.join(options)})"


def _affine_grid(site: Site) -> str:
    corners = bool(site["align_corners"])
    return f"F.affine_grid({site.tensor(0)}, {site.integers(1)}, align_corners={corners})"


def _crop_pad(site: Site) -> str:
    axes = "" if site["axes"] is None else f", {spelled(site['axes'])}"
    return f"operators.center_crop_pad({site.tensor(0)}, {site.integers(1)}{axes})"


RESIZING = (
    Operator("AffineGrid", _affine_grid, {"align_corners": 0}),
    Operator("CenterCropPad", _crop_pad, {"axes": None}),
    inline("Det", "torch.linalg.det({x})"),
    Operator(
        "GridSample",
        _grid_sample,
        {"align_corners": 0, "mode": "linear", "padding_mode": "zeros"},
    ),
    Operator("Resize", _resize, DEFAULTS),
)
