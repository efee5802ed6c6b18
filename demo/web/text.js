// Text with entities as nodes. Nothing is ever parsed as HTML: people's words stay text.
// Entity offsets count UTF-16 code units, as JavaScript's strings do.

const TAGS = {
  bold: "b",
  italic: "i",
  underline: "u",
  strikethrough: "s",
  code: "code",
  pre: "pre",
  blockquote: "blockquote",
};

export function rendered(text, entities, onCommand) {
  const fragment = document.createDocumentFragment();
  const sorted = [...entities].sort((a, b) => a.offset - b.offset || b.length - a.length);
  fill(fragment, text, 0, text.length, sorted, onCommand);
  return fragment;
}

// Entities nest: each one takes those that begin inside it along.
function fill(parent, text, start, end, entities, onCommand) {
  let at = start;
  while (entities.length) {
    const [entity, ...rest] = entities;
    const stop = Math.min(entity.offset + entity.length, end);
    const from = Math.max(entity.offset, at);
    parent.append(text.slice(at, from));
    const element = elementFor(entity, text.slice(from, stop), onCommand);
    fill(element, text, from, stop, rest.filter((inner) => inner.offset < stop), onCommand);
    if (entity.type === "date_time") element.textContent = shownTime(entity, element.textContent);
    parent.append(element);
    at = stop;
    entities = rest.filter((next) => next.offset >= stop);
  }
  parent.append(text.slice(at, end));
}

function elementFor(entity, words, onCommand) {
  switch (entity.type) {
    case "text_link":
      return link(entity.url);
    case "url":
      return link(words);
    case "mention":
      return link(`https://t.me/${words.slice(1)}`);
    case "bot_command":
      return command(words, onCommand);
    case "date_time":
      return time(entity);
    case "spoiler":
      return Object.assign(document.createElement("span"), { className: "spoiler", tabIndex: 0 });
    case "expandable_blockquote":
      return fold();
    default:
      return document.createElement(TAGS[entity.type] ?? "span");
  }
}

// Three lines of it are seen until it is tapped.
function fold() {
  const quote = Object.assign(document.createElement("blockquote"), { className: "fold" });
  quote.addEventListener("click", ({ target }) => {
    if (!target.closest("a, button")) quote.classList.toggle("open");
  });
  return quote;
}

function link(address) {
  const anchor = document.createElement("a");
  if (/^(https?|tg|mailto|tel):/i.test(address)) anchor.href = address;
  anchor.target = "_blank";
  anchor.rel = "noopener noreferrer";
  return anchor;
}

function command(words, onCommand) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "command";
  button.addEventListener("click", () => onCommand(words));
  return button;
}

function time(entity) {
  const element = document.createElement("time");
  const moment = new Date(entity.unix_time * 1000);
  element.dateTime = moment.toISOString();
  element.title = moment.toLocaleString([], { dateStyle: "full", timeStyle: "long" });
  return element;
}

// The format's letters: r = how long from now, w = weekday, d/D = date, t/T = time, short or long.
// Without a format the text that the bot wrote stays.
function shownTime(entity, fallback) {
  const moment = new Date(entity.unix_time * 1000);
  const format = entity.date_time_format ?? "";
  if (format === "") return fallback;
  if (format.includes("r")) return relative((moment - Date.now()) / 1000);
  const parts = [];
  if (format.includes("w")) parts.push(moment.toLocaleDateString([], { weekday: "short" }));
  const date = /d/i.exec(format);
  if (date) {
    const dateStyle = date[0] === "D" ? "long" : "short";
    parts.push(moment.toLocaleDateString([], { dateStyle }));
  }
  const clock = /t/i.exec(format);
  if (clock) {
    const timeStyle = clock[0] === "T" ? "medium" : "short";
    parts.push(moment.toLocaleTimeString([], { timeStyle }));
  }
  return parts.join(", ") || fallback;
}

function relative(seconds) {
  const steps = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const [unit, size] = steps.find(([, length]) => Math.abs(seconds) >= length) ?? steps.at(-1);
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(
    Math.round(seconds / size), unit);
}

export function clockTime(unixSeconds) {
  return new Date(unixSeconds * 1000).toLocaleTimeString([], { timeStyle: "short" });
}

export function dayName(unixSeconds) {
  const day = new Date(unixSeconds * 1000);
  if (day.toDateString() === new Date().toDateString()) return "Today";
  return day.toLocaleDateString("en", { month: "long", day: "numeric" });
}

export function fileSize(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
