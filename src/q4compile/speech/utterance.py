"""One recorded sentence, and its sound."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from q4compile.errors import DataError, Finding

SAMPLE_RATE_HZ = 16000
SPHERE_HEADER_BYTES = 1024


@dataclass(frozen=True)
class Utterance:
    """What `speaker` says in the file `audio`; `id` is unique within its corpus."""

    id: str
    audio: Path
    text: str
    speaker: str


def load_audio(utterance: Utterance, rate_hz: int = SAMPLE_RATE_HZ) -> NDArray[np.float32]:
    """float32[samples] in [-1, 1], the whole file; WAV, NIST SPHERE, FLAC, Opus (libsndfile).

    Raises:
        DataError: Q501 missing, Q502 other rate, Q506 unreadable or truncated, Q508 not mono.
    """
    findings = audio_findings(utterance, rate_hz)
    if findings:
        raise DataError(*findings)
    try:
        samples, _ = soundfile.read(utterance.audio, dtype="float32")
    except (soundfile.LibsndfileError, OSError) as error:
        raise DataError(_unreadable(utterance, reason(error))) from error
    if not np.isfinite(samples).all():
        raise DataError(_unreadable(utterance, "samples that are NaN or infinite"))
    return np.asarray(samples, np.float32)


def audio_findings(utterance: Utterance, rate_hz: int = SAMPLE_RATE_HZ) -> list[Finding]:
    """What is wrong with the file, from its header and its last sample."""
    if not utterance.audio.is_file():
        return [_missing(utterance)]
    try:
        with soundfile.SoundFile(utterance.audio) as sound:
            broken = truncation(sound)
            rate, channels = sound.samplerate, sound.channels
    except (soundfile.LibsndfileError, OSError) as error:
        return [_unreadable(utterance, reason(error))]
    findings = []
    if rate != rate_hz:
        findings.append(_wrong_rate(utterance, rate, rate_hz))
    if channels != 1:
        findings.append(_not_mono(utterance, channels))
    if broken is not None:
        findings.append(_unreadable(utterance, broken))
    return findings


def truncation(sound: soundfile.SoundFile) -> str | None:
    """What the header promises and the file does not hold, or None."""
    if sound.frames == 0:
        return "a header and no samples"
    # libsndfile shortens a cut-off WAV file in silence and notes it in its log only
    cut = [line.strip() for line in sound.extra_info.splitlines() if "should be" in line]
    if cut:
        return f"a file shorter than its header says ({cut[-1]})"
    promised = _sphere_samples(Path(sound.name)) if sound.format == "NIST" else sound.frames
    if sound.frames < promised:
        return f"{sound.frames} of the {promised} samples that the header says"
    try:
        sound.seek(sound.frames - 1)
        sound.read(1)
    except soundfile.LibsndfileError:
        return f"a file that ends before the {sound.frames} samples of its header"
    return None


def _sphere_samples(path: Path) -> int:
    """The sample count in the text header of a NIST SPHERE file, which libsndfile passes over."""
    with path.open("rb") as file:
        match = re.search(rb"sample_count -i (\d+)", file.read(SPHERE_HEADER_BYTES))
    return int(match[1]) if match else 0


def reason(error: soundfile.LibsndfileError | OSError) -> str:
    """What the library or the system says, without the path."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error.error_string)


def _missing(utterance: Utterance) -> Finding:
    return Finding(
        "Q501",
        "an utterance has no audio file",
        f"utterance {utterance.id!r}",
        f"an audio file at {utterance.audio}",
        "a folder" if utterance.audio.is_dir() else "no such file",
        "copy the audio there, or take the utterance out of the list",
    )


def _wrong_rate(utterance: Utterance, rate: int, rate_hz: int) -> Finding:
    name = utterance.audio
    return Finding(
        "Q502",
        "wrong sample rate",
        f"utterance {utterance.id!r}, {name}",
        f"{rate_hz} Hz",
        f"{rate} Hz",
        f"ffmpeg -i {name.name} -ar {rate_hz} {name.stem}-{rate_hz}.flac",
    )


def _not_mono(utterance: Utterance, channels: int) -> Finding:
    name = utterance.audio
    return Finding(
        "Q508",
        "more than one channel",
        f"utterance {utterance.id!r}, {name}",
        "1 channel",
        f"{channels} channels",
        f"ffmpeg -i {name.name} -ac 1 {name.stem}-mono.flac",
    )


def _unreadable(utterance: Utterance, reason: str) -> Finding:
    return Finding(
        "Q506",
        "unreadable or truncated audio",
        f"utterance {utterance.id!r}, {utterance.audio}",
        "a whole WAV, NIST SPHERE, FLAC or Opus file",
        reason,
        "fetch or convert the file again",
    )
