"""What our own driver and tag families do to the tag on a reader, for tests in which other software does the rest.

The functions take and give JSON values: a child on a simulated USB bus runs them too (``rig.call``).
"""

from dpptag import tags
from dpptag.devices import open_nfc, parse_device_path


def write(path: str, message: str, allow_format: bool = False) -> str:
    """Write and verify a message, in hex; what the chip was taken for."""
    with open_nfc(parse_device_path(path)) as reader:
        link = reader.sense()
        assert link is not None
        tag = tags.identify(link)
        assert tags.write_and_verify(link, tag, bytes.fromhex(message), allow_format=allow_format).hex() == message
        return tag.chip_name


def read(path: str) -> str | None:
    """The message on the tag, in hex; None where there is none."""
    with open_nfc(parse_device_path(path)) as reader:
        link = reader.sense()
        assert link is not None
        ndef = tags.identify(link).ndef
        return None if ndef is None else ndef.hex()
