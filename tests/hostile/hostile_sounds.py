"""Voices that try to name other files, to lie, to last for ever, or to trip a parser."""

import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.hostile.hostile_case import AUDIO, LONG, OK, SHORT, Case, noise, truncations
from tests.hostile.sound_files import SEEDS, box, make_seed, outside_reference, syncsafe, wav, with_box

TAKEN, REFUSED, EITHER = (OK,), (AUDIO,), (OK, AUDIO, SHORT)
FINELY_CUT = ("voice.mp3", "voice.m4a", "voice.aac", "voice.ogg", "voice.opus", "voice.webm")
# Those are read from their index, which comes first; the others from frame to frame, so that most of them is heard.
NEED_A_WHOLE_FILE = ("voice.m4a",)


def sounds(scratch: Path) -> Iterator[Case]:
    """Every voice of the corpus; `scratch` is an empty folder."""
    seeds = {name: make_seed(scratch, name, options) for name, options in SEEDS.items()}
    for name, data in seeds.items():
        yield Case(name, data, TAKEN)
        yield from truncations(name, data, EITHER, 1024 if name in FINELY_CUT else 4096)
    yield from _lying_wavs()
    yield from _long_ones(scratch, seeds)
    yield from _mp4s(seeds["voice.m4a"])
    yield from _others(seeds)
    yield from _newer_kinds(seeds)
    yield from _disguised(seeds)


def _lying_wavs() -> Iterator[Case]:
    sound = noise(32_000)
    for rate in (0, 1, 3_999, 768_001, 2**31 - 1, 2**32 - 1):
        yield Case(f"rate_of_{rate}.wav", wav(rate, 1, 16, sound), REFUSED)
    for rate in (4_000, 768_000):
        yield Case(f"rate_of_{rate}.wav", wav(rate, 1, 16, noise(2 * rate)), TAKEN)
    for channels in (0, 65, 65_535):
        yield Case(f"{channels}_channels.wav", wav(16_000, channels, 16, sound), REFUSED)
    for bits in (0, 1, 7, 255, 65_535):
        yield Case(f"{bits}_bits.wav", wav(16_000, 1, bits, sound), EITHER)
    for name, size in (("nothing", 0), ("a_byte", 1), ("2_gigabytes", 2**31), ("4_gigabytes", 2**32 - 1)):
        yield Case(f"promises_{name}.wav", wav(16_000, 1, 16, sound, size=size), EITHER)
    for kind in (0, 0x55, 0x2000, 0xA106, 0xFFFE, 0xFFFF):
        yield Case(f"format_{kind:x}.wav", wav(16_000, 1, 16, sound, kind=kind), EITHER)
    whole = wav(16_000, 1, 16, sound)
    lists = whole[:12] + b"LIST\4\0\0\0INFO" * 300_000 + whole[12:]
    yield Case("300000_lists.wav", lists, EITHER)
    yield Case("format_of_4_gigabytes.wav", whole[:16] + b"\xff\xff\xff\xff" + whole[20:], REFUSED)
    yield Case("no_format.wav", whole[:12] + whole[36:], REFUSED)
    rf64 = b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<IQQQI", 28, 2**63, 2**63, 2**63, 0) + whole[12:]
    yield Case("promises_2_to_the_63.wav", rf64, EITHER)


