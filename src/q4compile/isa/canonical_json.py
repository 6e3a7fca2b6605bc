"""The one spelling of a JSON value: keys sorted, no blanks, UTF-8, no NaN.

Equal values have equal bytes, so a hash of them, or a file that holds them, says the same thing.
"""

import json


def canonical_json(value: object) -> bytes:
    """The bytes of `value`.

    Raises:
        ValueError: NaN, an infinity, or text with half of a surrogate pair.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8")
