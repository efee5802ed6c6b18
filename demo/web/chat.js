// One person's chat with the bot: messages, buttons, the line to type in and its command menu.

import { CommandMenu } from "/commands.js";
import { Picking } from "/picking.js";
import { clockTime, dayName, fileSize, rendered } from "/text.js";
import { Tricks } from "/tricks.js";

const TOAST_MS = 3500;
// As Telegram's own apps do: a tap that nobody answers stops to spin.
const SPIN_MS = 30_000;
const DEVICE_WORDS = {
  off: "VPN off",
  connecting: "Connecting…",
  connected: "VPN on",
  refused: "Refused",
  lost: "VPN cut",
};
const FETCH_ICON = "M12 4v11m-5-5 5 5 5-5M5 19h14";
const REPLY_ICON = "M10 8V4l-7 7 7 7v-4c5 0 8.5 1.5 11 5-1-6-4-10-11-11z";
const ERASE_ICON = "M5 7h14M10 4h4M7 7l1 13h8l1-13";

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

function icon(shape) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  path.setAttribute("d", shape);
  drawing.append(path);
  return drawing;
}

export class Chat {
  constructor(person, index, order) {
    this.devices = {};
    this.person = person;
    this.unread = 0;
    this.order = order;
    this.messages = new Map();
    this.element = document.getElementById("chat").content.cloneNode(true).firstElementChild;
    this.find = (selector) => this.element.querySelector(selector);
    this.log = this.find(".log");
    this.scroll = this.find(".scroll");
    this.input = this.find("textarea");
    this.dress(index);
    this.wire();
  }

  dress(index) {
    const { id, shown: name, role, username } = this.person;
    this.element.dataset.person = id;
    this.element.setAttribute("aria-label", `Chat of ${name}, ${role}`);
    this.find(".avatar").textContent = name[0];
    this.find(".avatar").dataset.colour = index % 6;
    this.find("h2").textContent = name;
    this.find(".role").textContent = role;
    this.find(".role").title = username ? `@${username}, id ${id}` : `id ${id}`;
    this.find("h2").title = this.find(".role").title;
    this.input.setAttribute("aria-label", `Message as ${name}`);
    this.scroll.setAttribute("aria-label", `Messages of ${name}`);
  }

  wire() {
    this.menu = new CommandMenu(this.find(".commands"), this.input, this.find(".slash"), (text) =>
      this.say(text));
    this.find(".compose").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    this.input.addEventListener("input", () => this.fit());
    this.find(".start").addEventListener("click", () => this.say("/start"));
    this.find(".unblock").addEventListener("click", () => this.do("unblock"));
    this.tricks = new Tricks(this);
    this.picking = new Picking(this);
    this.find(".device").addEventListener("click", () => {
      for (const id of this.connected()) this.do("disconnect", { file_id: id });
    });
    this.find(".to-end").addEventListener("click", () => this.toEnd());
    this.scroll.addEventListener("scroll", () => this.markEnd());
  }