def _long_ones(scratch: Path, seeds: dict[str, bytes]) -> Iterator[Case]:
    """Hours in little space: the length is what comes out of the decoder, and decoding stops at the limit."""
    yield Case("13_hours.wav", wav(4_000, 1, 8, b"", size=190_000_000), (LONG,), zeros=190_000_000)
    yield Case("391_seconds.wav", wav(8_000, 1, 8, b"", size=391 * 8_000), (LONG,), zeros=391 * 8_000)
    yield Case("silence_of_390_seconds.wav", wav(8_000, 1, 8, b"", size=390 * 8_000), TAKEN, zeros=390 * 8_000)
    yield Case("says_a_second_is_13_hours.wav", wav(16_000, 1, 16, noise(32_000), size=1_500_000_000), TAKEN)
    frames = seeds["voice.aac"]
    yield Case("many_hours.aac", frames * 6_000, (LONG,))
    mp3 = make_seed(scratch, "a.mp3", ("-c:a", "libmp3lame", "-ar", "8000", "-b:a", "8k", "-write_xing", "0"))
    yield Case("hours.mp3", mp3 * 30_000, (LONG,))
    silence = ("-af", "volume=0", "-c:a", "flac", "-ar", "8000")
    flac = cache(lambda: make_seed(scratch, "a.flac", silence, seconds=900))
    yield Case("a_quarter_of_an_hour.flac", flac, (LONG,))
    yield Case(
        "a_quarter_of_an_hour_that_says_a_second.flac",
        lambda: flac()[:18] + b"\x01\xf4\x00\xf0\0\0\x1f\x40" + flac()[26:],
        (LONG, AUDIO),
    )
    few = ("-c:a", "libopus", "-b:a", "6k", "-compression_level", "0")
    yield Case("395_seconds.opus", lambda: make_seed(scratch, "a.ogg", few, seconds=395), (LONG,))
    yield Case("a_thousand_streams_in_a_row.ogg", seeds["voice.ogg"] * 1_000, (LONG, AUDIO))
    slow, fast = ("-c:a", "libvorbis", "-ar", "8000"), ("-c:a", "libvorbis", "-ar", "48000", "-ac", "2")
    both = make_seed(scratch, "s.ogg", slow) + make_seed(scratch, "f.ogg", fast)
    yield Case("rates_that_change.ogg", both * 200, (LONG, AUDIO, OK))


def _mp4s(m4a: bytes) -> Iterator[Case]:
    table = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
    yield Case("sound_in_another_file.m4a", outside_reference(m4a, b"/etc/passwd"), REFUSED)
    yield Case("sound_at_an_address.m4a", outside_reference(m4a, b"http://127.0.0.1:9/x.m4a"), REFUSED)
    many = struct.pack(">IIII", 0, 4, 0x0FFFFFFF, 0)
    yield Case("268_million_samples.m4a", with_box(m4a, (*table, b"stsz"), box(b"stsz", many[:4], many[4:12])), EITHER)
    yield Case(
        "samples_that_are_not_there.m4a", with_box(m4a, (*table, b"stsz"), box(b"stsz", bytes(8), b"\xff" * 4)), EITHER
    )
    for name, field in (("no_time", 0), ("4_billion_ticks", 2**32 - 1)):
        times = struct.pack(">IIII", 0, 1, 2**31, field)
        yield Case(f"samples_of_{name}.m4a", with_box(m4a, (*table, b"stts"), box(b"stts", times)), (*EITHER, LONG))
    edits = struct.pack(">II", 0, 200_000) + struct.pack(">IIHH", 9, 5, 1, 0) * 200_000
    path = (b"moov", b"trak", b"edts", b"elst")
    if b"elst" in m4a:
        yield Case("200000_edits.m4a", with_box(m4a, path, box(b"elst", edits)), EITHER)
    moov = m4a[m4a.index(b"moov") - 4 : m4a.index(b"mdat") - 4]
    trak = moov[moov.index(b"trak") - 4 :]
    trak = trak[: int.from_bytes(trak[:4], "big")]
    head = m4a[: m4a.index(b"moov") - 4]
    yield Case("5000_tracks.m4a", head + box(b"moov", trak * 5_000), REFUSED)
    nested = b""
    for _ in range(5_000):
        nested = box(b"moov", nested)
    yield Case("5000_boxes_in_a_box.m4a", head + nested, REFUSED)
    yield Case("packed_index_bomb.m4a", head + box(b"moov", box(b"cmov", box(b"dcom", b"zlib"), noise(999))), REFUSED)
    yield Case("box_of_zero.m4a", head + bytes(4) + b"free" + m4a[len(head) :], EITHER)
    yield Case("box_of_2_to_the_63.m4a", head + b"\0\0\0\1free\x7f" + b"\xff" * 7 + m4a[len(head) :], REFUSED)
    yield Case("only_a_brand.m4a", head, REFUSED)


