"""Portraits that try to cost too much, to be something else, or to trip a parser."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from functools import cache, partial

from PIL import Image, ImageCms

from tests.hostile.hostile_case import IMAGE, OK, Case, noise, truncations
from tests.hostile.hostile_rare_pictures import rare_pictures
from tests.hostile.picture_files import (
    END,
    PNG,
    SCAN,
    entry,
    exif,
    flat_jpeg,
    noise_picture,
    png,
    resized,
    saved,
    with_canvas,
    with_segment,
)
from tests.media.colour_files import chunk

FITS, REFUSED, EITHER = (OK,), (IMAGE,), (OK, IMAGE)


def pictures() -> Iterator[Case]:
    """Every portrait of the corpus."""
    yield from _sizes()
    yield from _png_bombs()
    yield from _jpeg_bombs()
    yield from _webp_bombs()
    yield from _exif_and_colour()
    yield from _polyglots()
    yield from _other_kinds()
    yield from rare_pictures()
    yield from _broken()
    photograph = noise_picture((160, 120))
    yield from truncations("photograph.jpg", saved(photograph, "JPEG", quality=85), REFUSED)
    yield from truncations("progressive.jpg", saved(photograph, "JPEG", quality=85, progressive=True), REFUSED)
    yield from truncations("drawing.png", saved(photograph.resize((80, 80)), "PNG"), REFUSED)
    yield from truncations("photograph.webp", saved(photograph, "WEBP", quality=95), REFUSED)


def _sizes() -> Iterator[Case]:
    empty = zlib.compress(b"")
    for width, height in ((8000, 5001), (30_000, 30_000), (2**31 - 1, 2**31 - 1), (2**32 - 1, 1), (0, 64), (30_001, 9)):
        yield Case(f"header_{width}x{height}.png", png(width, height, pixels=empty), REFUSED)
    yield Case("40_megapixels.png", partial(png, 8000, 5000), FITS)
    yield Case("40_megapixels_rgba.png", partial(png, 8000, 5000, colour=6), FITS)
    yield Case("40_megapixels_16_bit.png", partial(png, 8000, 5000, depth=16), FITS)
    turned = chunk(b"eXIf", exif(entry(0x0112, 3, 1, 6)))
    yield Case("40_megapixels_turned.png", partial(png, 8000, 5000, turned), FITS)
    yield Case("64_lines_of_30000.png", png(30_000, 64), FITS)
    yield Case("one_line_of_30000.png", png(30_000, 1), REFUSED)
    yield Case("one_pixel.png", png(1, 1), REFUSED)
    small = Image.new("RGB", (64, 64), "red")
    for name, width, height in (("zero", 0, 64), ("65535", 65_535, 65_535), ("256_megapixels", 16_000, 16_000)):
        yield Case(f"header_{name}.jpg", resized(saved(small, "JPEG"), width, height), REFUSED)
    for megapixels, width, height in ((50, 8160, 6120), (108, 12_000, 9000), (200, 16_320, 12_240)):
        yield Case(f"{megapixels}_megapixels.jpg", flat_jpeg(width, height), FITS)
        yield Case(f"{megapixels}_megapixels_cut.jpg", flat_jpeg(width, height)[:-99_000] + b"\xff\xd9", REFUSED)
    yield Case("40_megapixels.jpg", lambda: saved(Image.new("RGB", (8000, 5000), "red"), "JPEG"), FITS)
    yield Case("40_megapixels_cmyk.jpg", lambda: saved(Image.new("CMYK", (8000, 5000), "red"), "JPEG"), FITS)
    yield Case("header_16384x16384.webp", with_canvas(saved(small.convert("RGBA"), "WEBP"), 16_384, 16_384), REFUSED)
    yield Case("header_larger_than_its_frame.webp", with_canvas(saved(small.convert("RGBA"), "WEBP"), 999, 999), EITHER)
    yield Case("14_megapixels.webp", lambda: saved(Image.new("RGB", (4000, 3500), "red"), "WEBP", method=0), FITS)


def _png_bombs() -> Iterator[Case]:
    megabyte = zlib.compress(bytes(1_000_000), 9)
    text, zeros = chunk(b"zTXt", b"a\0\0" + megabyte), cache(lambda: _zeros(200_000_000))
    yield Case("text_of_half_a_gigabyte.png", png(64, 64, text * 500), FITS)
    yield Case(
        "text_of_200_megabytes_in_a_chunk.png", lambda: png(64, 64, chunk(b"iTXt", b"a\0\1\0\0\0" + zeros())), FITS
    )
    yield Case("profile_of_200_megabytes.png", lambda: png(64, 64, chunk(b"iCCP", b"a\0\0" + zeros())), FITS)
    yield Case("pixels_of_200_megabytes.png", lambda: png(64, 64, pixels=zeros()), EITHER)
    yield Case("a_million_chunks.png", png(64, 64, chunk(b"tEXt", b"") * 1_000_000), FITS)
    pixels = zlib.compress(bytes(64 * (64 * 3 + 1)))
    single = b"".join(chunk(b"IDAT", pixels[i : i + 1]) for i in range(len(pixels)))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0))
    yield Case("a_million_empty_pixel_chunks.png", PNG + header + chunk(b"IDAT", b"") * 1_000_000 + single + END, FITS)
    yield Case("two_headers.png", png(64, 64, chunk(b"IHDR", struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0))), FITS)
    yield Case("animation_of_20000_frames.png", partial(_apng, 20_000), FITS)
    yield Case("animation_of_4_billion_frames.png", png(64, 64, chunk(b"acTL", b"\xff" * 8)), FITS)
    yield Case("palette_without_colours.png", png(64, 64, colour=3), EITHER)
    for depth, colour in ((3, 2), (32, 0), (8, 5), (0, 0)):
        yield Case(f"depth_{depth}_colour_{colour}.png", png(64, 64, depth=depth, colour=colour), REFUSED)
    yield Case("chunk_of_4_gigabytes.png", PNG + header + b"\xff\xff\xff\xfftEXt" + bytes(99), REFUSED)


def _zeros(size: int) -> bytes:
    """Packed: a thousandth of it."""
    packer, block = zlib.compressobj(9), bytes(1_000_000)
    return b"".join([*(packer.compress(block) for _ in range(size // len(block))), packer.flush()])


def _apng(frames: int) -> bytes:
    pixels = zlib.compress(bytes(64 * (64 * 3 + 1)))

    def control(number: int) -> bytes:
        return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, 64, 64, 0, 0, 1, 10, 0, 0))

    parts = [control(2 * n - 1) + chunk(b"fdAT", struct.pack(">I", 2 * n) + pixels) for n in range(1, frames)]
    return png(64, 64, chunk(b"acTL", struct.pack(">II", frames, 0)), control(0))[: -len(END)] + b"".join(parts) + END


def _jpeg_bombs() -> Iterator[Case]:
    plain = saved(noise_picture((64, 64)), "JPEG")
    progressive = saved(noise_picture((64, 64)), "JPEG", progressive=True, subsampling=0)
    last = progressive[progressive.rindex(SCAN) : -2]
    for scans, size, expected in (
        (20_000, (64, 64), REFUSED),
        (100, (8000, 5000), REFUSED),
        (40, (6000, 4000), EITHER),
    ):
        repeated = resized(progressive, *size)[:-2] + last * scans + b"\xff\xd9"
        yield Case(f"{scans}_scans_of_{size[0]}x{size[1]}.jpg", repeated, expected)
    yield Case("progressive_of_40_megapixels.jpg", resized(progressive, 8000, 5000), REFUSED)
    yield Case(
        "progressive_of_24_megapixels.jpg",
        lambda: saved(Image.new("RGB", (6000, 4000), "red"), "JPEG", progressive=True),
        FITS,
    )
    yield Case("a_million_comments.jpg", plain[:2] + b"\xff\xfe\0\2" * 1_000_000 + plain[2:], REFUSED)
    yield Case("a_million_fill_bytes.jpg", plain[:2] + b"\xff" * 5_000_000 + plain[2:], FITS)
    yield Case("a_million_stuffed_bytes.jpg", plain[:-2] + b"\xff\0" * 5_000_000 + plain[-2:], FITS)
    yield Case("segment_past_the_end.jpg", plain[:2] + b"\xff\xe5\xff\xff" + plain[2:200], REFUSED)
    yield Case("no_components.jpg", plain.replace(b"\x03\x01\x22\x00\x02\x11", b"\x00\x01\x22\x00\x02\x11", 1), REFUSED)
    yield Case("two_frames.jpg", plain[:2] + plain[plain.index(b"\xff\xc0") :][:19] + plain[2:], EITHER)
    yield Case("no_scan.jpg", plain[: plain.index(SCAN)] + b"\xff\xd9", REFUSED)


def _webp_bombs() -> Iterator[Case]:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green")]
    animation = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=40)
    place = animation.rindex(b"ANMF")
    body = animation[8:] + animation[place:] * 20_000
    yield Case("animation_of_20000_frames.webp", b"RIFF" + struct.pack("<I", len(body)) + body, FITS)
    single = saved(noise_picture((64, 64)), "WEBP")
    yield Case("riff_size_of_4_gigabytes.webp", single[:4] + b"\xff" * 4 + single[8:], EITHER)
    yield Case("riff_size_of_zero.webp", single[:4] + bytes(4) + single[8:], EITHER)
    many = single[12:] + b"JUNK\0\0\0\0" * 1_000_000
    yield Case("a_million_chunks.webp", b"RIFF" + struct.pack("<I", 4 + len(many)) + b"WEBP" + many, EITHER)
    yield Case("only_a_header.webp", single[:16], REFUSED)


def _exif_and_colour() -> Iterator[Case]:
    many = exif(*(entry(tag, 7, 60_000, 26) for tag in range(0x8000, 0x8000 + 5000))) + bytes(600)
    large = exif(*(entry(tag, 7, 9_000_000, 26) for tag in range(65_000)))
    blocks = {
        "reads_300_megabytes": many,
        "points_to_itself": b"MM\0*\0\0\0\x08\0\1" + b"\x87\x69\0\4\0\0\0\1\0\0\0\x08" + b"\0\0\0\x08",
        "promises_65535_entries": exif(entry(0x0112, 3, 1, 6), count=65_535),
        "orientation_9": exif(entry(0x0112, 3, 1, 9)),
        "orientation_of_4_billion_values": exif(entry(0x0112, 3, 2**32 - 1, 6)),
        "directory_at_4_gigabytes": b"II*\0\xff\xff\xff\xff",
        "noise": noise(5000),
    }
    for name, block in blocks.items():
        yield Case(f"exif_{name}.jpg", with_segment(1, b"Exif\0\0" + block), FITS)
    yield Case("exif_reads_500_gigabytes.png", png(64, 64, chunk(b"eXIf", large + bytes(9_000_000))), FITS)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    odd = srgb.replace("sRGB".encode("utf-16-be"), "mine".encode("utf-16-be"))  # or it would not be looked at
    profiles = {
        "odd": odd,
        "cut": odd[:200],
        "noise": odd[:128] + noise(9000),
        "many_tags": odd[:128] + b"\xff" * 4 + odd[132:],
    }
    for name, profile in profiles.items():
        yield Case(f"profile_{name}.jpg", with_segment(2, b"ICC_PROFILE\0\1\1" + profile), FITS)
        yield Case(f"profile_{name}.png", png(64, 64, chunk(b"iCCP", b"a\0\0" + zlib.compress(profile))), FITS)
    few, many = _elements(2000), _elements(500_000)
    yield Case("profile_of_2000_elements.jpg", with_segment(2, b"ICC_PROFILE\0\1\1" + few), FITS)
    yield Case("profile_of_500000_elements.png", png(64, 64, chunk(b"iCCP", b"a\0\0" + zlib.compress(many))), FITS)
    profile = chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(4_000_000), 9))
    yield Case("profiles_4000.png", png(64, 64, profile * 4000), FITS)
    multi = with_segment(2, b"MPF\0MM\0*\0\0\0\x08" + struct.pack(">H", 60_000) + noise(900))
    yield Case("second_pictures_60000.jpg", multi, FITS)


def _elements(count: int) -> bytes:
    """A colour profile whose conversion is a matrix, `count` times."""
    matrix = b"matf\0\0\0\0" + struct.pack(
        ">HH12f", 3, 3, *(0.9, 0.05, 0.05, 0.05, 0.9, 0.05, 0.05, 0.05, 0.9, 0, 0, 0)
    )
    place = struct.pack(">II", 16 + 8 * count, len(matrix))
    tag = b"mpet\0\0\0\0" + struct.pack(">HHI", 3, 3, count) + place * count + matrix
    description = b"desc\0\0\0\0" + struct.pack(">I", 2) + b"x".ljust(80, b"\0")
    start = 128 + 4 + 2 * 12
    table = struct.pack(">I", 2) + b"desc" + struct.pack(">II", start, len(description))
    table += b"D2B0" + struct.pack(">II", start + len(description), len(tag))
    size = start + len(description) + len(tag)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x04400000, b"scnr", b"RGB ", b"XYZ ")
    white = struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + white
    return head.ljust(128, b"\0") + table + description + tag


def _polyglots() -> Iterator[Case]:
    picture, photograph = png(64, 64), saved(Image.new("RGB", (64, 64), "red"), "JPEG")
    script, page = b"#!/bin/sh\nid\n", b"<html><script>alert(1)</script></html>"
    yield Case("archive_behind_it.png", picture + b"PK\3\4" + noise(999), FITS)
    yield Case("script_behind_it.jpg", photograph + script, FITS)
    yield Case("page_in_a_comment.jpg", photograph[:2] + b"\xff\xfe\0\x2a" + page.ljust(40) + photograph[2:], FITS)
    yield Case("gif_before_it.jpg", b"GIF89a" + photograph, REFUSED)
    yield Case("pdf_before_it.jpg", b"%PDF-1.4\n" + photograph, REFUSED)
    yield Case("page_before_it.png", page + picture, REFUSED)
    yield Case("a_jpeg_named.png", photograph, FITS)
    yield Case("a_png_named.jpg", picture, FITS)


def _other_kinds() -> Iterator[Case]:
    image = Image.new("RGB", (64, 64), "red")
    for format_ in ("GIF", "BMP", "TIFF", "AVIF"):
        yield Case(f"{format_.lower()}_named.png", saved(image, format_), FITS)
    for format_ in ("ICO", "PPM", "TGA", "EPS", "PDF", "JPEG2000"):
        yield Case(f"{format_.lower()}_named.png", saved(image, format_), REFUSED)
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
    entity = b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>'
    named: dict[str, bytes] = {
        "svg": svg,
        "entity": entity,
        "page": b"<!DOCTYPE html><html><body>Sign in</body></html>",
        "json": b'{"error": "not found"}',
        "heic": b"\0\0\0\x18ftypheic" + bytes(64),
        "photoshop": b"8BPS\0\1" + bytes(64),
        "mvg": b"push graphic-context\nimage over 0,0 0,0 'https://127.0.0.1/x'\n",
        "playlist": b"#EXTM3U\nfile:///etc/passwd\n",
        "wav": b"RIFF\x24\0\0\0WAVEfmt " + bytes(99),
        "mp4": b"\0\0\0\x18ftypisom" + bytes(64),
        "empty": b"",
        "one_byte": b"\xff",
        "zeros": bytes(100_000),
        "noise": noise(100_000),
    }
    yield from (Case(f"{name}_named.png", data, REFUSED) for name, data in named.items())


def _broken() -> Iterable[Case]:
    marks = {"png": PNG, "jpg": b"\xff\xd8\xff\xe0", "webp": b"RIFF\xff\xff\0\0WEBPVP8 "}
    for suffix, mark in marks.items():
        yield Case(f"noise_behind_the_mark.{suffix}", mark + noise(200_000), REFUSED)
        yield Case(f"nothing_behind_the_mark.{suffix}", mark, REFUSED)
