"""The page where a token is asked, where the jobs run on RunPod and the films lie in a bucket, and a microphone."""

from pathlib import Path

from playwright.sync_api import Browser, Page, Request, expect

from tests.browser.conftest import PATIENCE, opened
from tests.browser.test_playground import WIDTH_ONCE_LOADED
from tests.client.workers import video_of, working
from tests.endpoint.endpoint_process import running_endpoint
from tests.endpoint.served import served
from tests.programs import REPOSITORY
from tests.worker.bench import Bench

expect.set_options(timeout=PATIENCE)
TOKEN = "token-of-the-owner"
KEY = "rpa_key-of-the-owner"
FILM = REPOSITORY / "examples" / "scene.mp4"  # 400 pixels wide


def test_a_token_is_asked_for_until_it_is_right_and_again_after_a_reload(
    browser: Browser, files: Bench, tmp_path: Path
) -> None:
    with (
        running_endpoint(tmp_path, "--token", TOKEN) as endpoint,
        opened(browser, endpoint) as page,
    ):
        expect(page.locator("#token")).to_be_focused()
        page.fill("#token", "wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#token-fault")).to_have_text("The endpoint does not take this token.")
        page.fill("#token", TOKEN)
        page.keyboard.press("Enter")
        expect(page.locator("#token-form")).to_be_hidden()
        page.set_input_files("#portrait-file", files.folder / "me.png")
        page.set_input_files("#voice-file", files.folder / "me.wav")
        page.click("#make:not(:disabled)")
        expect(page.locator("#film")).to_be_visible()
        assert page.locator("#film").evaluate(WIDTH_ONCE_LOADED) == 400
        page.reload()
        expect(page.locator("#token-form")).to_be_visible()
        assert TOKEN not in page.content()
        assert TOKEN not in str(page.evaluate("JSON.stringify([localStorage, sessionStorage])"))


def test_a_job_runs_on_runpod_and_its_film_plays_though_it_lies_elsewhere(
    browser: Browser, files: Bench, tmp_path: Path
) -> None:
    told: list[str] = []

    def note(request: Request) -> None:
        told.append(f"{request.url} {request.headers} {request.post_data or ''}")

    with served(tmp_path / "runpod", token=KEY, any_host=True, endpoint_id="far", largest=10**7) as runpod:
        behind = {"RUNPOD_API_KEY": KEY, "RUNPOD_BASE_URL": f"{runpod.base}/v2"}
        with (
            working(runpod, lambda _, server: video_of(server, "film.mp4", FILM.read_bytes())) as taken,
            running_endpoint(_made(tmp_path / "here"), "--runpod", "far", **behind) as endpoint,
            opened(browser, endpoint) as page,
        ):
            page.on("request", note)
            expect(page.locator("#target option:checked")).to_have_text("RunPod · far")
            page.set_input_files("#portrait-file", files.folder / "me.png")
            page.set_input_files("#voice-file", files.folder / "me.wav")
            expect(page.locator("#quote .large")).to_contain_text("2.0 s")
            assert taken == [], "the price is the local worker's word, and costs nothing"
            page.click("#make")
            expect(page.locator("#film")).to_be_visible()
            assert page.locator("#film").evaluate(WIDTH_ONCE_LOADED) == 400
            address = page.locator("#download").evaluate("link => link.href")
            assert page.request.get(address).body() == FILM.read_bytes()
            page.click("#code > summary")
            page.click("[data-code=curl]")
            code = str(page.locator("#code-text").text_content())
            assert "https://api.runpod.ai/v2/far/run" in code
            assert "Bearer $RUNPOD_API_KEY" in code
            assert "127.0.0.1" not in code, "RunPod's workers cannot read the files of this machine"
            assert KEY not in page.content()
        assert [job["input"]["image_url"][:22] for job in taken] == ["data:image/png;base64,"]
    assert [line for line in told if KEY in line] == []
    own = endpoint.api.split("/v2/")[0]
    assert [line for line in told if not line.startswith((own, "blob:", "data:"))] == []


def test_a_voice_is_recorded_and_becomes_a_video(page: Page, files: Bench) -> None:
    page.set_input_files("#portrait-file", files.folder / "me.png")
    page.click("#record")
    expect(page.locator("#recording")).to_have_text("Recording: 2 s")
    page.click("#record")
    expect(page.locator("#record")).to_have_text("Record one")
    expect(page.locator("#voices > li")).to_have_count(1)
    page.click("#make:not(:disabled)")
    expect(page.locator("#film")).to_be_visible()
    assert page.locator("#film").evaluate(WIDTH_ONCE_LOADED) == 400
    assert page.locator("#film").evaluate("film => film.duration") > 1


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_why_no_worker_takes_the_job_is_told_before_it_and_while_it_waits(
    browser: Browser, files: Bench, tmp_path: Path
) -> None:
    with (
        running_endpoint(tmp_path, ENGINE="comfyui", COMFYUI_DIR=str(tmp_path)) as endpoint,
        opened(browser, endpoint) as page,
    ):
        page.set_input_files("#portrait-file", files.folder / "me.png")
        page.set_input_files("#voice-file", files.folder / "me.wav")
        expect(page.locator("#quote")).to_contain_text("not fit for jobs: Required models are missing")
        page.set_viewport_size({"width": 400, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "a long name is wider than the page"
        page.click("#make")
        expect(page.locator("#progress-words")).to_contain_text("Required models are missing")
        page.click("#cancel")
        expect(page.locator("#fault")).to_have_text("The job was cancelled.")
