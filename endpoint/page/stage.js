// The portrait as the video will show it, and each speaker's region on it.

import { change, clashes, listen, regionOf, state } from "./state.js";
import { say } from "./words.js";

const STEP = 0.01;
const LEAST = 0.04;
const WHOLE = [0, 0, 1, 1];
const $ = (id) => document.getElementById(id);
const bounded = (value, low, high) => Math.min(high, Math.max(low, value));

/** The same region within the portrait, moved and grown. */
function moved([left, top, right, bottom], x, y, wider = 0, taller = 0) {
  const width = bounded(right - left + wider, LEAST, 1);
  const height = bounded(bottom - top + taller, LEAST, 1);
  const from = [bounded(left + x, 0, 1 - width), bounded(top + y, 0, 1 - height)];
  return [from[0], from[1], from[0] + width, from[1] + height];
}

function withCorner(box, corner, x, y) {
  const [left, top, right, bottom] = box;
  return [
    corner.includes("w") ? bounded(x, 0, right - LEAST) : left,
    corner.includes("n") ? bounded(y, 0, bottom - LEAST) : top,
    corner.includes("e") ? bounded(x, left + LEAST, 1) : right,
    corner.includes("s") ? bounded(y, top + LEAST, 1) : bottom,
  ];
}

export function setRegion(place, region) {
  change("region", () => { state.voices[place].region = region; });
}

function drag(event, place) {
  const box = regionOf(place);
  const corner = event.target.dataset.corner;
  const area = $("regions").getBoundingClientRect();
  const at = (one) => [(one.clientX - area.left) / area.width, (one.clientY - area.top) / area.height];
  const [fromX, fromY] = at(event);
  event.preventDefault();
  event.currentTarget.focus();
  event.currentTarget.setPointerCapture(event.pointerId);
  event.currentTarget.onpointermove = (next) => {
    const [x, y] = at(next);
    setRegion(place, corner ? withCorner(box, corner, x, y) : moved(box, x - fromX, y - fromY));
  };
  event.currentTarget.onpointerup = event.currentTarget.onpointercancel = (end) => { end.currentTarget.onpointermove = null; };
}

function press(event, place) {
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!way) return;
  event.preventDefault();
  const [x, y] = way.map((part) => part * STEP * (event.shiftKey ? 10 : 1));
  setRegion(place, event.altKey ? moved(regionOf(place), 0, 0, x, y) : moved(regionOf(place), x, y));
}

function makeRegion(place) {
  const element = document.createElement("div");
  element.className = "region";
  element.tabIndex = 0;
  element.setAttribute("role", "application");
  element.setAttribute("aria-roledescription", "region");
  element.append(document.createElement("b"));
  for (const corner of ["nw", "ne", "sw", "se"]) {
    const handle = document.createElement("i");
    handle.dataset.corner = corner;
    element.append(handle);
  }
  element.addEventListener("pointerdown", (event) => drag(event, place));
  element.addEventListener("keydown", (event) => press(event, place));
  return element;
}

function place(element, [left, top, right, bottom]) {
  element.style.left = `${left * 100}%`;
  element.style.top = `${top * 100}%`;
  element.style.width = `${(right - left) * 100}%`;
  element.style.height = `${(bottom - top) * 100}%`;
}

function drawRegions() {
  const holder = $("regions");
  while (holder.children.length > state.voices.length) holder.lastChild.remove();
  while (holder.children.length < state.voices.length) holder.append(makeRegion(holder.children.length));
  const clashing = clashes();
  state.voices.forEach((voice, number) => {
    const element = holder.children[number];
    const region = regionOf(number);
    element.hidden = !region;
    if (!region) return;
    place(element, region);
    element.style.setProperty("--voice", `var(--voice-${number + 1})`);
    element.classList.toggle("chosen", Boolean(voice.region));
    element.classList.toggle("clash", clashing.has(number));
    element.firstChild.textContent = voice.name;
    element.setAttribute("aria-label", `${say("region", { name: voice.name })}: ${region.map((side) => side.toFixed(2)).join(", ")}. ${say("region-help")}`);
  });
  const unseen = state.portrait?.unseen ? say("no-view", { name: state.portrait.name }) : "";
  $("stage-fault").textContent = clashing.size ? say("regions-clash") : unseen;
}

/** Head and shoulders round a face, as far as the picture goes: what a region by hand begins with. */
function around([left, top, right, bottom]) {
  const [width, height] = [right - left, bottom - top];
  return [Math.max(0, left - width * 0.6), Math.max(0, top - height * 0.5), Math.min(1, right + width * 0.6), Math.min(1, bottom + height)];
}

const holds = (region, [left, top, right, bottom]) => Boolean(region) && region[0] <= (left + right) / 2 && (left + right) / 2 <= region[2] && region[1] <= (top + bottom) / 2 && (top + bottom) / 2 <= region[3];

/** The found faces that are in nobody's region: a click gives one to the first speaker without a region by hand. */
function drawFaces() {
  const taken = (face) => state.voices.some((_, number) => holds(regionOf(number), face));
  const faces = state.voices.length ? (state.quote?.picture?.faces ?? []).filter((face) => !taken(face)) : [];
  $("faces").replaceChildren(...faces.map((face) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "face" });
    const free = state.voices.findIndex((voice) => !voice.region);
    button.setAttribute("aria-label", say("face", { name: state.voices[Math.max(0, free)].name }));
    button.title = button.getAttribute("aria-label");
    place(button, face);
    button.onclick = () => setRegion(Math.max(0, free), around(face));
    return button;
  }));
}

/** Shade what the video will not show. */
function drawCrop() {
  const [left, top, right, bottom] = state.quote?.picture?.crop ?? WHOLE;
  const dark = [[0, 0, left, 1], [right, 0, 1, 1], [left, 0, right, top], [left, bottom, right, 1]];
  $("outside").replaceChildren(...dark.filter(([a, b, c, d]) => c - a > 0.001 && d - b > 0.001).map((box) => {
    const shade = document.createElement("i");
    place(shade, box);
    return shade;
  }));
}

function drawPortrait() {
  const portrait = state.portrait;
  $("drop").hidden = Boolean(portrait);
  $("frame").hidden = !portrait;
  $("other-portrait").hidden = !portrait;
  for (const [id, shown] of [["portrait", portrait && !portrait.film], ["source-film", portrait?.film]]) {
    $(id).hidden = !shown;
    if (shown && $(id).src !== portrait.view) $(id).src = portrait.view;
  }
  $("portrait").alt = portrait?.name ?? "";
}

/** A HEIC from a phone, or no picture at all: the worker knows which. */
function noteUnseen() {
  if (!state.portrait) return;
  state.portrait.unseen = true;
  drawRegions();
}

export function startStage() {
  for (const id of ["portrait", "source-film"]) $(id).addEventListener("error", noteUnseen);
  listen((what) => {
    if (["portrait", "all"].includes(what)) drawPortrait();
    if (["quote", "portrait", "all"].includes(what)) drawCrop();
    if (["quote", "portrait", "voices", "region", "all"].includes(what)) drawRegions();
    if (["quote", "portrait", "voices", "region", "all"].includes(what)) drawFaces();
  });
}
