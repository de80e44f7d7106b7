// Puts the parts together.

import * as api from "./api.js";
import { startCode } from "./code.js";
import { drawEarlier } from "./earlier.js";
import { startFiles } from "./files.js";
import { startForm } from "./form.js";
import { startJob } from "./job.js";
import { startQuote } from "./quote.js";
import { startStage } from "./stage.js";
import { change, listen } from "./state.js";
import { startTimeline } from "./timeline.js";
import { say, setLanguage, spoken } from "./words.js";

const $ = (id) => document.getElementById(id);

function startSwitches() {
  $("language").addEventListener("click", () => {
    setLanguage(say("other-language"));
    change("all");
  });
  $("theme").addEventListener("click", () => {
    const dark = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    document.documentElement.dataset.theme = dark === "dark" ? "light" : "dark";
    localStorage.setItem("theme", document.documentElement.dataset.theme);
    change("all");
  });
  if (localStorage.getItem("theme")) document.documentElement.dataset.theme = localStorage.getItem("theme");
  listen((what) => {
    if (what !== "all") return;
    $("language").textContent = say("language");
    $("language").lang = say("other-language");
    drawEarlier();
  });
}

/** Where jobs can go: an endpoint on RunPod first, where there is one. */
function drawTargets(told) {
  const chosen = $("target").value;
  const remote = told.runpod ? [new Option(`RunPod · ${told.runpod}`, told.runpod)] : [];
  $("target").replaceChildren(...remote, new Option(say("this-machine"), told.id));
  if (chosen) $("target").value = chosen;
}

/** Resolves when the endpoint takes what the person has typed, or asks for nothing. */
async function beLetIn(target) {
  const asks = async () => {
    try {
      await api.health(target);
    } catch (error) {
      if (error.status === 401) return true;
      throw error;
    }
    return false;
  };
  if (!(await asks())) return;
  $("token-form").hidden = false;
  $("token").focus();
  await new Promise((done) => {
    $("token-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      api.useToken($("token").value);
      if (await asks()) $("token-fault").textContent = say("token-wrong");
      else done();
    });
  });
  $("token").value = "";
  $("token-form").hidden = true;
}

async function start() {
  const [told, schema] = await Promise.all([api.about(), api.schema()]);
  drawTargets(told);
  listen((what) => { if (what === "all") drawTargets(told); });
  $("target").addEventListener("change", () => change("target"));
  startForm(schema);
  startStage();
  startTimeline();
  startQuote(told.id);
  startCode();
  startFiles(told.upload_max_bytes);
  change("all");
  await beLetIn(told.id);
  startJob();
  change("all");
}

setLanguage(spoken());
startSwitches();
start().catch((error) => { $("fault").textContent = error instanceof api.ApiError ? error.message : say("unreachable"); });
