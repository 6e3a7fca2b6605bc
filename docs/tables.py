"""Tables of the documents, each from its record in benchmarks/results."""

from collections.abc import Iterable, Sequence
from typing import Any


def _ptq(record: dict[str, Any]) -> str:
    rows = []
    for name, row in record["details"]["rows"].items():
        ratio = row["figures"].get("compression_ratio")
        rates = [f"{row[part]['wer_percent']:.2f}" for part in ("test", "dev", "pooled")]
        changes = [_change(row[part]) if ratio else "" for part in ("test", "pooled")]
        rows.append((f"`{name}`", *rates, *changes, f"{ratio:.2f}x" if ratio else "1x"))
    changes = ("test − FP32", "pooled − FP32")
    header = ("recipe", "test", "dev", "pooled", *changes, "compression")
    paper = record["figures"]["compression_ratio_paper"]
    size = f"\nCompression at the paper's size (57 M parameters), `rnnt`: {paper:.2f}x.\n"
    return table(header, rows) + size + source(record)


def _change(part: dict[str, float]) -> str:
    return f"{part['difference_percent']:+.2f} [{part['low']:+.2f}, {part['high']:+.2f}]"


def _quantize(record: dict[str, Any]) -> str:
    rows = []
    for tool in ("q4compile", "onnxruntime", "aimet"):
        one = record["details"].get(tool)
        if one is None:
            continue
        times = [f"{one[f'{kind}_seconds']:.1f}" for kind in ("wall", "work", "cpu")]
        rows.append((tool, *times, f"{one['peak_bytes'] / 1e6:.0f}"))
    header = ("tool", "process [s]", "without imports [s]", "CPU [s]", "peak memory [MB]")
    ratio = record["figures"]["peak_memory_ratio_vs_model"]
    return table(header, rows) + f"\nPeak memory: {ratio:.2f} times the model.\n" + source(record)


def _qdq_speed(record: dict[str, Any]) -> str:
    seconds = record["details"]["median_cpu_seconds"]
    names = {"fp32": "float LSTM", "qdq": "form `qdq`", "exact": "form `exact`"}
    rows = [
        (name, f"{seconds[key]:.2f}", f"{seconds[key] / seconds['fp32']:.2f}")
        for key, name in names.items()
    ]
    return table(("encoder", "CPU [s]", "ratio"), rows) + source(record)


def _qat(record: dict[str, Any]) -> str:
    figures, rows = record["figures"], []
    for name, row in record["details"]["rows"].items():
        pooled = row["pooled"]
        rates = [f"{row[part]['wer_percent']:.2f}" for part in ("test", "dev", "pooled")]
        seeds = " ".join(f"{each:.2f}" for each in pooled["by_seed"])
        ratio = figures.get(f"compression_ratio_{name.partition('-')[0]}")
        compressed = "1x" if ratio is None else f"{ratio:.2f}x"
        change = "" if ratio is None else _change(pooled)
        before = f"{pooled['before_percent']:.2f}"
        rows.append((f"`{name}`", before, *rates, seeds, change, compressed))
    sets = ("before training", "test", "dev", "pooled", "pooled by seed")
    header = ("variant", *sets, "pooled − control", "compression")
    return table(header, rows) + source(record)


def _qat_words(record: dict[str, Any]) -> str:
    found, rows = record["details"]["rows"], []
    for name, row in found.items():
        variant, epochs = name.split()
        rates = [f"{part['wer_percent']:.2f}" for part in row.values()]
        seeds = " ".join(f"{each:.2f}" for each in row["pooled"]["by_seed"])
        change = "" if variant.startswith("control") else _change(row["pooled"])
        rows.append((f"`{variant}`", epochs, *rates, seeds, change))
    sets = tuple(next(iter(found.values())))
    header = ("variant", "epochs", *sets, "pooled by seed", "pooled − control")
    return table(header, rows) + source(record)


def _qat_step(record: dict[str, Any]) -> str:
    seconds = record["details"]["median_cpu_seconds"]
    memory = record["details"]["peak_megabytes"]
    names = {"torch": "float `nn.LSTM`", "q4compile": "q4compile W4A4"}
    names |= {"modelopt": "ModelOpt W4A4", "brevitas": "Brevitas W4, states at 4 bits"}
    batches, rows = ("batch_2", "batch_16"), []
    for tool, name in names.items():
        if tool not in seconds:
            continue
        taken = [(seconds[tool][b], seconds[tool][b] / seconds["torch"][b]) for b in batches]
        peaks = [f"{memory[tool][b]:.0f}" if tool in memory else "" for b in batches]
        rows.append((name, *(f"{1e3 * t:.0f} ({ratio:.1f}x)" for t, ratio in taken), *peaks))
    sizes = [f"{unit}, batch {batch}" for unit in ("CPU [ms]", "memory [MB]") for batch in (2, 16)]
    return table(("layers", *sizes), rows) + source(record)


