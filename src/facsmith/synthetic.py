"""IPTC's mark of synthetic media, as XMP: what a machine reads to know that a picture or film was generated.

Source: IPTC Photo Metadata Standard, property Digital Source Type; XMP Specification Part 3 for each container. A
packet is found by its text, as Part 1 allows, so one reader serves every container.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from facsmith import __version__
from facsmith.errors import InputError

__all__ = ["CAPTURED", "COMPOSITE", "GENERATED", "KEY", "mp4_box", "packet", "provenance", "read_source_type"]

_VOCABULARY: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
GENERATED: Final = f"{_VOCABULARY}trainedAlgorithmicMedia"
"""Wholly drawn by a trained network."""
COMPOSITE: Final = f"{_VOCABULARY}compositeWithTrainedAlgorithmicMedia"
"""A photo of which a trained network changed a part."""
CAPTURED: Final = f"{_VOCABULARY}compositeCapture"
"""Several photos laid together, without a trained network."""
KEY: Final = "digitalsourcetype"
"""Key of the type in the text that every file holds (`facsmith.image.provenance`)."""

_XMP_BOX: Final = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_FOUND: Final = re.compile(rb'Iptc4xmpExt:DigitalSourceType(?:=["\']|>)\s*(http[^"\'<\s]{1,200})')
_CHUNK, _OVERLAP = 1 << 20, 512


def provenance(model: Mapping[str, Any], source_type: str = COMPOSITE) -> dict[str, str]:
    """What the file says inside, beside what every file of ours says: which generator drew it, and into what."""
    return {
        KEY: source_type,
        "comment": f"Synthetic: facial expression made by facsmith {__version__} with {model['generator_id']}",
    }


def packet(source_type: str) -> bytes:
    """The XMP packet, UTF-8, that says where the pixels come from.

    Raises
    ------
    InputError
        Another type than ``GENERATED``, ``COMPOSITE`` or ``CAPTURED``.
    """
    if source_type not in (GENERATED, COMPOSITE, CAPTURED):
        raise InputError(f"{source_type} is no digital source type here; give {GENERATED}, {COMPOSITE} or {CAPTURED}.")
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f"<Iptc4xmpExt:DigitalSourceType>{source_type}</Iptc4xmpExt:DigitalSourceType>"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def mp4_box(source_type: str) -> bytes:
    """The packet as MP4's top-level ``uuid`` box, which may stand at the end of the file."""
    data = _XMP_BOX + packet(source_type)
    return (len(data) + 8).to_bytes(4, "big") + b"uuid" + data


def read_source_type(path: str | os.PathLike[str]) -> str | None:
    """The digital source type (a URI) of a file, whatever its container; None where none is stored.

    Raises
    ------
    InputError
        No such file.
    """
    try:
        with open(Path(path), "rb") as file:
            kept = b""
            while chunk := file.read(_CHUNK):
                if found := _FOUND.search(kept + chunk):
                    return found[1].decode("ascii", "replace")
                kept = chunk[-_OVERLAP:]
    except OSError as error:
        raise InputError(f"Could not read {path}: {error.strerror or error}. Check the path.") from error
    return None
