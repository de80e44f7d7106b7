"""A person makes a video on the page: with files of their own, by mouse and by keys, and in the worker's own words."""

import json
from typing import Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PATIENCE
from tests.endpoint.endpoint_process import RunningEndpoint
from tests.programs import REPOSITORY
from tests.worker.bench import Bench

expect.set_options(timeout=PATIENCE)
WIDTH_ONCE_LOADED = """film => new Promise((done, fail) => {
    const look = () => film.error ? fail(film.error) : film.videoWidth ? done(film.videoWidth) : null;
    for (const event of ["loadedmetadata", "error"]) film.addEventListener(event, look);
    look();
})"""
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}


def _choose(page: Page, files: Bench, portrait: str | None, *voices: str) -> None:
    if portrait:
        page.set_input_files("#portrait-file", files.folder / portrait)
    page.set_input_files("#voice-file", [files.folder / voice for voice in voices])


def _request(page: Page) -> dict[str, Any]:
    """What the page would send, as it shows it."""
    text = page.locator("#code-text").text_content()
    assert text is not None
    job: dict[str, Any] = json.loads(text)
    return job


def _side(region: Locator, side: int) -> float:
    label = region.get_attribute("aria-label") or ""
    return float(label.split(": ")[1].split(". ")[0].split(", ")[side])


def test_own_files_become_a_video_that_plays_and_can_be_had(
    page: Page, files: Bench, endpoint: RunningEndpoint
) -> None:
    expect(page.locator("#make")).to_be_disabled()
    _choose(page, files, "me.png", "me.wav")
    expect(page.locator("#quote .large")).to_have_text("400 \u00d7 704 pixels, 2.0 s")
    expect(page.locator("#quote")).to_contain_text("$")
    page.fill("#field-positive_prompt", "A person <b>talks</b>")
    page.click("#make")
    expect(page.locator("#film")).to_be_visible()
    film = page.locator("#film")
    assert film.evaluate(WIDTH_ONCE_LOADED) == 400
    address = page.locator("#download").get_attribute("href")
    assert requests.get(str(address), timeout=30).content[4:8] == b"ftyp"
    expect(page.locator("#earlier li")).to_have_count(1)
    again = requests.post(f"{endpoint.api}/runsync", json=_request(page), timeout=120).json()
    assert again["status"] == "COMPLETED"
    assert again["output"]["generation_params"]["positive_prompt"] == "A person <b>talks</b>"


def test_regions_are_dragged_and_moved_by_keys_and_may_not_lie_on_each_other(page: Page) -> None:
    page.click("#sample")
    expect(page.locator("#voices > li")).to_have_count(2)
    expect(page.locator("#quote .large")).to_be_visible()
    first, second = page.locator(".region").nth(0), page.locator(".region").nth(1)
    before = _side(first, 0)
    box = first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 - 60, box["y"] + box["height"] / 2 + 8, steps=4)
    page.mouse.up()
    dragged = _side(first, 0)
    assert dragged < before
    first.press("ArrowRight")
    assert _side(first, 0) == pytest.approx(dragged + 0.01, abs=0.006)
    wide = _side(first, 2)
    first.press("Alt+ArrowRight")
    assert _side(first, 2) == pytest.approx(wide + 0.01, abs=0.006)
    assert _request(page)["input"]["speakers"][0]["region"][0] == pytest.approx(_side(first, 0), abs=0.006)
    for _ in range(4):
        first.press("Shift+ArrowRight")
    expect(page.locator("#stage-fault")).to_contain_text("lie on each other")
    assert "clash" in str(second.get_attribute("class")) or page.locator(".region.clash").count() > 0
    expect(page.locator("#make")).to_be_disabled()
    page.locator("#voices > li").nth(0).get_by_text("Let the worker choose").click()
    expect(page.locator("#make")).to_be_enabled()
    assert "region" not in json.dumps(_request(page)["input"].get("speakers", [])[:1])


