// One job: submitted, followed, cancelled, shown. It is found again after the page was left.

import * as api from "./api.js";
import { change, clashes, input, isReady, listen, state } from "./state.js";
import { remember } from "./earlier.js";
import { knows } from "./form.js";
import { quoteFault } from "./quote.js";
import { duration, say } from "./words.js";

const LOOK = 1000; // milliseconds between two looks at a job
const QUEUE_LOOK = 5; // looks at a job that waits, for each at what it waits for
const FOLLOWED = "followed";
const $ = (id) => document.getElementById(id);
let result = null;
let fault = "";
let progress = null;

function show(value) {
  progress = value;
  const known = value?.stage ? value : null;
  $("bar").value = known?.percent ?? 0;
  const parts = [known ? say(`stage-${known.stage}`) : say(...(value?.why ?? ["queued"]))];
  if (known?.window) parts.push(say("piece", known));
  if (known?.eta_seconds) parts.push(say("left_", { seconds: duration(known.eta_seconds) }));
  $("progress-words").textContent = parts.join(" · ");
  if (typeof known?.preview === "string" && known.preview.startsWith("data:image/jpeg;base64,")) {
    $("newest").src = known.preview;
    $("newest").hidden = false;
  }
}

function draw() {
  const running = Boolean(state.job);
  $("progress").hidden = !running;
  $("cancel").hidden = !running;
  $("make").hidden = running;
  $("make").disabled = !isReady() || clashes().size > 0 || Boolean(quoteFault());
  $("make").textContent = say(result ? "make-anew" : "make");
  $("download").hidden = $("again").hidden = !result || running;
  if (!running) $("newest").hidden = true;
  $("film").hidden = !result;
  if (result) $("frame").hidden = true;
  else $("frame").hidden = !state.portrait;
  if (fault) $("fault").textContent = fault;
  if (running) show(progress);
}

async function finish(output, job) {
  const { url } = await api.film(job.target, job.id); // a bucket's own address would play on no page but its own
  result = output;
  $("film").src = url;
  $("download").href = `${url}${url.includes("?") ? "&" : "?"}download=true`;
  remember({ url, seed: output.generation_params?.seed, seconds: output.video_info?.duration_seconds, input: job.input });
  $("warnings").replaceChildren(...(output.warnings ?? []).map((text) => Object.assign(document.createElement("li"), { textContent: text })));
}

async function follow(job) {
  localStorage.setItem(FOLLOWED, JSON.stringify(job));
  [fault, result, progress] = ["", null, null];
  change("job", () => { state.job = job; });
  let [silent, looks, why] = [0, 0, null];
  while (state.job === job) {
    try {
      const answer = await api.status(job.target, job.id);
      silent = 0;
      if (answer.status === "COMPLETED") await finish(answer.output, job);
      else if (answer.status === "CANCELLED") fault = say("cancelled");
      else if (["FAILED", "TIMED_OUT"].includes(answer.status)) fault = answer.error ?? answer.status;
      else {
        const waits = answer.status === "IN_QUEUE";
        if (waits && (looks += 1) % QUEUE_LOOK === 3) why = await api.waitsFor(job.target);
        show(waits ? { why } : answer.output);
        await api.pause(LOOK);
        continue;
      }
    } catch (error) {
      silent += 1;
      if (error instanceof api.ApiError && error.status === 404) fault = say("lost");
      else if (error instanceof api.ApiError && error.status === 409) fault = error.message;
      else if (silent < 10) {
        await api.pause(LOOK);
        continue;
      } else fault = say("unreachable");
    }
    localStorage.removeItem(FOLLOWED);
    change("job", () => { state.job = null; });
  }
}

async function submit(extra = {}) {
  if (!isReady()) return;
  const asked = { ...input(), ...extra };
  const target = $("target").value;
  $("make").disabled = true;
  try {
    const { id } = await api.run(target, knows("preview") ? { ...asked, preview: true } : asked);
    await follow({ id, target, input: asked });
  } catch (error) {
    fault = error instanceof api.ApiError ? error.message : say("unreachable");
    draw();
  }
}

export function startJob() {
  $("make").addEventListener("click", () => submit());
  $("again").addEventListener("click", () => submit({ seed: 1 + Math.floor(Math.random() * 2 ** 31) }));
  $("cancel").addEventListener("click", () => { if (state.job) api.cancel(state.job.target, state.job.id).catch(() => {}); });
  listen((what) => {
    if (["portrait", "voices", "fields", "region", "offset"].includes(what)) {
      fault = "";
      if (result && !state.job) result = null; // the stage shows what the next one will be
    }
    draw();
  });
  const left = localStorage.getItem(FOLLOWED);
  if (left) follow(JSON.parse(left));
}
