"""SCALE-Sim's cycles for a list of products; runs in an environment that holds `scalesim`.

Reads {"dataflow", "rows", "columns", "gemms": [[m, n, k], ...]} from standard input and writes
{"cycles": [...], "seconds"} to standard output.
"""

import contextlib
import csv
import io
import json
import sys
import tempfile
import time
from pathlib import Path

from scalesim.scale_sim import scalesim

CONFIG = """[general]
run_name = gemms
[architecture_presets]
ArrayHeight: {rows}
ArrayWidth: {columns}
IfmapSramSzkB: 65536
FilterSramSzkB: 65536
OfmapSramSzkB: 65536
IfmapOffset: 0
FilterOffset: 100000000
OfmapOffset: 200000000
Dataflow: {dataflow}
Bandwidth: 10
ReadRequestBuffer: 64
WriteRequestBuffer: 64
[layout]
IfmapCustomLayout: False
IfmapSRAMBankBandwidth: 10
IfmapSRAMBankNum: 10
IfmapSRAMBankPort: 2
FilterCustomLayout: False
FilterSRAMBankBandwidth: 10
FilterSRAMBankNum: 10
FilterSRAMBankPort: 2
[sparsity]
SparsitySupport: false
SparseRep: ellpack_block
OptimizedMapping: false
BlockSize: 8
RandomNumberGeneratorSeed: 40
[run_presets]
InterfaceBandwidth: CALC
UseRamulatorTrace: False
"""


def main() -> None:
    asked = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config, topology = folder / "array.cfg", folder / "gemms.csv"
        config.write_text(CONFIG.format_map(asked))
        rows = [f"g{i},{m},{n},{k},\n" for i, (m, n, k) in enumerate(asked["gemms"])]
        topology.write_text("Layer,M,N,K,\n" + "".join(rows))
        with contextlib.redirect_stdout(io.StringIO()):  # it prints though it is told not to
            started = time.process_time()
            simulator = scalesim(
                save_disk_space=True,
                verbose=False,
                config=str(config),
                topology=str(topology),
                layout=str(topology),
                input_type_gemm=True,
            )
            simulator.run_scale(top_path=str(folder / "out"))
            seconds = time.process_time() - started
        cycles = read_cycles(folder / "out" / "gemms" / "COMPUTE_REPORT.csv")
    json.dump({"cycles": cycles, "seconds": seconds}, sys.stdout)


def read_cycles(report: Path) -> list[int]:
    with report.open() as file:
        rows = csv.DictReader(file, skipinitialspace=True)
        return [int(float(row["Total Cycles"])) for row in rows]


if __name__ == "__main__":
    main()