def _sim_wer(record: dict[str, Any]) -> str:
    figures = record["figures"]
    change = {
        "difference_percent": figures["wer_sim_minus_onnxruntime_percent"],
        "low": figures["wer_sim_minus_onnxruntime_percent_ci_low"],
        "high": figures["wer_sim_minus_onnxruntime_percent_ci_high"],
    }
    rates = [f"{figures[f'wer_{name}_percent']:.2f}" for name in ("onnxruntime", "sim")]
    same = f"{100 * figures['same_transcripts_share']:.1f} %"
    faster = f"{1 / figures['host_seconds_per_audio_second']:.0f}x"
    header = ("WER [%], onnxruntime", "simulator", "difference", "same transcripts", "real time")
    return table(header, [(*rates, _change(change), same, faster)]) + source(record)


def _sim_speed(record: dict[str, Any]) -> str:
    figures, seconds = record["figures"], record["details"]["median_cpu_seconds"]
    rows = []
    for batch in (1, 8):
        ratio = figures[f"time_ratio_vs_onnxruntime_fp32_b{batch}"]
        times = [f"{seconds[f'{name}, batch {batch}']:.2f}" for name in ("onnxruntime", "sim")]
        rows.append((f"{batch}", *times, f"{ratio:.2f}"))
    header = ("batch", "float32 under onnxruntime [s]", "simulator [s]", "ratio")
    size = f"\nThe RNN-T with both language models: {figures['code_bytes'] / 1000:.1f} KB of code."
    size += f" The RNN-T is lowered in {figures['lower_seconds']:.1f} s, with"
    size += f" {figures['lower_peak_memory_ratio']:.1f} times the bytes of the float32 file.\n"
    return table(header, rows) + size + source(record)


FUSION_ARMS = ("untuned", "none", "shallow", "density")


def _fusion(record: dict[str, Any]) -> str:
    """Letter error rates by precision and arm, and what density ratio gains."""
    figures, rows = record["figures"], []
    for system, found in record["details"]["rows"].items():
        key = f"ler_gain_density_ratio_{'int4' if system == 'qat' else system}_percent"
        rates = [f"{found[arm]['ler_percent']:.2f}" for arm in FUSION_ARMS]
        rows.append((f"`{system}`", *rates, _within(figures, key)))
    header = ("precision", "none, ρ = 0", "none", "shallow", "density ratio", "density ratio gains")
    return table(header, rows) + source(record)


def _folds(record: dict[str, Any]) -> str:
    """Word error rates by precision, without and with language models."""
    figures, rows = record["figures"], []
    for system in ("fp32", "ptq", "qat"):
        for arm in ("none", "density"):
            key = f"wer_{system}_{arm}"
            change = f"{key}_minus_fp32_none_percent"
            less = _within(figures, change) if change in figures else ""
            rows.append((f"`{system}`", arm, _within(figures, f"{key}_percent"), less))
    header = ("precision", "language models", "WER %", "− FP32 without")
    return table(header, rows) + source(record)


def _folds_qat(record: dict[str, Any]) -> str:
    """Word error rates after training, and what they are above the control's."""
    figures, rows = record["figures"], []
    for variant in record["details"]["variants"]:
        name = variant["name"]
        key = f"wer_{name}_qat_minus_control_percent"
        change = _within(figures, key) if key in figures else ""
        rows.append((f"`{name}`", f"{figures[f'wer_{name}_percent']:.2f}", change))
    return table(("variant", "WER %", "− control"), rows) + source(record)


def _within(figures: dict[str, float], key: str) -> str:
    low, high = figures[f"{key}_ci_low"], figures[f"{key}_ci_high"]
    return f"{figures[key]:.2f} [{low:.2f}, {high:.2f}]"


def _search(record: dict[str, Any]) -> str:
    figures, details = record["figures"], record["details"]
    rows = [
        (
            beam,
            f"{row['times_real_time']:.0f}x",
            f"{100 * row['cache_hit_share']:.0f} %",
            f"{100 * row['active_step_share']:.0f} %",
        )
        for beam, row in details["beams"].items()
    ]
    text = f"\nAt beam 16, {figures['time_ratio_vs_reference']:.1f} times as fast as one hypothesis"
    text += " at a time. Same hypotheses from both backends"
    for bits, suffix in ((32, ""), (16, "_16_bit_cells")):
        same, of_frames, explained = (
            f"{100 * figures[f'{key}{suffix}']:.1f} %"
            for key in (
                "same_hypotheses_share",
                "same_hypotheses_share_on_same_frames",
                "explained_share",
            )
        )
        text += f", with cells of {bits} bits: {same} of utterances, {of_frames} from the same"
        text += f" encoder frames; of the others {explained} are explained"
    text += ".\n"
    header = ("beam", "real time", "prefixes from the cache", "steps with a new prefix")
    return table(header, rows) + text + source(record)


