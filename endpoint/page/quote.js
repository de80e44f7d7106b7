// What the video will take, in the worker's own numbers: its dry run, asked again after each change.

import * as api from "./api.js";
import { change, clashes, input, isReady, listen, state } from "./state.js";
import { duration, say } from "./words.js";

const QUIET = 400; // milliseconds without a change, before the worker is asked
const PATIENCE = 4000; // milliseconds without an answer, before the endpoint is asked why
const $ = (id) => document.getElementById(id);
let timer = 0;
let asking = null;
let fault = "";
let why = null;
let asked = "local"; // always the worker of this machine: it knows the prices, and costs nothing

function cell(tag, text) {
  return Object.assign(document.createElement(tag), { textContent: text });
}

const money = (dollars) => (dollars === null || dollars === undefined ? "" : `$${dollars < 0.1 ? dollars.toFixed(3) : dollars.toFixed(2)}`);

/** The GPUs in one table, this worker's first; an estimate says that it is one. */
function table(quote) {
  const here = $("target").value === asked;
  const rows = [...(here && quote.forecast?.gpu ? [{ ...quote.forecast, here: true }] : []), ...(quote.gpus ?? [])];
  const element = document.createElement("table");
  for (const one of rows) {
    const row = element.insertRow();
    const rough = ["estimate", "guess"].includes(one.basis) ? ` (${say("rough")})` : "";
    row.append(cell("td", one.gpu), cell("td", duration(one.seconds) + rough), cell("td", money(one.cost_usd)));
  }
  return element;
}

function draw() {
  const [box, quote] = [$("quote"), state.quote];
  box.classList.toggle("waiting", Boolean(asking) && Boolean(quote));
  $("fault").textContent = fault;
  $("warnings").replaceChildren(...(quote?.warnings ?? []).map((warning) => cell("li", warning)));
  if (!quote) {
    const words = !asking ? ["quote-empty"] : state.job ? ["quote-busy"] : (why ?? ["quote-waits"]);
    box.replaceChildren(cell("p", say(...words)));
    box.firstChild.className = "quiet";
    return;
  }
  const { work } = quote;
  const best = [...(quote.gpus ?? [])].filter((one) => one.cost_usd !== null).sort((one, other) => one.cost_usd - other.cost_usd)[0];
  const head = cell("p", say("size", { width: work.width, height: work.height, seconds: quote.duration_seconds.toFixed(1) }));
  head.className = "large";
  const parts = [head, cell("p", say("pieces", { frames: quote.output_frames, windows: work.windows }))];
  if (best) parts.push(cell("p", `${say("about", { seconds: duration(best.seconds) })}, ${money(best.cost_usd)} ${say("on-gpu")} ${best.gpu}`));
  const more = document.createElement("details");
  more.append(cell("summary", say("cost")), table(quote), cell("p", say("prices-of", { month: quote.prices_of })));
  more.lastChild.className = "quiet";
  more.open = box.querySelector("details")?.open ?? false;
  box.replaceChildren(...parts, more);
}

async function ask() {
  asking?.abort();
  const own = (asking = new AbortController());
  why = null;
  draw();
  const looks = setInterval(async () => {
    const found = await api.waitsFor(asked);
    if (own !== asking) return;
    why = found;
    draw();
  }, PATIENCE);
  try {
    const answer = await api.quote(asked, input(), own.signal);
    if (own !== asking) return;
    fault = answer.status === "COMPLETED" ? "" : (answer.error ?? answer.status);
    const quote = answer.status === "COMPLETED" ? answer.output : null;
    asking = null;
    change("quote", () => {
      state.quote = quote;
      if (quote) state.suggested = quote.speakers.map((speaker) => speaker.region_in_picture);
    });
  } catch (error) {
    if (own !== asking || error.name === "AbortError") return;
    asking = null;
    fault = error instanceof api.ApiError ? error.message : say("unreachable");
    change("quote", () => { state.quote = null; });
  } finally {
    clearInterval(looks);
  }
}

export function startQuote(target) {
  asked = target;
  listen((what) => {
    if (["quote", "job", "all"].includes(what)) draw();
    if (!["portrait", "voices", "region", "offset", "fields", "target"].includes(what)) return;
    clearTimeout(timer);
    if (!isReady()) {
      asking?.abort();
      [asking, fault] = [null, ""];
      if (state.quote) change("quote", () => { state.quote = null; });
      else draw();
    } else if (clashes().size === 0) timer = setTimeout(ask, QUIET);
  });
}

export const quoteFault = () => fault;
