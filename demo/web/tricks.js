// What can be done beside plain typing: to reply, to edit, to forward, to delete, to block.

const MODES = {
  edit: ["Edit", "Send the new words of your last message."],
  forward: ["Forward", "Type what somebody else wrote; it arrives as a forwarded message."],
  reply: ["Reply", ""],
  delete: ["Delete", "Choose a message of the bot; it is not told."],
};

const QUOTED = 60;

export class Tricks {
  constructor(chat) {
    this.chat = chat;
    this.mode = "";
    this.menu = chat.find(".menu");
    this.strip = chat.find(".mode");
    for (const mode of ["edit", "forward", "delete"]) {
      chat.find(`.to-${mode}`).addEventListener("click", () => this.enter(mode));
    }
    chat.find(".block").addEventListener("click", () => {
      this.menu.open = false;
      chat.do(chat.blocked ? "unblock" : "block");
    });
    chat.find(".mode-end").addEventListener("click", () => this.leave());
    chat.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.mode && !this.menu.open) this.leave();
    });
  }

  // What can be done now: it changes while the menu is open, too.
  offer() {
    const { lastOwn, blocked, element } = this.chat;
    this.chat.find(".to-edit").disabled = !lastOwn || blocked;
    this.chat.find(".to-forward").disabled = blocked;
    this.chat.find(".to-delete").disabled = !element.querySelector(".theirs");
  }

  enter(mode) {
    this.leave();
    this.mode = mode;
    this.menu.open = false;
    this.chat.element.dataset.mode = mode;
    const [name, words] = MODES[mode];
    this.strip.querySelector("b").textContent = name;
    this.strip.querySelector("span").textContent = words;
    this.strip.hidden = false;
    if (mode === "delete") {
      const erasers = this.chat.element.querySelectorAll(".erase");
      erasers[erasers.length - 1]?.focus();
      return;
    }
    if (mode === "reply") return;
    this.target = this.chat.lastOwn;
    this.chat.write(mode === "edit" ? this.target.text : "");
  }

  // To a message of the bot, by the button beside it.
  reply(message) {
    this.enter("reply");
    this.strip.querySelector("span").textContent = message.text.slice(0, QUOTED);
    this.target = message;
    this.chat.write("");
  }

  leave() {
    if (!this.mode) return;
    this.mode = "";
    delete this.chat.element.dataset.mode;
    this.strip.hidden = true;
    this.chat.write("");
  }

  // Gives false where the words are to be sent in the usual way.
  async takes(text) {
    const { mode, target } = this;
    if (!mode || mode === "delete") return false;
    this.leave();
    if (mode === "reply") await this.chat.do("say", { text, replies_to: target.id });
    else if (mode === "forward") await this.chat.do("forward", { text });
    else await this.chat.do("edit", { message_id: target.id, text });
    return true;
  }

  async erase(messageId) {
    this.leave();
    await this.chat.do("delete", { message_id: messageId });
  }
}
