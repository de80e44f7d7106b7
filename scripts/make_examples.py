"""Make the sample media and sample requests: `python scripts/make_examples.py [DEST]` (default: examples/).

Promises: every file is made here, none is fetched: the pictures are drawn with Pillow, the voices are
espeak-ng's. With the same versions of Pillow, espeak-ng and ffmpeg every run writes the same bytes.
The clips are 24 kHz mono 16-bit WAV with a peak of -3 dBFS. The requests name their sources relative
to DEST, so they run where INPUT_ROOTS is DEST. Those in DEST/ready bring theirs along, and run anywhere.
"""

import json
import shutil
import subprocess
import sys
import wave
from array import array
from pathlib import Path
from typing import Any

from drawing import Canvas, Colour, oval
from people import ANNA, BEN, Person
from PIL import Image
from portraits import HEAD, draw_person
from ready_examples import WOMAN, write_ready

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

SKY: Colour = (176, 204, 222)
SAND: Colour = (240, 220, 206)
NIGHT: Colour = (38, 44, 92)
EMBERS: Colour = (214, 112, 70)
PORTRAIT_SIZE = (832, 1216)
PORTRAIT_AT = (416.0, 486.0, 1.0)
DUO_SIZE = (1216, 832)
DUO_AT = {"anna": (304.0, 372.0, 0.72), "ben": (912.0, 372.0, 0.72)}

SAMPLE_RATE = 24_000
PEAK = round(32_767 * 10 ** (-3 / 20))
SILENCE = 160
PAUSE = SAMPLE_RATE // 10
SCENE_SECONDS, SCENE_FPS = 5, 30
# name: voice of espeak-ng, words a minute, pitch, text
CLIPS = {
    "hello": ("en-us+f3", 150, 52, "Hello! I turn a picture and a voice into a video."),
    "anna": ("en-us+f3", 150, 52, "Hi Ben! Did you know that a single picture can talk?"),
    "ben": ("en-gb+m3", 150, 38, "Yes Anna, and two of us can, each with a voice of our own."),
}

PAIR = "a woman in a green jacket on the left and a man in a blue sweater on the right"


def draw(
    size: tuple[int, int],
    people: list[tuple[Person, tuple[float, float, float]]],
    light: tuple[Colour, Colour] = (SKY, SAND),
) -> Image.Image:
    """A picture of these people, each at (x, y, scale), before a soft light in two colours, above and below."""
    canvas = Canvas(*size)
    canvas.backdrop(*light)
    for _, (x, y, scale) in people:
        canvas.place(x, y - 40 * scale, scale)
        canvas.fill(oval(0, 0, 330, 330), (255, 255, 255), alpha=0.5, soft=132)
    for person, (x, y, scale) in people:
        draw_person(canvas, person, x, y, scale)
    return canvas.finished()


def head_region(who: str) -> list[float]:
    """Where somebody's head is in duo.png: left, top, right, bottom as fractions of the picture."""
    x, y, scale = DUO_AT[who]
    left, top, right, bottom = HEAD
    width, height = DUO_SIZE
    return [
        round((x + left * scale) / width, 3),
        round((y + top * scale) / height, 3),
        round((x + right * scale) / width, 3),
        round((y + bottom * scale) / height, 3),
    ]


