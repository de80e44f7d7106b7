// What was made in this browser: a list that it keeps for itself.

import { say } from "./words.js";

const KEY = "earlier";
const MOST = 24;
const $ = (id) => document.getElementById(id);
const read = () => JSON.parse(localStorage.getItem(KEY) ?? "[]");

export function remember(made) {
  localStorage.setItem(KEY, JSON.stringify([{ ...made, at: Date.now() }, ...read()].slice(0, MOST)));
  drawEarlier();
}

export function drawEarlier() {
  const list = read();
  $("earlier-section").hidden = list.length === 0;
  $("earlier").replaceChildren(...list.map((made) => {
    const film = Object.assign(document.createElement("video"), { src: `${made.url}#t=0.1`, controls: true, preload: "metadata", playsInline: true });
    film.setAttribute("aria-label", new Date(made.at).toLocaleString());
    const words = Object.assign(document.createElement("p"), { className: "quiet", textContent: `${new Date(made.at).toLocaleString()} · ${made.seconds ?? "?"} ${say("seconds")} · seed ${made.seed ?? "?"}` });
    const forget = Object.assign(document.createElement("button"), { type: "button", className: "plain", textContent: say("forget") });
    forget.onclick = () => {
      localStorage.setItem(KEY, JSON.stringify(read().filter((one) => one.at !== made.at)));
      drawEarlier();
    };
    const item = document.createElement("li");
    item.append(film, words, forget);
    return item;
  }));
}
