// Every word that the page says, in two languages. What the worker says stays in the worker's words.

const WORDS = {
  en: {
    title: "Talking video", "runs-on": "runs on", theme: "Light or dark", language: "Tiếng Việt", "other-language": "vi",
    "this-machine": "this machine", token: "Token of this endpoint", "token-use": "Use it", "token-wrong": "The endpoint does not take this token.",
    stage: "The portrait, as the video will show it", "drop-portrait": "Drop a portrait here", "choose-portrait": "Choose a file",
    or: "or", sample: "take ours, with two voices", "other-portrait": "Another portrait",
    voices: "Voices", "voices-hint": "One to four, in order from left to right.", "add-voice": "Add a voice", record: "Record one", stop: "Stop recording",
    recording: "Recording: {seconds} s", "no-microphone": "The browser gives no microphone.",
    together: "together", turns: "in turns", name: "Name", speaker: "Speaker {number}", play: "Play", pause: "Pause", remove: "Remove", up: "Earlier in order",
    region: "Region of {name}", "region-help": "Arrow keys move it, with Shift by ten; with Alt they change its size.", "auto-region": "Let the worker choose the region",
    face: "Give this face to {name}", "own-region": "Choose the region by hand", numbers: "region in numbers", left: "left", top: "top", right: "right", bottom: "bottom", starts: "starts at", waits: "pause before", seconds: "s",
    "offset-help": "Drag, or use the arrow keys, to move {name} in time.", "regions-clash": "Two regions lie on each other: each speaker needs a place alone.",
    uploading: "sending {percent} %", how: "How", experts: "For experts", takes: "What it takes",
    "quote-empty": "A portrait and a voice, and the worker says here what the video will take.", "quote-waits": "asking the worker …",
    "quote-busy": "the worker answers after the job", size: "{width} × {height} pixels, {seconds} s",
    pieces: "{frames} pictures, made in {windows} pieces", about: "On RunPod: about {seconds}", "on-gpu": "on", cost: "cost", minutes: "{minutes} min", "some-seconds": "{seconds} s",
    "prices-of": "RunPod's prices of {month}, for the seconds of the job alone", rough: "estimated",
    make: "Make the video", cancel: "Cancel", download: "Download", again: "Again, with another seed", "make-anew": "Make another",
    "as-code": "The same as code", copy: "Copy", copied: "Copied", earlier: "Made earlier, in this browser", forget: "Forget",
    "default": "default: {value}", "as-usual": "as usual", "follows-picture": "400x704 or near; or 480p, 720p", yes: "yes", no: "no",
    queued: "waits for a worker", "queued-busy": "waits for a worker: {number} busy with other jobs", "queued-initializing": "waits for a worker, which is starting",
    "queued-unhealthy": "waits for a worker: those of the endpoint are unhealthy, and their log says why", "queued-throttled": "waits for a worker: no GPU of the endpoint's kinds is free",
    "queued-unfit": "waits for a worker, and the newest is not fit for jobs: {why}", "stage-validate": "looks at the request", "stage-fetch": "fetches the files", "stage-prepare": "prepares picture and voices",
    "stage-load": "loads the model", "stage-sample": "makes the pictures", "stage-encode": "makes the film", "stage-upload": "stores the film",
    piece: "piece {window} of {windows}", left_: "about {seconds} left", cancelled: "The job was cancelled.", lost: "The endpoint does not know this job any more.",
    unreachable: "The endpoint does not answer. Does it still run?", "no-picture": "{name} is no picture or video.", "no-view": "This browser cannot show {name}; the worker may still read it.", "no-sound": "{name} is no sound that this browser can play; the worker may still read it.",
    "too-many": "Four voices at most.", "too-large": "{name} is larger than {megabytes} MB.", "bad-number": "a number from 0 to 1, left before right and top before bottom",
  },
  vi: {
    title: "Video biết nói", "runs-on": "chạy trên", theme: "Sáng hoặc tối", language: "English", "other-language": "en",
    "this-machine": "máy này", token: "Mã truy cập của endpoint", "token-use": "Dùng mã này", "token-wrong": "Endpoint không nhận mã này.",
    stage: "Ảnh chân dung, đúng như trong video", "drop-portrait": "Thả ảnh chân dung vào đây", "choose-portrait": "Chọn tệp",
    or: "hoặc", sample: "dùng ảnh mẫu với hai giọng nói", "other-portrait": "Ảnh khác",
    voices: "Giọng nói", "voices-hint": "Từ một đến bốn giọng, theo thứ tự từ trái sang phải.", "add-voice": "Thêm giọng nói", record: "Thu âm", stop: "Dừng thu",
    recording: "Đang thu: {seconds} giây", "no-microphone": "Trình duyệt không cho dùng micrô.",
    together: "cùng lúc", turns: "lần lượt", name: "Tên", speaker: "Người {number}", play: "Nghe", pause: "Tạm dừng", remove: "Xóa", up: "Đưa lên trước",
    region: "Vùng của {name}", "region-help": "Phím mũi tên để di chuyển, giữ Shift để đi mười bước; giữ Alt để đổi kích thước.", "auto-region": "Để worker tự chọn vùng",
    face: "Gán khuôn mặt này cho {name}", "own-region": "Tự chọn vùng", numbers: "vùng bằng số", left: "trái", top: "trên", right: "phải", bottom: "dưới", starts: "bắt đầu lúc", waits: "nghỉ trước", seconds: "giây",
    "offset-help": "Kéo, hoặc dùng phím mũi tên, để dời {name} theo thời gian.", "regions-clash": "Hai vùng chồng lên nhau: mỗi người cần một chỗ riêng.",
    uploading: "đang gửi {percent} %", how: "Cách làm", experts: "Dành cho người rành", takes: "Cần bao nhiêu",
    "quote-empty": "Chỉ cần một ảnh và một giọng nói, worker sẽ cho biết ở đây video cần những gì.", "quote-waits": "đang hỏi worker …",
    "quote-busy": "worker sẽ trả lời sau khi xong việc", size: "{width} × {height} điểm ảnh, {seconds} giây",
    pieces: "{frames} khung hình, làm trong {windows} đoạn", about: "Trên RunPod: khoảng {seconds}", "on-gpu": "trên", cost: "chi phí", minutes: "{minutes} phút", "some-seconds": "{seconds} giây",
    "prices-of": "Giá của RunPod, {month}, chỉ tính thời gian chạy", rough: "ước tính",
    make: "Tạo video", cancel: "Hủy", download: "Tải về", again: "Làm lại với seed khác", "make-anew": "Làm video khác",
    "as-code": "Viết thành mã", copy: "Sao chép", copied: "Đã chép", earlier: "Đã làm trước đây, trong trình duyệt này", forget: "Quên",
    "default": "mặc định: {value}", "as-usual": "như thường lệ", "follows-picture": "400x704 hoặc gần vậy; hay 480p, 720p", yes: "có", no: "không",
    queued: "đang chờ worker", "queued-busy": "đang chờ worker: {number} worker bận việc khác", "queued-initializing": "đang chờ worker khởi động",
    "queued-unhealthy": "đang chờ worker: các worker của endpoint bị lỗi, nhật ký của chúng nói vì sao", "queued-throttled": "đang chờ worker: không còn GPU trống thuộc loại của endpoint",
    "queued-unfit": "đang chờ worker, và worker mới nhất không làm việc được: {why}", "stage-validate": "kiểm tra yêu cầu", "stage-fetch": "lấy các tệp", "stage-prepare": "chuẩn bị hình và tiếng",
    "stage-load": "nạp mô hình", "stage-sample": "tạo khung hình", "stage-encode": "dựng phim", "stage-upload": "lưu phim",
    piece: "đoạn {window} trên {windows}", left_: "còn khoảng {seconds}", cancelled: "Đã hủy công việc.", lost: "Endpoint không còn biết công việc này.",
    unreachable: "Endpoint không trả lời. Nó còn chạy không?", "no-picture": "{name} không phải là ảnh hay video.", "no-view": "Trình duyệt không hiển thị được {name}; worker có thể vẫn đọc được.", "no-sound": "Trình duyệt không phát được {name}; worker có thể vẫn đọc được.",
    "too-many": "Nhiều nhất là bốn giọng.", "too-large": "{name} lớn hơn {megabytes} MB.", "bad-number": "một số từ 0 đến 1, trái trước phải và trên trước dưới",
  },
};