def _paper_scale(record: dict[str, Any]) -> str:
    """Milliseconds per second of audio by component, ten seconds at once."""
    figures, rows = record["figures"], []
    parts = [one for one in record["details"]["components"] if one["audio_seconds"] == 10]
    for target in ("rapid1", "rapid4"):
        for precision in ("fp16", "int4"):
            of = {"target": target, "precision": precision}
            times = {
                one["component"]: one["ms_per_second"] for one in parts if of.items() <= one.items()
            }
            rtf = f"{figures[f'rtf_{precision}_{target}']:.4f}"
            ratio = figures[f"speedup_fp16_int4_{target}"]
            faster = f"{ratio:.2f}x" if precision == "int4" else ""
            cells = (f"{times[name]:.2f}" for name in PAPER_COMPONENTS)
            rows.append((f"`{target}`", precision, *cells, rtf, faster))
    header = ("target", "precision", *PAPER_COMPONENTS, "real-time factor", "faster")
    alone = ", ".join(
        f"{figures[f'speedup_no_lm_{target}']:.1f}x on `{target}`"
        for target in ("rapid1", "rapid4")
    )
    floor = 100 * (figures["time_over_floor_rapid1"] - 1)
    text = f"\nThe RNN-T alone, FP16 to INT4: {alone}. INT4 on `rapid1` is {floor:.1f} % above the"
    text += " floor of its roofline. Timing ten seconds of the encoder takes"
    text += f" {1e3 * figures['timing_only_seconds']:.0f} ms of this machine.\n"
    wide = (
        f"{figures[f'rtf_int4_{target}_32_bit_cells']:.4f}"
        f" ({figures[f'speedup_fp16_int4_{target}_32_bit_cells']:.2f}x) on `{target}`"
        for target in ("rapid1", "rapid4")
    )
    text += "\nWith LSTM cells that hear what onnxruntime hears (`lower --cell-bits 32`):"
    text += f" {', '.join(wide)}.\n"
    return table(header, rows) + text + source(record)


def _coding(record: dict[str, Any]) -> str:
    """What the paper's system gains by coded weights."""
    figures, rows = record["figures"], []
    for target in ("rapid1", "rapid4"):
        rtf = f"{figures[f'rtf_int4_coded_{target}']:.4f}"
        ratio = f"{figures[f'speedup_fp16_int4_coded_{target}']:.2f}x"
        rows.append((f"`{target}`", rtf, ratio))
    header = ("target", "real-time factor at INT4, coded", "over FP16")
    raw, coded = (figures[f"compression_ratio_{name}_paper_size"] for name in ("raw", "coded"))
    trained = figures["compression_ratio_coded_trained_w4a4_0"]
    text = f"\nParameters in float32 to the data of the program: {raw:.2f} raw, {coded:.2f} coded;"
    text += f" of the bundled RNN-T after training, {trained:.2f}.\n"
    return table(header, rows) + text + source(record)


PAPER_COMPONENTS = ("encoder", "predictor", "joint", "lm", "source_lm")


def _scalesim(record: dict[str, Any]) -> str:
    figures = record["figures"]
    row = (
        f"{figures['gemms_checked']:.0f}",
        f"{figures['cycles_off']:.0f}",
        f"{figures['speed_ratio_vs_scalesim']:,.0f}".replace(",", " "),
    )
    header = ("random products, 3 dataflows, 5 arrays", "cycles off", "times as fast")
    return table(header, [row]) + source(record)


def _exactness(record: dict[str, Any]) -> str:
    figures = record["figures"]
    keys = {
        "machines": "machines",
        "runs": "runs",
        "interleavings": "of them in random order",
        "tensors_compared": "tensors",
        "codes_compared": "codes",
        "codes_different": "different",
        "mutants": "mutated programs",
        "mutants_crashed": "of them crashed",
    }
    numbers = [f"{figures[key]:,.0f}".replace(",", " ") for key in keys]
    return table(tuple(keys.values()), [numbers]) + source(record)


ARMS = {"none": "no", "density": "density ratio"}
MACHINES = {"fp32": "FP16", "ptq": "INT4", "qat": "INT4"}


