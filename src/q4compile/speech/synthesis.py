"""Speech made by the program espeak-ng: a corpus of any size, equal for equal seeds."""

import json
import subprocess
from collections.abc import Collection, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from shutil import which

import numpy as np
import soundfile
from numpy.typing import NDArray

from q4compile.errors import DataError, Finding, OutputError
from q4compile.files import replacing
from q4compile.progress import Progress, quiet
from q4compile.speech.grammar import names_to_spell, sentences
from q4compile.speech.layouts import MANIFEST
from q4compile.speech.resample import resample
from q4compile.speech.utterance import SAMPLE_RATE_HZ

PROGRAM = "espeak-ng"
PROCESSES = 2
MOST_WORDS = 40
"""More than any sentence of the grammar has."""
WAV_HEADER_BYTES = 44
LOUDNESS = 0.3
"""Of full scale: room for what interpolation overshoots, and as soft as recorded speech is."""

# en-gb itself is left out: it ignores the variant, so all its voices are one
ACCENTS = (
    "en-us",
    "en-us-nyc",
    "en-gb-x-rp",
    "en-gb-scotland",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-029",
)
VARIANTS = (
    *("m1", "m2", "m3", "m4", "m5", "m6", "m8", "f1", "f2", "f3", "f5", "croak", "adam", "Alicia"),
    *("Andrea", "Andy", "Annie", "antonio", "aunty", "belinda", "benjamin", "boris", "david"),
    *("Denis", "ed", "edward", "Gene", "grandma", "grandpa", "gustave", "iven", "iven3", "Jacky"),
    *("john", "klatt2", "klatt3", "klatt5", "Lee", "max", "Michael", "Mike", "norbert", "pablo"),
    *("paul", "quincy", "rob", "robert", "sandro", "shelby", "steph", "steph3", "travis", "zac"),
)
HELD_OUT_VARIANTS = ("m7", "f4", "Alex", "linda", "anika", "klatt4", "Marco", "steph2")
"""Never used for training speech, so that the demonstration's speakers are new to the model."""


@dataclass(frozen=True)
class Voice:
    """One way to speak: `name` is an accent and a variant of espeak-ng, as in en-us+m3.

    `speed_wpm` is in words per minute (80 to 450), `pitch` from 0 to 99, `gap_ms` a pause between
    words beyond the natural one, at a speed of 175 words per minute.
    """

    name: str
    speed_wpm: int = 160
    pitch: int = 50
    gap_ms: int = 0


VOICES = tuple(f"{accent}+{variant}" for accent in ACCENTS for variant in VARIANTS)
HELD_OUT_VOICES = tuple(
    f"{accent}+{variant}" for accent in ACCENTS for variant in HELD_OUT_VARIANTS
)


@dataclass(frozen=True)
class Line:
    """What one utterance of a synthetic corpus says, and how."""

    text: str
    spoken: str
    voice: Voice
    lead_ms: int
    tail_ms: int


def synthesize(
    folder: Path,
    n: int,
    seed: int,
    progress: Progress = quiet,
    voices: Sequence[str] = VOICES,
    without: Collection[str] = (),
    most_words: int = MOST_WORDS,
    splits: Sequence[str] = (),
) -> float:
    """Fill `folder` with n spoken sentences (FLAC, 16 kHz) and manifest.jsonl; return the seconds.

    Equal arguments, names to spell and version of espeak-ng give equal sounds. The folder appears
    whole or not at all.

    Args:
        folder: Where the corpus goes; must not exist, or be empty.
        n: Number of utterances.
        seed: Fixes sentences, voices, speeds, pitches and pauses.
        progress: Reports utterance by utterance.
        voices: Names to draw from.
        without: Sentences that may not occur (those of another corpus).
        most_words: Longer sentences are left out.
        splits: What the manifest says of the utterances' splits, in turn; nothing when empty.

    Raises:
        DataError: Q510 without espeak-ng, Q511 when it does not speak.
        OutputError: Q551, Q552, or Q553 when the folder holds something.
    """
    require_espeak()
    _refuse_filled(folder)
    lines = script(n, seed, voices, without, most_words)
    seconds = 0.0
    with replacing(folder / MANIFEST) as manifest, closing(_spoken(lines)) as sounds:
        for number, sound in enumerate(progress(sounds, "synthesizing", n)):
            (manifest.parent / _file_name(number)).write_bytes(_encoded(sound))
            seconds += len(sound) / SAMPLE_RATE_HZ
        manifest.write_text(_manifest(lines, splits), encoding="utf-8")
    return seconds


