// The command menu: opened by its button or by typing a slash, driven by mouse or keys.

export class CommandMenu {
  constructor(list, input, button, onChosen) {
    this.list = list;
    this.input = input;
    this.button = button;
    this.onChosen = onChosen;
    this.commands = [];
    this.chosen = -1;
    input.addEventListener("input", () => this.follow());
    input.addEventListener("blur", () => this.close());
    // Pressing must not take the focus away, or the blur would close the menu first.
    for (const element of [list, button]) {
      element.addEventListener("mousedown", (event) => event.preventDefault());
    }
    button.addEventListener("click", () => this.toggle());
  }

  set(commands) {
    this.commands = commands;
    this.button.hidden = commands.length === 0;
    if (!this.list.hidden) this.follow();
  }

  toggle() {
    this.input.focus();
    if (this.list.hidden) this.open(this.commands);
    else this.close();
  }

  follow() {
    const text = this.input.value;
    const typed = /^\/(\w*)$/.exec(text);
    const fitting = typed ? this.commands.filter((c) => c.command.startsWith(typed[1])) : [];
    if (fitting.length) this.open(fitting);
    else this.close();
  }

  open(commands) {
    this.chosen = -1;
    this.list.replaceChildren(...commands.map((command) => this.entry(command)));
    this.list.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
  }

  close() {
    this.list.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
  }

  entry({ command, description }) {
    const entry = document.createElement("li");
    const name = document.createElement("b");
    const words = document.createElement("span");
    name.textContent = `/${command}`;
    words.textContent = description;
    entry.setAttribute("role", "option");
    entry.setAttribute("aria-selected", "false");
    entry.dataset.command = command;
    entry.append(name, words);
    entry.addEventListener("click", () => this.choose(entry));
    return entry;
  }

  choose(entry) {
    this.input.value = "";
    this.close();
    this.onChosen(`/${entry.dataset.command}`);
  }

  // Tab completes, so that arguments can be typed; Enter on a marked entry sends it.
  onKey(event) {
    if (this.list.hidden) return false;
    const entries = [...this.list.children];
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves) {
      const from = this.chosen < 0 && event.key === "ArrowUp" ? 0 : this.chosen;
      this.mark(entries, (from + moves[event.key] + entries.length) % entries.length);
    } else if (event.key === "Tab") {
      this.input.value = `/${entries[Math.max(0, this.chosen)].dataset.command} `;
      this.close();
    } else if (event.key === "Enter" && this.chosen >= 0) {
      this.choose(entries[this.chosen]);
    } else if (event.key === "Escape") {
      this.close();
      event.stopPropagation();
    } else {
      return false;
    }
    event.preventDefault();
    return true;
  }

  mark(entries, index) {
    this.chosen = index;
    entries.forEach((entry, place) => entry.setAttribute("aria-selected", String(place === index)));
    entries[index].scrollIntoView({ block: "nearest" });
  }
}
