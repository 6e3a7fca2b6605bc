"""Sounds, manifests and NIST SPHERE files written by hand."""

import json

import numpy as np
import soundfile

RATE_HZ = 16000


def sound(samples=1600):
    """float32[samples] of noise that FLAC cannot shrink to nothing."""
    return np.random.default_rng(samples).uniform(-0.5, 0.5, samples).astype(np.float32)


def write_sound(path, samples=1600, rate_hz=RATE_HZ, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.stack([sound(samples)] * channels, axis=1)
    soundfile.write(path, data, rate_hz)
    return path


def write_manifest(folder, *rows):
    """A manifest of rows (dictionaries, or text put in as it is) and a sound for each row."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path = folder / "manifest.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def sphere(samples, claimed=None):
    """The bytes of a NIST SPHERE file of int16 samples, little end first."""
    fields = [
        f"sample_count -i {len(samples) if claimed is None else claimed}",
        "sample_n_bytes -i 2",
        "channel_count -i 1",
        "sample_byte_format -s2 01",
        f"sample_rate -i {RATE_HZ}",
        "sample_coding -s3 pcm",
        "end_head",
    ]
    header = "NIST_1A\n   1024\n" + "\n".join(fields) + "\n"
    return header.encode().ljust(1024) + np.asarray(samples, "<i2").tobytes()