def speak(voice: str, words_per_minute: int, pitch: int, text: str) -> "array[int]":
    """The text as 24 kHz samples: silence around it cut to a tenth of a second, peak at -3 dBFS."""
    say = ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "-p", str(pitch), "--stdout", text]
    spoken = subprocess.run(say, check=True, capture_output=True).stdout
    resample = ["ffmpeg", "-v", "error", "-i", "pipe:0", "-ar", str(SAMPLE_RATE), "-ac", "1", "-f", "s16le", "pipe:1"]
    pcm = subprocess.run(resample, check=True, capture_output=True, input=spoken).stdout
    samples = array("h", pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    loud = [i for i, sample in enumerate(samples) if abs(sample) > SILENCE]
    kept = samples[loud[0] : loud[-1] + 1]
    gain = PEAK / max(abs(sample) for sample in kept)
    quiet = array("h", [0] * PAUSE)
    return quiet + array("h", [round(sample * gain) for sample in kept]) + quiet


def write_wav(path: Path, samples: "array[int]") -> None:
    """Samples as a WAV file."""
    stored = samples[:]
    if sys.byteorder == "big":
        stored.byteswap()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(stored.tobytes())


def write_mp3(source: Path, path: Path) -> None:
    """The same sound as MP3, 64 kbit/s."""
    exact = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
    convert = ["ffmpeg", "-v", "error", "-y", "-i", str(source), "-b:a", "64k", "-ac", "1", *exact, str(path)]
    subprocess.run(convert, check=True)


def write_scene(picture: Path, path: Path) -> None:
    """A video to dub: the camera moves up to the picture's person for SCENE_SECONDS, in a room that hums softly."""
    pictures = SCENE_SECONDS * SCENE_FPS
    moving = (
        f"zoompan=z='1+0.5*on/{pictures}':x='(iw-iw/zoom)/2':y='(ih-ih/zoom)/4':d={pictures}:s=400x576:fps={SCENE_FPS}"
    )
    hum = f"anoisesrc=color=brown:amplitude=0.05:seed=1:duration={SCENE_SECONDS}:sample_rate=48000"
    inputs = ["-i", str(picture), "-f", "lavfi", "-i", hum]
    coded = ["-c:v", "libx264", "-crf", "28", "-pix_fmt", "yuv420p", "-threads", "1", "-c:a", "aac", "-b:a", "48k"]
    exact = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]
    command = ["ffmpeg", "-v", "error", "-y", *inputs, "-vf", moving, "-shortest", *coded, *exact, str(path)]
    subprocess.run(command, check=True)