def _others(seeds: dict[str, bytes]) -> Iterator[Case]:
    mp3, flac, ogg, webm = (seeds[f"voice.{suffix}"] for suffix in ("mp3", "flac", "ogg", "webm"))
    yield Case("tag_of_268_megabytes.mp3", b"ID3\4\0\0\x7f\x7f\x7f\x7f" + mp3, REFUSED)
    yield Case("tags_in_tags.mp3", b"ID3\4\0\0\0\0\0\0" * 100_000 + mp3, EITHER)
    yield Case(
        "200000_tag_frames.mp3", b"ID3\3\0\0" + syncsafe(11 * 200_000) + b"TXXX\0\0\0\1\0\0a" * 200_000 + mp3, TAKEN
    )
    yield Case("a_million_beginnings.mp3", b"\xff\xfb\x90\x64" * 1_000_000, EITHER)
    yield Case("rate_of_zero.flac", flac[:18] + b"\0\0\0" + flac[21:], EITHER)
    yield Case("picture_of_16_megabytes.flac", flac[:4] + b"\6\xff\xff\xff" + flac[4:], REFUSED)
    yield Case("page_at_the_end_of_time.ogg", ogg[:6] + b"\xff" * 7 + b"\x7f" + ogg[14:], EITHER)
    yield Case("2_billion_hertz.ogg", ogg.replace(struct.pack("<I", 48_000), struct.pack("<I", 2**31 - 1), 1), REFUSED)
    yield Case("255_channels.ogg", ogg.replace(b"\1vorbis\0\0\0\0\1", b"\1vorbis\0\0\0\0\xff", 1), REFUSED)
    cluster = webm.index(b"\x1f\x43\xb6\x75")
    yield Case("element_of_2_to_the_56.webm", webm[: cluster + 4] + b"\1" + b"\xff" * 7 + webm[cluster + 4 :], EITHER)
    yield Case("200000_empty_clusters.webm", webm[:cluster] + b"\x1f\x43\xb6\x75\x80" * 200_000, REFUSED)
    frame = seeds["voice.aac"]
    yield Case("frames_of_no_length.aac", frame[:7].ljust(7) + b"\xff\xf1\x50\x80\0\0\xfc" * 200_000, EITHER)
    marks = {
        "wav": b"RIFF\xff\xff\xff\x7fWAVEfmt ",
        "flac": b"fLaC",
        "ogg": b"OggS",
        "webm": b"\x1a\x45\xdf\xa3",
        "m4a": b"\0\0\0\x1cftypM4A \0\0\0\0",
        "aac": b"\xff\xf1\x50\x80",
        "mp3": b"\xff\xfb\x90\x64",
        "tagged.mp3": b"ID3\4\0\0\0\0\0\0",
        "aiff": b"FORM\x7f\xff\xff\xffAIFF",
        "caf": b"caff\0\1\0\0desc",
        "wma": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
    }
    for suffix, mark in marks.items():
        yield Case(f"noise_behind_the_mark.{suffix}", mark + noise(1_000_000), EITHER)
        yield Case(f"zeros_behind_the_mark.{suffix}", mark, (AUDIO, SHORT), zeros=20_000_000)


