"""Small corpora, in the layouts of the big ones."""

import pytest
from small_corpora import sphere, write_sound


@pytest.fixture
def an4_folder(tmp_path):
    """AN4's layout with its three splits: WAV, SPHERE and FLAC."""
    root = tmp_path / "an4"
    lists = {
        "an4_train.fileids": "an4_clstk/fash/an251-fash-b\nan4_clstk/mjbh/cen1-mjbh-b\n",
        "an4_train.transcription": "<s> YES </s> (an251-fash-b)\n<s> T I  M </s> (cen1-mjbh-b)\n",
        "an4_test.fileids": "an4test_clstk/fcaw/an406-fcaw-b\n",
        "an4_test.transcription": "RUBOUT G M (an406-fcaw-b)\n",
    }
    (root / "etc").mkdir(parents=True)
    for name, text in lists.items():
        (root / "etc" / name).write_text(text)
    write_sound(root / "wav/an4_clstk/fash/an251-fash-b.wav")
    write_sound(root / "wav/an4_clstk/mjbh/cen1-mjbh-b.flac")
    (root / "wav/an4test_clstk/fcaw").mkdir(parents=True)
    (root / "wav/an4test_clstk/fcaw/an406-fcaw-b.sph").write_bytes(sphere(range(1600)))
    return root


@pytest.fixture
def librispeech_folder(tmp_path):
    """LibriSpeech's layout with two development splits and one for training."""
    root = tmp_path / "LibriSpeech"
    for split, speaker in (("dev-clean", 84), ("dev-other", 116), ("train-clean-5", 1088)):
        chapter = root / split / f"{speaker}" / "121123"
        name = f"{speaker}-121123-0000"
        write_sound(chapter / f"{name}.flac")
        (chapter / f"{speaker}-121123.trans.txt").write_text(f"{name} GO DO YOU HEAR\n")
    return root
