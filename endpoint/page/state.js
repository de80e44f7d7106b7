// What the person has put together. Every part of the page draws itself from this, and says so when it changes it.

export const MOST_VOICES = 4;
const listeners = new Set();

export const state = {
  portrait: null, // {file, view, url, name, film}: `url` once it is uploaded, `view` an address of this page alone
  voices: [], // {key, name, file, view, url, seconds, peaks, region, offset}
  timing: "together",
  fields: {}, // whatever differs from the schema's defaults
  quote: null, // the answer to the last dry run
  suggested: [], // the regions that the worker chose in its last answer, which stay in sight while it is asked again
  job: null, // {id, target} while one is followed
};

export function listen(listener) {
  listeners.add(listener);
}

/** Change the state and let everybody know. `what` names the part: a drag need not draw the form anew. */
export function change(what, act = () => {}) {
  act(state);
  for (const listener of listeners) listener(what);
}

export const isReady = () => Boolean(state.portrait?.url) && state.voices.length > 0 && state.voices.every((voice) => voice.url);

/** The request's `input`, with nothing in it that nobody asked for. */
export function input() {
  const speakers = state.voices.map((voice) => ({
    audio: voice.url,
    ...(voice.region ? { region: voice.region.map((side) => Number(side.toFixed(4))) } : {}),
    ...(voice.offset > 0.001 ? { offset_seconds: Number(voice.offset.toFixed(2)) } : {}),
  }));
  const plain = speakers.every((speaker) => Object.keys(speaker).length === 1);
  return {
    [state.portrait?.film ? "video_url" : "image_url"]: state.portrait?.url,
    ...(plain ? { audio_urls: speakers.map((speaker) => speaker.audio) } : { speakers }),
    ...(state.timing === "turns" && speakers.length > 1 ? { timing: "turns" } : {}),
    ...state.fields,
  };
}

/** When each voice begins and how long the whole is, in seconds. */
export function layout() {
  let clock = 0;
  const starts = state.voices.map((voice) => {
    const start = (state.timing === "turns" ? clock : 0) + voice.offset;
    clock = start + voice.seconds;
    return start;
  });
  const end = Math.max(0, ...state.voices.map((voice, place) => starts[place] + voice.seconds));
  return { starts, end };
}

/** The region that a voice has now, in fractions of the portrait: its own, or the one that the worker chose. */
export function regionOf(place) {
  return state.voices[place]?.region ?? state.suggested[place] ?? null;
}

const overlap = (one, other) => Math.min(one[2], other[2]) > Math.max(one[0], other[0]) && Math.min(one[3], other[3]) > Math.max(one[1], other[1]);

/** Places of the voices whose regions lie on another's, where somebody chose one of the two. */
export function clashes() {
  const found = new Set();
  state.voices.forEach((one, place) => state.voices.forEach((other, at) => {
    const [mine, theirs] = [regionOf(place), regionOf(at)];
    if (place < at && (one.region || other.region) && mine && theirs && overlap(mine, theirs)) found.add(place).add(at);
  }));
  return found;
}