  onKey(event) {
    if (this.menu.onKey(event)) return;
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.send();
    }
  }

  fit() {
    this.input.style.height = "auto";
    this.input.style.height = `${this.input.scrollHeight}px`;
  }

  async send() {
    const text = this.input.value.trim();
    if (!text) return;
    if (await this.tricks.takes(text)) return;
    this.write("");
    await this.say(text);
  }

  // Puts words into the line, for the person to go on with.
  write(text) {
    this.input.value = text;
    this.fit();
    this.menu.close();
    this.input.focus();
  }

  say(text) {
    return this.do("say", { text });
  }

  async do(name, details = {}) {
    const error = await this.order(name, { person: this.person.id, ...details });
    if (error) this.toast(error);
    return !error;
  }

  // --- what the server tells

  show(person, state) {
    this.canConnect = state.can_connect;
    this.find(".welcome h3").textContent = state.bot.name;
    this.messages.clear();
    this.lastOwn = null;
    this.log.replaceChildren();
    for (const message of person.messages) this.put(message, false);
    this.setStanding(person.started, person.blocked);
    this.setRole(person.role);
    this.setCommands(state.commands[person.id] ?? []);
    this.setDevices(person.devices);
    this.picking.show(person.others);
    this.picking.set(person.picker);
    this.toEnd();
  }

  setCommands(commands) {
    this.menu.set(commands);
  }

  setRole(role) {
    this.person.role = role;
    this.find(".role").textContent = role;
    this.element.setAttribute("aria-label", `Chat of ${this.person.shown}, ${role}`);
    this.onRole?.();
  }

  // As in Telegram's own apps, an empty chat begins with it, also where the bot may write already.
  offerStart() {
    this.find(".start").hidden = this.blocked || (this.started && this.messages.size > 0);
  }

  setStanding(started, blocked) {
    this.started = started;
    this.blocked = blocked;
    this.offerStart();
    this.find(".unblock").hidden = !blocked;
    this.find(".compose").hidden = !started || blocked;
    this.find(".block").textContent = blocked ? "Unblock the bot" : "Block the bot";
    this.find(".menu").hidden = !started;
    if (blocked) this.tricks.leave();
    this.tricks.offer();
  }

  // By the file of the profile that each device was given; the newest word comes last.
  setDevices(devices) {
    const before = this.devices;
    this.devices = devices;
    const on = this.connected();
    const [state, details] = this.standing(on);
    const pill = this.find(".device");
    pill.hidden = !this.canConnect || (state === "off" && !details[0]);
    pill.dataset.state = state;
    // The address alone: beside it there is a name to be read.
    const address = details[0]?.split(":")[0] || DEVICE_WORDS[state];
    pill.textContent = on.length > 1 ? `${on.length} devices on` : on.length ? address : DEVICE_WORDS[state];
    pill.title = on.length ? `${details.join(", ")}. Press to disconnect.` : details.join(", ");
    pill.disabled = !on.length;
    for (const [id, { state: now, detail }] of Object.entries(devices)) {
      const isNews = before[id]?.state !== now || before[id]?.detail !== detail;
      if (now !== "connected" && detail && isNews) this.toast(detail);
    }
    for (const button of this.element.querySelectorAll(".tunnel")) this.label(button);
  }

  connected() {
    return Object.keys(this.devices).filter((id) => this.devices[id].state === "connected");
  }

  // What the head of the chat says: of those that are on, or else of whichever has something to say.
  standing(on) {
    if (on.length) return ["connected", on.map((id) => this.devices[id].detail).filter(Boolean)];
    const others = Object.values(this.devices).filter(({ state }) => state !== "off");
    const shown = others.at(-1) ?? { state: "off", detail: "" };
    return [shown.state, [shown.detail].filter(Boolean)];
  }

  put(message, fresh) {
    const atEnd = this.atEnd();
    const old = this.messages.get(message.id);
    const element = this.drawn(message);
    this.messages.set(message.id, element);
    if (!message.from_bot && message.id >= (this.lastOwn?.id ?? 0)) this.lastOwn = message;
    if (old) {
      old.replaceWith(element);
    } else {
      this.addDay(message.date);
      this.log.append(element);
      element.classList.toggle("fresh", fresh);
    }
    this.find(".welcome").hidden = true;
    this.offerStart();
    if (atEnd || !message.from_bot) this.toEnd();
    else this.markEnd();
    this.tricks.offer();
  }

  addDay(date) {
    const name = dayName(date);
    const days = this.log.querySelectorAll(".day");
    if (days.length && days[days.length - 1].textContent === name) return;
    this.log.append(make("p", "day", name));
  }

  remove(id) {
    this.messages.get(id)?.remove();
    this.messages.delete(id);
    if (this.lastOwn?.id === id) this.lastOwn = null;
    this.tricks.offer();
  }

  answer(text, alert) {
    for (const key of this.element.querySelectorAll(".key[aria-busy]")) {
      key.removeAttribute("aria-busy");
    }
    if (!text) return;
    if (!alert) {
      this.toast(text);
      return;
    }
    const dialog = this.find(".alert");
    dialog.querySelector("p").textContent = text;
    if (!dialog.open) dialog.show();
    dialog.querySelector("button").focus({ preventScroll: true });
  }

  toast(text) {
    const toast = this.find(".toast");
    toast.textContent = text;
    toast.hidden = false;
    clearTimeout(this.toastTimer);
    this.toastTimer = setTimeout(() => { toast.hidden = true; }, TOAST_MS);
  }

  // --- where the reader is

  atEnd() {
    return this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < 80;
  }

  toEnd() {
    this.scroll.scrollTop = this.scroll.scrollHeight;
    this.markEnd();
  }

  markEnd() {
    this.find(".to-end").hidden = this.atEnd();
  }

  // --- one message

  drawn(message) {
    const element = make("article", `message ${message.from_bot ? "theirs" : "mine"}`);
    element.dataset.id = message.id;
    const bubble = make("div", "bubble");
    if (message.forwarded) bubble.append(make("span", "forwarded", "Forwarded message"));
    if (message.document) bubble.append(...this.documentCard(message.document));
    const body = make("span", "text");
    body.append(rendered(message.text, message.entities, (words) => this.say(words)));
    const mark = message.edited ? "edited " : "";
    bubble.append(body, make("span", "meta", `${mark}${clockTime(message.date)}`));
    element.append(bubble);
    if (message.quoted) bubble.prepend(make("span", "quoted", message.quoted));
    if (message.from_bot) element.append(this.replier(message), this.eraser(message.id));
    if (message.keyboard.length) {
      element.classList.add("has-keys");
      element.append(this.keys(message));
    }
    return element;
  }

  replier(message) {
    const button = make("button", "reply");
    button.type = "button";
    button.setAttribute("aria-label", "Reply to this message");
    button.append(icon(REPLY_ICON));
    button.addEventListener("click", () => this.tricks.reply(message));
    return button;
  }

  // Shown while a message to delete is being chosen.
  eraser(id) {
    const button = make("button", "erase");
    button.type = "button";
    button.setAttribute("aria-label", "Delete this message");
    button.append(icon(ERASE_ICON));
    button.addEventListener("click", () => this.tricks.erase(id));
    return button;
  }

  documentCard(file) {
    const card = make("div", "document");
    const fetchLink = make("a", "fetch");
    fetchLink.href = `/api/file/${encodeURIComponent(file.file_id)}`;
    fetchLink.download = file.name;
    fetchLink.setAttribute("aria-label", `Download ${file.name}`);
    fetchLink.append(icon(FETCH_ICON));
    const words = make("div");
    words.append(make("b", "", file.name), make("small", "", fileSize(file.size)));
    card.append(fetchLink, words);
    if (!this.canConnect || !file.name.endsWith(".ovpn")) return [card];
    return [card, this.tunnelButton(file.file_id)];
  }

  tunnelButton(fileId) {
    const button = make("button", "tunnel");
    button.type = "button";
    button.addEventListener("click", () => {
      const isOn = this.devices[fileId]?.state === "connected";
      this.do(isOn ? "disconnect" : "connect", { file_id: fileId });
    });
    button.dataset.file = fileId;
    this.label(button);
    return button;
  }

  label(button) {
    const state = this.devices[button.dataset.file]?.state;
    const another = this.connected().length ? "Connect another device" : "Connect with this profile";
    button.textContent = state === "connected" ? "Disconnect" : another;
    button.disabled = state === "connecting";
  }

  keys(message) {
    const keys = make("div", "keys");
    for (const row of message.keyboard) {
      const line = make("div", "keys-row");
      line.append(...row.map((button) => this.key(message, button)));
      keys.append(line);
    }
    return keys;
  }

  key(message, button) {
    const element = make(button.url ? "a" : "button", "key", button.text);
    if (button.style) element.classList.add(button.style);
    if (button.url) {
      element.href = button.url;
      element.target = "_blank";
      element.rel = "noopener noreferrer";
      return element;
    }
    element.type = "button";
    element.addEventListener("click", () => this.press(message, button, element));
    return element;
  }

  async press(message, button, element) {
    if (button.copy_text) {
      await navigator.clipboard.writeText(button.copy_text.text);
      this.toast("Copied.");
      return;
    }
    element.setAttribute("aria-busy", "true");
    setTimeout(() => element.removeAttribute("aria-busy"), SPIN_MS);
    const details = { message_id: message.id, data: button.callback_data };
    if (!(await this.do("tap", details))) element.removeAttribute("aria-busy");
  }
}
