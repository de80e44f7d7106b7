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

async function start() {
  const [told, schema] = await Promise.all([api.about(), api.schema()]);
  const targets = told.targets ?? [{ id: told.id }];
  $("target").replaceChildren(...targets.map((target) => new Option(target.id === told.id ? say("this-machine") : target.id, target.id)));
  $("target").addEventListener("change", () => change("target"));
  startForm(schema);
  startStage();
  startTimeline();
  startQuote();
  startCode();
  startFiles(told.upload_max_bytes);
  change("all");
  startJob();
  change("all");
}

function askForToken() {
  $("token-form").hidden = false;
  $("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    api.useToken($("token").value);
    $("token-form").hidden = true;
  });
}

setLanguage(spoken());
startSwitches();
start().then(() => api.health($("target").value).catch((error) => { if (error.status === 401) askForToken(); }))
  .catch((error) => { $("fault").textContent = error instanceof api.ApiError ? error.message : say("unreachable"); });