def test_a_found_face_is_given_to_a_speaker_by_a_click(page: Page, files: Bench) -> None:
    page.set_input_files("#portrait-file", REPOSITORY / "examples" / "duo.png")
    _choose(page, files, None, "me.wav")
    expect(page.locator("#warnings")).to_contain_text("2 faces and one voice")
    page.locator("#faces .face").nth(1).click()
    left, _, right, _ = _request(page)["input"]["speakers"][0]["region"]
    assert 0.5 < left < 0.75 < right, "the head on the right"
    expect(page.locator("#faces .face")).to_have_count(1)


def test_voices_are_moved_in_time_and_put_in_turns(page: Page) -> None:
    page.click("#sample")
    expect(page.locator("#quote .large")).to_contain_text("7.9 s")
    assert _request(page)["input"]["timing"] == "turns"
    page.locator(".clip").nth(1).press("Shift+ArrowRight")
    assert _request(page)["input"]["speakers"][1]["offset_seconds"] == 1.0
    expect(page.locator("#quote .large")).to_contain_text("8.9 s")
    page.get_by_role("button", name="together").click()
    expect(page.locator("#quote .large")).to_contain_text("4.0 s")
    assert set(_request(page)["input"]) == {"image_url", "audio_urls"}


def test_what_the_worker_cannot_read_is_told_in_its_words(page: Page, files: Bench) -> None:
    _choose(page, files, "me.png", "broken.wav")
    expect(page.locator("#fault")).to_contain_text("speaker 1")
    expect(page.locator("#make")).to_be_disabled()
    page.get_by_role("button", name="Remove").click()
    _choose(page, files, None, "me.wav")
    expect(page.locator("#make")).to_be_enabled()
    expect(page.locator("#fault")).to_have_text("")
    (files.folder / "broken.jpg").write_bytes(b"this is no picture" * 99)
    page.set_input_files("#portrait-file", files.folder / "broken.jpg")
    expect(page.locator("#stage-fault")).to_have_text(
        "This browser cannot show broken.jpg; the worker may still read it."
    )
    expect(page.locator("#fault")).to_contain_text("it is text")
    page.set_input_files("#portrait-file", files.folder / "me.png")
    expect(page.locator("#stage-fault")).to_have_text("")
    expect(page.locator("#make")).to_be_enabled()


def test_a_job_is_found_again_after_the_page_was_left_and_can_be_cancelled(page: Page, files: Bench) -> None:
    _choose(page, files, "me.png", "long.wav")
    expect(page.locator("#quote .large")).to_be_visible()
    page.click("#make")
    expect(page.locator("#progress-words")).to_contain_text("piece")
    page.reload()
    expect(page.locator("#progress-words")).to_contain_text("piece")
    page.click("#cancel")
    expect(page.locator("#fault")).to_have_text("The job was cancelled.")
    expect(page.locator("#progress")).to_be_hidden()


@pytest.mark.browser_options(bypass_csp=True)  # for the checker's own script
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_everything_has_a_name_enough_contrast_and_room(page: Page, theme: str, width: int) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 844})
    page.click("#sample")
    expect(page.locator("#quote .large")).to_be_visible()
    page.click(".how > details:first-of-type > summary")
    found = Axe().run(page, options=AXE)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_it_speaks_vietnamese_and_remembers_it(page: Page) -> None:
    page.click("#language")
    expect(page.locator("h1")).to_have_text("Video biết nói")
    page.reload()
    expect(page.locator("#make")).to_have_text("Tạo video")
    assert page.locator("html").get_attribute("lang") == "vi"


def test_a_field_of_the_schema_is_on_the_page_by_itself(page: Page, endpoint: RunningEndpoint) -> None:
    schema = requests.get(f"{endpoint.api.split('/v2/')[0]}/schema/fields.schema.json", timeout=30).json()
    shown = {str(one.get_attribute("id")).removeprefix("field-") for one in page.locator("[id^=field-]").all()}
    plain = {
        name for name, field in schema["properties"].items() if field.get("type") in ("integer", "number", "boolean")
    }
    assert plain - {"dry_run", "preview"} <= shown