// Names of the fields that everybody sees, and a plain word for what only the field knows.
const FIELDS = {
  en: { quality: "Quality", mode: "Model", resolution: "Size", positive_prompt: "What is to be seen", negative_prompt: "What is not to be seen", fps: "Pictures a second", seed: "Seed", fit: "Frame", voice: "Music under the voice" },
  vi: { quality: "Chất lượng", mode: "Mô hình", resolution: "Kích thước", positive_prompt: "Muốn thấy gì", negative_prompt: "Không muốn thấy gì", fps: "Số hình mỗi giây", seed: "Seed", fit: "Khung", voice: "Nhạc dưới giọng nói" },
};

// What a choice of a field means to somebody who has never made it.
const CHOICES = {
  en: { mode: { infinitetalk: "infinitetalk: follows the voice more closely", multitalk: "multitalk: for short clips" }, quality: { balanced: "balanced: 1.5 times the work", best: "best: 15 times the work" } },
  vi: { mode: { infinitetalk: "infinitetalk: bám giọng sát hơn", multitalk: "multitalk: cho đoạn ngắn" }, quality: { balanced: "balanced: khối lượng gấp 1,5 lần", best: "best: khối lượng gấp 15 lần" } },
};

let language = localStorage.getItem("language") ?? (navigator.language.startsWith("vi") ? "vi" : "en");

export const spoken = () => language;

export function say(key, values = {}) {
  return (WORDS[language][key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** A field without words of its own is called by its name, like a sentence. */
export const fieldName = (name) =>
  FIELDS[language][name] ?? (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll("_", " ");

export const choiceName = (choice, field) => ({ true: say("yes"), false: say("no"), ...CHOICES[language][field] })[choice] ?? choice;

export function setLanguage(to) {
  language = to;
  localStorage.setItem("language", to);
  document.documentElement.lang = to;
  document.title = say("title");
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = say(element.dataset.word);
}

export function duration(seconds) {
  return seconds < 100 ? say("some-seconds", { seconds: Math.max(1, Math.round(seconds)) }) : say("minutes", { minutes: Math.round(seconds / 6) / 10 });
}