def script(
    n: int,
    seed: int,
    voices: Sequence[str] = VOICES,
    without: Collection[str] = (),
    most_words: int = MOST_WORDS,
) -> list[Line]:
    """Return what a corpus of that seed says: n lines; for the arguments see `synthesize`."""
    rng, names = np.random.default_rng(seed), names_to_spell()
    lines: list[Line] = []
    while len(lines) < n:
        texts = sentences(rng, n - len(lines), names)
        allowed = [t for t in texts if t not in without and len(t.split()) <= most_words]
        lines += [_line(text, voices, rng) for text in allowed]
    return lines


def speak(line: Line) -> NDArray[np.float32]:
    """float32[samples] at 16 kHz in [-1, 1]: silence, the sentence by espeak-ng, silence.

    Raises:
        DataError: Q511 when the program fails or says nothing.
    """
    voice = line.voice
    command = [PROGRAM, "-v", voice.name, "-s", str(voice.speed_wpm), "-p", str(voice.pitch)]
    command += ["-g", str(voice.gap_ms // 10), "--stdin", "--stdout"]
    done = subprocess.run(command, input=line.spoken.encode(), capture_output=True, check=False)
    if done.returncode != 0 or len(done.stdout) <= WAV_HEADER_BYTES:
        raise DataError(_mute(command, done.stderr.decode(errors="replace").strip()))
    rate_hz = int.from_bytes(done.stdout[24:28], "little")
    pulses = np.frombuffer(done.stdout[WAV_HEADER_BYTES:], "<i2")
    sound = resample(pulses / np.float32(32768), SAMPLE_RATE_HZ, rate_hz)
    padding = (line.lead_ms * SAMPLE_RATE_HZ // 1000, line.tail_ms * SAMPLE_RATE_HZ // 1000)
    return np.pad(np.clip(LOUDNESS * sound, -1, 1), padding)


def require_espeak() -> None:
    """Return if the program espeak-ng is installed.

    Raises:
        DataError: Q510.
    """
    if which(PROGRAM) is None:
        raise DataError(
            Finding(
                "Q510",
                "speech cannot be synthesized",
                "the search path for programs",
                f"the program {PROGRAM}",
                "no such program",
                f"apt-get install {PROGRAM}, or brew install {PROGRAM}",
            )
        )


def pronunciation(text: str, pauses: Collection[int] = ()) -> str:
    """Return `text` as espeak-ng must read it: A is a letter and no article, Z is zee, as in AN4.

    A comma, a short pause, follows the words at the places in `pauses`.
    """
    words = [SAID.get(word, word if len(word) == 1 else word.lower()) for word in text.split()]
    return " ".join(word + "," * (place in pauses) for place, word in enumerate(words))


SAID = {"A": "[['eI]]", "Z": "zee", "RUBOUT": "rub out"}


def _spoken(lines: Sequence[Line]) -> Generator[NDArray[np.float32]]:
    """The sounds in order, a few ahead; closing the generator stops what was not begun."""
    with ThreadPoolExecutor(PROCESSES) as pool:
        yield from pool.map(speak, lines)


def _line(text: str, voices: Sequence[str], rng: np.random.Generator) -> Line:
    words = len(text.split())
    pauses = {place for place in range(words - 1) if rng.random() < 0.06}
    voice = Voice(
        voices[int(rng.integers(len(voices)))],
        int(rng.integers(110, 220)),
        int(rng.integers(20, 80)),
        10 * int(rng.choice([0, 0, 0, 1, 3, 6])),
    )
    lead, tail = (int(ms) for ms in rng.integers(20, 400, size=2))
    return Line(text, pronunciation(text, pauses), voice, lead, tail)


def _encoded(sound: NDArray[np.float32]) -> bytes:
    buffer = BytesIO()
    soundfile.write(buffer, sound, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def _manifest(lines: Sequence[Line], splits: Sequence[str]) -> str:
    rows: list[dict[str, str]] = []
    for number, line in enumerate(lines):
        row = {"audio": _file_name(number), "text": line.text, "speaker": line.voice.name}
        rows.append(row | ({"split": splits[number % len(splits)]} if splits else {}))
    return "".join(json.dumps(row) + "\n" for row in rows)


def _file_name(number: int) -> str:
    return f"{number:05d}.flac"


def _refuse_filled(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(
            Finding(
                "Q553",
                "the output folder holds something already",
                f"{folder}",
                "a new or an empty folder",
                "a folder with files in it" if folder.is_dir() else "a file",
                "name another folder, or delete this one",
            )
        )


def _mute(command: Sequence[str], reason: str) -> Finding:
    return Finding(
        "Q511",
        f"{PROGRAM} does not speak",
        " ".join(command),
        "a sound on its standard output",
        reason or "nothing",
        f"{PROGRAM} 1.50 or later with its English voices ({PROGRAM} --voices=en)",
    )
