"""The mark that a finished MP4 carries: that its picture was made by AI, in words and for machines.

For people, and players that show it: a comment (written by the encoder). For machines: XMP with IPTC's digital source
type (https://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia), in the `uuid` box that XMP has in MP4
(Adobe, XMP Specification Part 3, "MPEG-4"). Neither holds anything of the caller's.
"""

import uuid
from pathlib import Path
from xml.sax.saxutils import escape

from contract.version import VERSION
from media.boxes import insert_before_media

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COMMENT = "AI-generated video: the picture was made by an AI model from a portrait and a voice"
TOOL = "talking-video worker"
XMP_BOX = uuid.UUID("be7acfcb-97a9-42e8-9c71-999491e3afac")
PACKET = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/">
   <Iptc4xmpExt:DigitalSourceType>{kind}</Iptc4xmpExt:DigitalSourceType>
   <Iptc4xmpExt:AISystemUsed>{model}</Iptc4xmpExt:AISystemUsed>
   <xmp:CreatorTool>{tool}</xmp:CreatorTool>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


def xmp(model: str) -> bytes:
    """The XMP packet of a video that `model` (its family's name) made."""
    tool = escape(f"{TOOL} {VERSION}")
    return PACKET.format(kind=DIGITAL_SOURCE_TYPE, model=escape(model), tool=tool).encode()


def add_xmp(video: Path, target: Path, model: str) -> None:
    """Write an MP4 of our encoder to `target`, with the XMP in it.

    Raises:
        UnexpectedFileError: it is no MP4 of our encoder.
        OSError: the disk.
    """
    packet = xmp(model)
    box = (8 + 16 + len(packet)).to_bytes(4, "big") + b"uuid" + XMP_BOX.bytes + packet
    insert_before_media(video, target, box)