def write_call(left: Path, right: Path, path: Path) -> None:
    """Two clips as a conversation, the second where the first ends, each on a channel of its own: MP3, 96 kbit/s."""
    voices = []
    for clip in (left, right):
        with wave.open(str(clip), "rb") as file:
            voices.append(array("h", file.readframes(file.getnframes())))
    first, second = voices
    pcm = array("h", bytes(4 * (len(first) + len(second))))
    pcm[0 : 2 * len(first) : 2] = first
    pcm[2 * len(first) + 1 :: 2] = second
    exact = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact", "-joint_stereo", "0"]
    raw = ["-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "2", "-i", "pipe:0"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *raw, "-b:a", "96k", *exact, str(path)], check=True, input=pcm)


def write_over_music(clip: Path, path: Path) -> None:
    """A clip over held chords: MP3, 64 kbit/s."""
    tones = "+".join(f"sin(2*PI*{tone}*t)" for tone in (220, 277, 330))
    music = ["-f", "lavfi", "-i", f"aevalsrc='0.025*({tones})*(0.8+0.2*sin(2*PI*t/2))':s={SAMPLE_RATE}"]
    mix = ["-filter_complex", "[0][1]amix=inputs=2:duration=first:normalize=0", "-b:a", "64k", "-ac", "1"]
    exact = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", str(clip), *music, *mix, *exact, str(path)], check=True)


def one_person_requests() -> dict[str, dict[str, Any]]:
    """Requests with portrait.png, by name."""
    base = {"image_url": "portrait.png", "audio_urls": ["hello.wav"], "positive_prompt": WOMAN}
    return {
        "one-speaker": base,
        "infinitetalk": {**base, "audio_urls": ["hello.mp3"], "mode": "infinitetalk"},
        "over-music": {**base, "audio_urls": ["over-music.mp3"], "voice": "separate"},
        "scenes": {
            **base,
            "mode": "infinitetalk",
            "window_frames": 33,
            "scenes": [
                {"at": 1.3, "prompt": f"{WOMAN}, and smiles", "image_url": "evening.png"},
                {"at": 2.3, "prompt": f"{WOMAN}, and looks surprised"},
                {"at": 3.2, "prompt": WOMAN, "image_url": "portrait.png"},
            ],
        },
        "720p": {**base, "resolution": "720p"},
        "quality": {**base, "quality": "best"},
        "balanced": {
            **{**base, "mode": "infinitetalk"},
            "negative_prompt": "hands in front of the face, laughing, camera movement",
            **{"quality": "balanced", "preview": True},
        },
        "fps-30": {**base, "fps": 30},
        "low-memory": {**base, "use_block_swap": True, "blocks_to_swap": 30},
        "metadata": {
            **base,
            "seed": 20240613,
            "metadata": {"customer": "c-1017", "campaign": "spring", "attempt": 1},
        },
    }


def dubbed_requests() -> dict[str, dict[str, Any]]:
    """Requests with scene.mp4, by name."""
    base = {
        "video_url": "scene.mp4",
        "audio_urls": ["hello.wav"],
        "positive_prompt": WOMAN,
        "mode": "infinitetalk",
    }
    motion = {"follow": "motion", "motion_strength": 0.5, "scheduler": "dpm++_sde"}
    return {
        "dub": {**base, "keep_sound": "under", "resolution": "480p"},
        "dub-motion": {**base, **motion, "resolution": "480p"},
    }


def two_people_requests() -> dict[str, dict[str, Any]]:
    """Requests with duo.png, by name."""
    duo = {"image_url": "duo.png", "positive_prompt": f"Two people talk: {PAIR}, static camera"}
    both = {**duo, "audio_urls": ["anna.wav", "ben.wav"]}
    anna, ben = head_region("anna"), head_region("ben")
    return {
        "two-together": {**both, "width": 704, "height": 480},
        "two-faces": both,
        "two-turns": {**both, "timing": "turns", "resolution": "480p"},
        "two-channels": {
            **duo,
            "speakers": [{"audio": "call.mp3", "channel": "left"}, {"audio": "call.mp3", "channel": "right"}],
            "resolution": "480p",
        },
        "dry-run": {**both, "timing": "turns", "resolution": "480p", "dry_run": True},
        "regions": {
            **duo,
            "speakers": [
                {"audio": "ben.wav", "region": ben, "offset_seconds": 4.2},
                {"audio": "anna.wav", "region": anna},
            ],
            "resolution": "480p",
        },
        "one-of-two": {
            **duo,
            "positive_prompt": f"The man speaks, the woman listens: {PAIR}, static camera",
            "speakers": [{"audio": "ben.wav", "region": ben}],
            "resolution": "480p",
        },
    }


def write_requests(folder: Path) -> None:
    """One JSON file a request, each with the name of its video."""
    for name, fields in {**one_person_requests(), **dubbed_requests(), **two_people_requests()}.items():
        request = {"input": {**fields, "output_key": f"{name}.mp4"}}
        (folder / f"{name}.json").write_text(json.dumps(request, indent=2) + "\n", encoding="utf-8")


def main(folder: Path) -> None:
    """Write everything into `folder`."""
    missing = [program for program in ("espeak-ng", "ffmpeg") if shutil.which(program) is None]
    if missing:
        sys.exit(f"{' and '.join(missing)} not found; on Debian: apt-get install espeak-ng ffmpeg")
    folder.mkdir(parents=True, exist_ok=True)
    draw(PORTRAIT_SIZE, [(ANNA, PORTRAIT_AT)]).save(folder / "portrait.png", optimize=True)
    draw(PORTRAIT_SIZE, [(ANNA, PORTRAIT_AT)], (NIGHT, EMBERS)).save(folder / "evening.png", optimize=True)
    draw(DUO_SIZE, [(ANNA, DUO_AT["anna"]), (BEN, DUO_AT["ben"])]).save(folder / "duo.png", optimize=True)
    for name, (voice, words_per_minute, pitch, text) in CLIPS.items():
        write_wav(folder / f"{name}.wav", speak(voice, words_per_minute, pitch, text))
    for name in CLIPS:
        write_mp3(folder / f"{name}.wav", folder / f"{name}.mp3")
    write_scene(folder / "portrait.png", folder / "scene.mp4")
    write_over_music(folder / "hello.wav", folder / "over-music.mp3")
    write_call(folder / "anna.wav", folder / "ben.wav", folder / "call.mp3")
    write_requests(folder)
    write_ready(folder)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        print(f"{path.stat().st_size:>8}  {path.relative_to(folder)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else EXAMPLES)
