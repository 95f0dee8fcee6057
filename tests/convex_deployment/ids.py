"""Document ids (convex-backend, `crates/value/src/id_v6.rs` and `base32.rs`)."""

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def encode_id(table_number: int, internal: bytes) -> str:
    """Return the id of a document: table number as a varint, 16 bytes, and their Fletcher-16 sum, in base 32."""
    data = b""
    while table_number >= 0x80:
        data += bytes([table_number & 0x7F | 0x80])
        table_number >>= 7
    data += bytes([table_number]) + internal
    low = high = 0
    for byte in data:
        low = (low + byte) & 0xFF
        high = (high + low) & 0xFF
    data += bytes([low, high])
    bits = int.from_bytes(data) << (-len(data) * 8 % 5)
    count = -(-len(data) * 8 // 5)
    return "".join(ALPHABET[bits >> 5 * place & 31] for place in reversed(range(count)))


def decode_id(text: str) -> tuple[int, bytes]:
    """Return table number and internal bytes. Raises ValueError if the id isn't one that `encode_id` makes."""
    bits = 0
    for character in text:
        bits = bits << 5 | ALPHABET.index(character)
    size = len(text) * 5 // 8
    data = (bits >> (len(text) * 5 - size * 8)).to_bytes(size)
    number = shift = position = 0
    while True:
        byte = data[position]
        number |= (byte & 0x7F) << shift
        shift, position = shift + 7, position + 1
        if byte < 0x80:
            break
    internal = data[position:-2]
    if len(internal) != 16 or encode_id(number, internal) != text:
        raise ValueError(f"{text} is no id")
    return number, internal
