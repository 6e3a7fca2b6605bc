"""Program files taken apart, and put together again with other parts and right checksums."""

from q4compile.isa.header import HEADER_BYTES, header_of, read_header


def sections_of(data):
    """META, CODE and DATA of a file."""
    header = read_header(data[:HEADER_BYTES], len(data), "x")
    return [data[each.offset : each.stop] for each in header.sections]


def file_of(bodies, target_hash):
    """A file of these sections, right in all but what they hold."""
    header = header_of(target_hash, bodies)
    data = bytearray(header.sections[-1].stop)
    data[:HEADER_BYTES] = header.pack()
    for section, body in zip(header.sections, bodies, strict=True):
        data[section.offset : section.stop] = body
    return bytes(data)
