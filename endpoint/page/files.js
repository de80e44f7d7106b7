// Files of the person's own: dropped, chosen or recorded. Each is shown at once and sent to the endpoint meanwhile.

import * as api from "./api.js";
import { MOST_VOICES, change, state } from "./state.js";
import { say } from "./words.js";

const PEAKS = 400;
const $ = (id) => document.getElementById(id);
let largest = Infinity;
let recorder = null;
let keys = 0;

const tell = (id, text) => { $(id).textContent = text; };

function faultOf(error, file) {
  return error instanceof api.ApiError ? `${file.name}: ${error.message}` : say("unreachable");
}

function isTooLarge(file, where) {
  const over = file.size > largest;
  if (over) tell(where, say("too-large", { name: file.name, megabytes: Math.floor(largest / 1e6) }));
  return over;
}

export async function takePortrait(file) {
  tell("stage-fault", "");
  const film = file.type.startsWith("video/");
  if (!film && file.type && !file.type.startsWith("image/")) return tell("stage-fault", say("no-picture", { name: file.name }));
  if (isTooLarge(file, "stage-fault")) return undefined;
  const portrait = { file, name: file.name, film, view: URL.createObjectURL(file), url: null };
  change("portrait", () => { Object.assign(state, { portrait, quote: null, suggested: [] }); });
  try {
    portrait.url = await api.upload(file, file.name, () => {});
    if (state.portrait === portrait) change("portrait");
  } catch (error) {
    tell("stage-fault", faultOf(error, file));
  }
  return undefined;
}

/** Length in seconds and the loudest sample of each of PEAKS parts; of what the browser cannot read, a guess. */
async function listenTo(file) {
  const context = new AudioContext();
  try {
    const sound = await context.decodeAudioData(await file.arrayBuffer());
    const samples = sound.getChannelData(0);
    const part = Math.max(1, Math.floor(samples.length / PEAKS));
    const peaks = Array.from({ length: PEAKS }, (_, number) => samples.subarray(number * part, (number + 1) * part).reduce((most, one) => Math.max(most, Math.abs(one)), 0));
    const loudest = Math.max(...peaks, 0.01);
    return { seconds: sound.duration, peaks: peaks.map((peak) => peak / loudest) };
  } catch {
    tell("voices-fault", say("no-sound", { name: file.name }));
    return { seconds: 5, peaks: Array(PEAKS).fill(0.1) };
  } finally {
    context.close();
  }
}

export async function takeVoice(file, name) {
  tell("voices-fault", "");
  if (state.voices.length >= MOST_VOICES) return tell("voices-fault", say("too-many"));
  if (isTooLarge(file, "voices-fault")) return undefined;
  const number = state.voices.length + 1;
  keys += 1;
  const voice = { key: keys, name: name ?? say("speaker", { number }), file, view: URL.createObjectURL(file), url: null, seconds: 1, peaks: [], region: null, offset: 0, percent: 0 };
  change("voices", () => { state.voices.push(voice); });
  const redraw = () => { if (state.voices.includes(voice)) change("voices"); };
  listenTo(file).then((heard) => { Object.assign(voice, heard); redraw(); });
  try {
    voice.url = await api.upload(file, file.name, (percent) => { voice.percent = percent; });
    redraw();
  } catch (error) {
    tell("voices-fault", faultOf(error, file));
    change("voices", () => { state.voices = state.voices.filter((one) => one !== voice); });
  }
  return undefined;
}

async function takeAny(files) {
  for (const file of files) {
    if (file.type.startsWith("image/") || (file.type.startsWith("video/") && !state.portrait)) await takePortrait(file);
    else await takeVoice(file);
  }
}

async function record() {
  if (recorder) return recorder.stop();
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch {
    return tell("recording", say("no-microphone"));
  }
  const pieces = [];
  const begun = Date.now();
  recorder = new MediaRecorder(stream);
  const clock = setInterval(() => tell("recording", say("recording", { seconds: Math.round((Date.now() - begun) / 1000) })), 250);
  recorder.ondataavailable = (event) => pieces.push(event.data);
  recorder.onstop = () => {
    clearInterval(clock);
    for (const track of stream.getTracks()) track.stop();
    tell("recording", "");
    $("record").textContent = say("record");
    const type = recorder.mimeType.split(";")[0];
    recorder = null;
    takeVoice(new File(pieces, `recording.${type.endsWith("mp4") ? "m4a" : "webm"}`, { type }));
  };
  recorder.start();
  $("record").textContent = say("stop");
  return undefined;
}

/** The project's own portrait and voices. */
async function takeSample() {
  const fetched = async (name, type) => new File([await (await fetch(`sample/${name}`)).blob()], name, { type });
  await takePortrait(await fetched("duo.png", "image/png"));
  await takeVoice(await fetched("anna.wav", "audio/wav"), "Anna");
  await takeVoice(await fetched("ben.wav", "audio/wav"), "Ben");
  change("voices", () => { state.timing = "turns"; });
}

export function startFiles(limit) {
  largest = limit;
  const opens = (button, field) => $(button).addEventListener("click", () => $(field).click());
  opens("choose-portrait", "portrait-file");
  opens("other-portrait", "portrait-file");
  opens("add-voice", "voice-file");
  $("sample").addEventListener("click", takeSample);
  $("record").addEventListener("click", record);
  for (const [id, take] of [["portrait-file", (files) => takePortrait(files[0])], ["voice-file", async (files) => { for (const file of files) await takeVoice(file); }]]) {
    $(id).addEventListener("change", async (event) => {
      const files = [...event.target.files];
      event.target.value = "";
      if (files.length) await take(files);
    });
  }
  document.addEventListener("dragover", (event) => { event.preventDefault(); $("stage").classList.add("over"); });
  document.addEventListener("dragleave", () => $("stage").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    $("stage").classList.remove("over");
    takeAny([...event.dataTransfer.files]);
  });
}