def _newer_kinds(seeds: dict[str, bytes]) -> Iterator[Case]:
    """AIFF, CAF, AMR and WMA: lengths, rates and counts that lie, hours in little space, places elsewhere."""
    aiff, caf, wma = (seeds[f"voice.{suffix}"] for suffix in ("aiff", "caf", "wma"))
    comm = aiff.index(b"COMM") + 8
    yield Case("rate_of_zero.aiff", aiff[: comm + 8] + bytes(10) + aiff[comm + 18 :], REFUSED)
    yield Case("rate_of_2_to_the_60.aiff", aiff[: comm + 8] + b"\x40\x3b\x80" + bytes(7) + aiff[comm + 18 :], REFUSED)
    yield Case("65535_channels.aiff", aiff[:comm] + b"\xff\xff" + aiff[comm + 2 :], REFUSED)
    yield Case("4_billion_samples.aiff", aiff[: comm + 2] + b"\xff" * 4 + aiff[comm + 6 :], EITHER)
    yield Case("chunk_of_4_gigabytes.aiff", aiff[:12] + b"ANNO\xff\xff\xff\xff" + aiff[12:], REFUSED)
    yield Case("200000_notes.aiff", aiff[:12] + b"ANNO\0\0\0\2ab" * 200_000 + aiff[12:], EITHER)
    desc = caf.index(b"desc") + 12
    yield Case("rate_that_is_no_number.caf", caf[:desc] + b"\x7f\xf8" + bytes(6) + caf[desc + 8 :], REFUSED)
    yield Case("rate_of_a_billion.caf", caf[:desc] + struct.pack(">d", 1e9) + caf[desc + 8 :], REFUSED)
    yield Case("4_billion_channels.caf", caf[: desc + 24] + b"\xff" * 4 + caf[desc + 28 :], REFUSED)
    yield Case("chunk_of_2_to_the_63.caf", caf[:52] + b"free\x7f" + b"\xff" * 7 + caf[52:], REFUSED)
    yield Case("chunk_of_less_than_nothing.caf", caf[:52] + b"free" + b"\xff" * 8 + caf[52:], EITHER)
    packets = b"pakt" + struct.pack(">qqqii", 24, 2**62, 2**62, 0, 0)
    yield Case("packets_without_end.caf", caf[:52] + packets + caf[52:], EITHER)
    size = caf.index(b"data") + 4
    yield Case("samples_of_untold_length.caf", caf[:size] + b"\xff" * 8 + caf[size + 8 :], TAKEN)
    properties = wma.index(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"))
    yield Case("packets_of_4_gigabytes.wma", wma[: properties + 92] + b"\xff" * 8 + wma[properties + 100 :], EITHER)
    yield Case("played_for_ever.wma", wma[: properties + 64] + b"\xff" * 8 + wma[properties + 72 :], EITHER)
    yield Case("header_of_2_to_the_63.wma", wma[:16] + b"\xff" * 7 + b"\x7f" + wma[24:], EITHER)
    yield Case("object_of_no_length.wma", wma[:46] + bytes(8) + wma[54:], EITHER)
    script = bytes.fromhex("301afb1e620bd011a39b00a0c90348f6") + struct.pack("<Q", 4096)
    script += "URL http://127.0.0.1:9/x".encode("utf-16-le").ljust(4072, b"\0")
    yield Case("script_that_names_an_address.wma", wma[:30] + script + wma[30:], EITHER)
    for mode, size in ((15, 0), (8, 5), (7, 31)):
        frame = bytes([mode << 3 | 4]) + noise(size)
        yield Case(f"hours_of_mode_{mode}.amr", b"#!AMR\n" + frame * 40_000, (LONG, *EITHER))
        yield Case(f"a_second_of_mode_{mode}.amr", b"#!AMR\n" + frame * 50, EITHER)
    yield Case("hours_of_nothing.amr", b"#!AMR-WB\n" + b"\x7c" * 2_000_000, (LONG, *EITHER))
    yield Case("several_channels.amr", b"#!AMR_MC1.0\n\0\0\0\x06" + noise(2_000), REFUSED)


def _disguised(seeds: dict[str, bytes]) -> Iterator[Case]:
    yield Case("an_mp3_named.wav", seeds["voice.mp3"], TAKEN)
    yield Case("a_wav_named.mp3", seeds["voice.wav"], TAKEN)
    yield Case("archive_behind_it.wav", seeds["voice.wav"] + b"PK\3\4" + noise(999), TAKEN)
    yield Case("playlist_behind_it.mp3", seeds["voice.mp3"] + b"\n#EXTM3U\nfile:///etc/passwd\n", TAKEN)
    for name, text in TEXTS.items():
        yield Case(f"{name}.mp3", text.encode(), REFUSED)
    playlist = TEXTS["playlist"]
    yield Case("playlist_in_utf16.mp3", playlist.encode("utf-16"), REFUSED)
    yield Case("playlist_with_a_mark.mp3", playlist.encode("utf-8-sig"), REFUSED)
    yield Case("playlist_behind_blanks.mp3", b"\r\n \t" * 300 + playlist.encode(), REFUSED)
    yield Case("playlist_behind_a_tag.mp3", b"ID3\4\0\0\0\0\0\0" + playlist.encode(), REFUSED)
    yield Case("playlist_in_a_wav.wav", b"RIFF\0\0\0\0WAVE" + playlist.encode() * 99, REFUSED)
    for name, head in HEADS.items():
        yield Case(f"{name}_named.mp3", head + noise(2_000), REFUSED)


TEXTS = {
    "playlist": "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
    "playlist_of_addresses": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://169.254.169.254/latest/\n#EXT-X-ENDLIST\n",
    "playlist_with_a_key": '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="file:///etc/passwd"\n#EXTINF:9,\na.ts\n',
    "playlist_of_joined_files": "#EXTM3U\n#EXTINF:1,\nconcat:/etc/passwd|/etc/hostname\n",
    "concat_script": "ffconcat version 1.0\nfile '/etc/passwd'\n",
    "concat_script_without_a_head": "file '/etc/passwd'\nduration 1\n",
    "address_of_joined_files": "concat:/etc/passwd|/etc/hostname",
    "address_of_a_part": "subfile,,start,0,end,99,,:/etc/passwd",
    "pls": "[playlist]\nFile1=/etc/passwd\nNumberOfEntries=1\n",
    "asx": '<asx version="3.0"><entry><ref href="file:///etc/passwd"/></entry></asx>',
    "xspf": '<?xml version="1.0"?><playlist><trackList><track><location>file:///etc/passwd</location></track></trackList>',
    "smil": '<smil><body><audio src="file:///etc/passwd"/></body></smil>',
    "dash": '<?xml version="1.0"?><MPD><BaseURL>file:///etc/</BaseURL></MPD>',
    "sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\n",
    "rtsp": "RTSPtext\nrtsp://127.0.0.1/x\n",
    "metadata": ";FFMETADATA1\ntitle=x\n",
    "srt": "1\n00:00:00,000 --> 00:00:09,000\nHello\n",
    "webvtt": "WEBVTT\n\n00:00.000 --> 00:09.000\nHello\n",
    "ass": "[Script Info]\nScriptType: v4.00+\n",
    "microdvd": "{0}{25}Hello\n",
    "sami": "<SAMI><BODY><SYNC Start=0><P>Hello</SAMI>",
    "page": "<!DOCTYPE html>\n<html><body>Sign in to download</body></html>",
    "json": '{"error": "the link has expired"}',
    "xml": "<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "letter": "Dear sir, this is a letter.\n" * 40,
    "nothing": "",
    "a_character": "a",
}
HEADS = {
    "avi": b"RIFF\0\0\0\0AVI LIST",
    "aiff": b"FORM\0\0\0\0AIFFCOMM",
    "au": b".snd\0\0\0\x18",
    "caf": b"caff\0\1\0\0",
    "wave64": b"riff.\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0",
    "amr": b"#!AMR\n",
    "midi": b"MThd\0\0\0\6",
    "wavpack": b"wvpk\0\0\0\0",
    "windows_media": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    "flash": b"FLV\1\5\0\0\0\x09",
    "transport_stream": b"\x47\x40\0\x10",
    "programme_stream": b"\0\0\1\xba",
    "gif": b"GIF89a",
    "png": b"\x89PNG\r\n\x1a\n",
    "jpeg": b"\xff\xd8\xff\xe0",
    "webp": b"RIFF\0\0\0\0WEBPVP8 ",
    "heic": b"\0\0\0\x18ftypheic",
    "zip": b"PK\3\4",
    "gzip": b"\x1f\x8b\x08\0",
    "pdf": b"%PDF-1.7\n",
    "program": b"\x7fELF\2\1\1\0",
    "old_quicktime": b"\0\0\0\x20moov\0\0\0\x18mvhd",
    "noise": b"\x01\x02\x03\x04",
}