def _paper_table(record: dict[str, Any]) -> str:
    """Every decode: errors by set, and what it takes on both targets."""
    rows = []
    for each in record["details"]["rows"]:
        errors = [
            f"{each[f'wer_{part}_percent']:.2f} [{low:.2f}, {high:.2f}]"
            for part in ("test", "dev")
            for low, high in [each[f"wer_{part}_interval"]]
        ]
        times = [f"{each[f'rtf_{target}']:.4f}" for target in ("rapid1", "rapid4")]
        arm, beam = ARMS[each["arm"]], f"{each['beam']}"
        machine = MACHINES[each["system"]]
        rows.append((f"`{each['system']}`", arm, beam, *errors, machine, *times))
    header = ("system", "LM", "beam", "WER test", "WER dev")
    header = (*header, "machine at", "RTF `rapid1`", "RTF `rapid4`")
    return table(header, rows) + source(record)


def _paper_summary(record: dict[str, Any]) -> str:
    """The widest beam with both language models."""
    figures, rows = record["figures"], []
    for target in ("rapid1", "rapid4"):
        times = [f"{figures[f'rtf_{each}_beam16_{target}']:.4f}" for each in ("fp16", "int4")]
        rows.append((f"`{target}`", *times, f"{figures[f'speedup_beam16_{target}']:.1f}x"))
    size = "\nAs published: 0.06 at INT4, 3.4x, 7.6x fewer bytes."
    size += f" Bytes of all three networks: {figures['compression_ratio_system']:.2f} times fewer;"
    size += f" of the RNN-T alone {figures['compression_ratio_rnnt']:.2f}.\n"
    header = ("target", "real-time factor at FP16", "at INT4", "ratio")
    return table(header, rows) + size + source(record)


def _paper_searches(record: dict[str, Any]) -> str:
    """Ways to search at the widest beam, beside the one that asks at once."""
    rows = []
    for each in record["details"]["searches"]:
        low, high = each["difference_interval"]
        change = f"{each['difference_percent']:+.2f} [{low:+.2f}, {high:+.2f}]"
        shares = [f"{100 * each[key]:.0f} %" for key in ("lm_active_step_share", "cache_hit_share")]
        times = [f"{each[key]:.4f}" for key in ("rtf_rapid1", "rtf_rapid1_at_paper_rates")]
        calls = f"{each['lm_calls_per_second']:.1f}"
        rows.append((each["search"], calls, *shares, f"{each['wer_percent']:.2f}", change, *times))
    header = ("search", "calls of the external LM per second", "of steps", "prefixes known")
    header = (*header, "WER", "− at once", "RTF", "RTF at the paper's rates")
    return table(header, rows) + source(record)


def _cell_precision(record: dict[str, Any]) -> str:
    """What each fineness of the cell changes."""
    rows = []
    for each in record["details"]["rows"]:
        layers = " ".join(f"{one:.2f}" for one in each["differing_percent"])
        rows.append((each["name"], layers, f"{100 * each['same_hypotheses_share']:.1f} %"))
    header = ("cell", "codes of h that differ from the exact cell's, by layer [%]")
    return table((*header, "hypotheses that are onnxruntime's"), rows) + source(record)


def _search_differ(record: dict[str, Any]) -> str:
    """Each utterance that the backends hear differently, and by how little each decided."""
    details, rows = record["details"], []
    differ = [(32, each) for each in details["differ"]]
    differ += [(16, each) for each in details["differ_16_bit_cells"]]
    for bits, each in differ:
        ours, theirs = each["onnxruntime"], each["sim"]
        gaps = [f"{best[1] - second[1]:.2f}" for best, second in (ours, theirs)]
        turned = theirs[0][0] == ours[1][0] or ours[0][0] == theirs[1][0]
        texts = f"`{ours[0][0]}`", f"`{theirs[0][0]}`"
        rows.append((f"{bits}", f"`{each['id']}`", *texts, *gaps, "yes" if turned else "no"))
    header = ("cells", "utterance", "onnxruntime", "simulator", "lead [nats]", "lead there")
    return table((*header, "one's first is the other's second"), rows)


FILES = {
    "paper_searches": "paper_table",
    "paper_summary": "paper_table",
    "search_differ": "search",
}
"""Table → its record, where that is called otherwise."""

TABLES = {
    "cell_precision": _cell_precision,
    "coding": _coding,
    "exactness": _exactness,
    "folds": _folds,
    "folds_qat": _folds_qat,
    "fusion": _fusion,
    "paper_scale": _paper_scale,
    "paper_searches": _paper_searches,
    "paper_summary": _paper_summary,
    "paper_table": _paper_table,
    "ptq": _ptq,
    "qat": _qat,
    "qat_step": _qat_step,
    "qat_words": _qat_words,
    "qdq_speed": _qdq_speed,
    "quantize": _quantize,
    "scalesim": _scalesim,
    "search": _search,
    "search_differ": _search_differ,
    "sim_speed": _sim_speed,
    "sim_wer": _sim_wer,
}


def source(record: dict[str, Any]) -> str:
    return f"\nMeasured on {record['created'][:10]}, {record['machine']}.\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    cells = [[" ".join(cell.split()).replace("|", "\\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)
