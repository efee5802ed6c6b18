// The page: one stream of events from the server, one Chat for each person.

import { Chat } from "/chat.js";
import { TroublePanel } from "/trouble.js";

const chats = new Map();
const picker = document.querySelector(".picker");
const board = document.querySelector(".chats");
const banner = document.querySelector(".banner");
const offline = document.querySelector(".offline");
const narrow = matchMedia("(max-width: 719px)");

async function order(name, body) {
  const answer = await fetch(`/api/${name}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  }).catch(() => null);
  if (!answer) return "The demo has been stopped.";
  const result = await answer.json().catch(() => ({ ok: false, error: "The demo has a fault." }));
  return result.ok ? "" : result.error;
}

const panel = new TroublePanel(order);

function draw(state) {
  panel.show(state.trouble);
  document.title = "VPN Access Bot — demo";
  banner.textContent = state.banner;
  banner.title = state.banner;
  banner.hidden = !state.banner;
  for (const person of state.people) {
    person.others = state.people.filter((other) => other.id !== person.id);
    person.shown = toldApart(person);
  }
  state.people.forEach((person, index) => {
    if (!chats.has(person.id)) add(person, index);
    chats.get(person.id).show(person, state);
  });
  if (!document.querySelector(".chat.current")) choose(state.people[0]?.id);
}

// Two of one name need more than that.
function toldApart({ id, name, username, others }) {
  if (!others.some((other) => other.name === name)) return name;
  return `${name} ${username ? `@${username}` : `…${String(id).slice(-4)}`}`;
}

function add(person, index) {
  const entry = document.getElementById("picker-entry").content.cloneNode(true).firstElementChild;
  entry.querySelector(".avatar").textContent = person.name[0];
  entry.querySelector(".avatar").dataset.colour = index % 6;
  entry.querySelector(".pick-name").textContent = person.shown;
  entry.addEventListener("click", () => choose(person.id));
  picker.append(entry);
  const chat = new Chat(person, index, order);
  chat.entry = entry;
  chat.onRole = () => count(chat, chat.unread);
  board.append(chat.element);
  chats.set(person.id, chat);
}

function choose(id) {
  for (const [person, chat] of chats) {
    const chosen = person === id;
    chat.element.classList.toggle("current", chosen);
    chat.entry.setAttribute("aria-current", String(chosen));
    if (chosen) {
      count(chat, 0);
      chat.toEnd();
    }
  }
}

// Only where one chat hides the others can a message go unseen.
function count(chat, number) {
  chat.unread = number;
  const badge = chat.entry.querySelector(".badge");
  badge.textContent = number;
  badge.hidden = number === 0;
  const label = `${chat.person.shown}, ${chat.person.role}`;
  chat.entry.title = label;
  chat.entry.setAttribute("aria-label", number ? `${label}, ${number} unread` : label);
}

const on = {
  state: (event) => draw(event.state),
  commands: (event) => {
    for (const [id, chat] of chats) chat.setCommands(event.commands[id] ?? []);
  },
  message: (event, chat) => {
    chat.put(event.message, true);
    const hidden = narrow.matches && !chat.element.classList.contains("current");
    if (event.message.from_bot && hidden) count(chat, chat.unread + 1);
  },
  edited: (event, chat) => chat.put(event.message, false),
  deleted: (event, chat) => chat.remove(event.message.id),
  answer: (event, chat) => chat.answer(event.text, event.alert),
  role: (event, chat) => chat.setRole(event.role),
  person: (event, chat) => chat.setStanding(event.started, event.blocked),
  picker: (event, chat) => chat.picking.set(event.picker),
  device: (event, chat) => chat.setDevices(event.devices),
  trouble: (event) => panel.show(event.trouble),
};

function listen() {
  const stream = new EventSource("/api/events");
  stream.addEventListener("open", () => { offline.hidden = true; });
  stream.addEventListener("error", () => { offline.hidden = false; });
  stream.addEventListener("message", ({ data }) => {
    const event = JSON.parse(data);
    on[event.kind]?.(event, chats.get(event.person));
  });
}

// Sheets close by Escape and by a click elsewhere.
addEventListener("click", ({ target }) => {
  for (const sheet of document.querySelectorAll("details[open]")) {
    if (!sheet.contains(target)) sheet.open = false;
  }
});
addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  for (const sheet of document.querySelectorAll("details[open]")) {
    sheet.open = false;
    sheet.querySelector("summary").focus();
  }
  for (const alert of document.querySelectorAll("dialog[open]")) alert.close();
});
narrow.addEventListener("change", () => {
  for (const chat of chats.values()) {
    count(chat, 0);
    chat.toEnd();
  }
});

// Who is here for the first time sees at once what there is to do.
function greet() {
  const seen = "what-to-try-seen";
  try {
    if (localStorage.getItem(seen)) return;
    localStorage.setItem(seen, "yes");
  } catch {
    return; // a browser that keeps nothing would show it each time
  }
  document.querySelector(".hints").open = true;
}

greet();
listen();
