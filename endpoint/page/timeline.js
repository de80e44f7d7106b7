// The voices: what they are called, how they sound, and when each begins.

import { change, layout, listen, regionOf, state } from "./state.js";
import { setRegion } from "./stage.js";
import { say } from "./words.js";

const STEP = 0.1;
const $ = (id) => document.getElementById(id);
const player = new Audio();
let playing = null;

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Length of the ruler: the whole video, and room to drag behind it. */
const ruler = () => Math.max(1, layout().end * 1.15);

function setOffset(voice, seconds) {
  change("offset", () => { voice.offset = Math.min(3600, Math.max(0, seconds)); });
}

function drag(event, voice) {
  const clip = event.currentTarget;
  const [from, before, scale] = [event.clientX, voice.offset, ruler() / clip.parentElement.clientWidth];
  event.preventDefault();
  clip.focus();
  clip.setPointerCapture(event.pointerId);
  clip.onpointermove = (next) => setOffset(voice, before + (next.clientX - from) * scale);
  clip.onpointerup = clip.onpointercancel = () => { clip.onpointermove = null; };
}

function press(event, voice) {
  const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!way) return;
  event.preventDefault();
  setOffset(voice, voice.offset + way * STEP * (event.shiftKey ? 10 : 1));
}

function paint(canvas, voice, number) {
  const [width, height] = [canvas.width, canvas.height] = [Math.max(60, canvas.clientWidth * 2), 96];
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(`--voice-${number + 1}`);
  const bars = Math.floor(width / 4);
  for (let bar = 0; bar < bars; bar += 1) {
    const level = voice.peaks[Math.floor((bar * voice.peaks.length) / bars)] ?? 0;
    const tall = Math.max(2, level * height * 0.92);
    pen.fillRect(bar * 4, (height - tall) / 2, 2.4, tall);
  }
}

function togglePlay(voice) {
  if (playing === voice && !player.paused) player.pause();
  else {
    if (playing !== voice) player.src = voice.view;
    playing = voice;
    player.play().catch(() => {});
  }
}

function numbers(voice, number) {
  const box = make("div", { className: "numbers" });
  const starts = make("input", { type: "number", min: 0, step: STEP, value: voice.offset.toFixed(1) });
  starts.dataset.part = "offset";
  starts.onchange = () => setOffset(voice, Number(starts.value) || 0);
  box.append(make("label", {}, `${say(state.timing === "turns" && number > 0 ? "waits" : "starts")} `, starts, ` ${say("seconds")}`));
  const region = regionOf(number);
  if (region) {
    const sides = make("details", { open: Boolean(voice.unfolded), ontoggle: (event) => { voice.unfolded = event.currentTarget.open; } }, make("summary", { textContent: say("numbers") }));
    box.append(sides);
    ["left", "top", "right", "bottom"].forEach((side, at) => {
      const field = make("input", { type: "number", min: 0, max: 1, step: 0.01, value: region[at].toFixed(2) });
      field.dataset.part = side;
      field.onchange = () => {
        const wanted = [...regionOf(number)];
        wanted[at] = Number(field.value);
        const good = wanted.every((part) => part >= 0 && part <= 1) && wanted[0] < wanted[2] && wanted[1] < wanted[3];
        field.setCustomValidity(good ? "" : say("bad-number"));
        if (good) setRegion(number, wanted);
        else field.reportValidity();
      };
      sides.append(make("label", {}, `${say(side)} `, field));
    });
  }
  if (voice.region) box.append(make("button", { type: "button", className: "plain", textContent: say("auto-region"), onclick: () => setRegion(number, null) }));
  else if (!region && state.portrait) box.append(make("button", { type: "button", className: "plain", textContent: say("own-region"), onclick: () => setRegion(number, [0.25, 0.1, 0.75, 0.9]) }));
  return box;
}

function row(voice, number) {
  const name = make("input", { className: "name", value: voice.name, maxLength: 40 });
  name.setAttribute("aria-label", say("name"));
  name.onchange = () => change("voices", () => { voice.name = name.value.trim() || say("speaker", { number: number + 1 }); });
  const play = make("button", { type: "button", className: "plain", textContent: say(playing === voice && !player.paused ? "pause" : "play"), onclick: () => togglePlay(voice) });
  const head = make("div", { className: "voice-head" }, make("span", { className: "dot" }), name, play);
  head.append(make("span", { className: "quiet grow", textContent: voice.url ? `${voice.seconds.toFixed(1)} ${say("seconds")}` : say("uploading", { percent: voice.percent ?? 0 }) }));
  if (number > 0) head.append(make("button", { type: "button", className: "plain", textContent: say("up"), onclick: () => change("voices", () => { state.voices.splice(number - 1, 0, ...state.voices.splice(number, 1)); state.suggested = []; }) }));
  head.append(make("button", { type: "button", className: "plain", textContent: say("remove"), onclick: () => change("voices", () => { state.voices.splice(number, 1); state.suggested = []; }) }));
  const canvas = make("canvas");
  const clip = make("div", { className: "clip", tabIndex: 0 }, canvas);
  clip.setAttribute("role", "slider");
  clip.setAttribute("aria-label", say("offset-help", { name: voice.name }));
  clip.onpointerdown = (event) => drag(event, voice);
  clip.onkeydown = (event) => press(event, voice);
  const item = make("li", {}, head, make("div", { className: "track" }, clip), numbers(voice, number));
  item.style.setProperty("--voice", `var(--voice-${number + 1})`);
  return item;
}

/** Only what moves: a drag must not lose the element that holds the pointer. */
function move() {
  const { starts } = layout();
  const length = ruler();
  state.voices.forEach((voice, number) => {
    const item = $("voices").children[number];
    const clip = item.querySelector(".clip");
    clip.style.left = `${(100 * starts[number]) / length}%`;
    clip.style.width = `${(100 * voice.seconds) / length}%`;
    clip.setAttribute("aria-valuemin", "0");
    clip.setAttribute("aria-valuenow", voice.offset.toFixed(1));
    const region = regionOf(number);
    for (const field of item.querySelectorAll("input[data-part]")) {
      if (field === document.activeElement) continue;
      const at = ["left", "top", "right", "bottom"].indexOf(field.dataset.part);
      if (at < 0) field.value = voice.offset.toFixed(1);
      else if (region) field.value = region[at].toFixed(2);
    }
  });
}

function draw() {
  $("voices").replaceChildren(...state.voices.map(row));
  $("voices-hint").hidden = state.voices.length > 0;
  $("timing").hidden = state.voices.length < 2;
  for (const button of $("timing").children) button.setAttribute("aria-pressed", String(button.dataset.timing === state.timing));
  move();
  state.voices.forEach((voice, number) => paint($("voices").children[number].querySelector("canvas"), voice, number));
}

/** Which rows have which buttons: drawn anew only when that changes, so that a key does not lose its focus. */
const shape = () => JSON.stringify(state.voices.map((voice, number) => [voice.key, Boolean(voice.region), Boolean(regionOf(number)), Boolean(voice.url), voice.percent]));
let drawn = "";

export function startTimeline() {
  for (const event of ["play", "pause", "ended"]) player.addEventListener(event, draw);
  for (const button of $("timing").children) {
    button.addEventListener("click", () => change("voices", () => {
      state.timing = button.dataset.timing;
      for (const voice of state.voices) voice.offset = 0;
    }));
  }
  listen((what) => {
    if (["voices", "all"].includes(what) || shape() !== drawn) {
      drawn = shape();
      draw();
    } else if (["offset", "region", "quote"].includes(what)) move();
  });
}
