// The button by which a bot asks for people, and the contacts to pick them from.

export class Picking {
  constructor(chat) {
    this.chat = chat;
    this.button = chat.find(".pick-people");
    this.dialog = chat.find(".contacts");
    this.list = this.dialog.querySelector("ul");
    this.button.addEventListener("click", () => this.open());
    this.dialog.addEventListener("close", () => this.done());
  }

  // The contacts: everybody else on the page.
  show(people) {
    this.people = people;
  }

  set(picker) {
    this.picker = picker;
    this.button.hidden = !picker;
    this.button.textContent = picker?.text ?? "";
  }

  open() {
    this.list.replaceChildren(...this.people.map((person) => {
      const entry = document.createElement("li");
      const label = document.createElement("label");
      const box = document.createElement("input");
      box.type = "checkbox";
      box.value = person.id;
      label.append(box, person.shown);
      entry.append(label);
      return entry;
    }));
    this.dialog.returnValue = "";
    this.dialog.show();
    this.list.querySelector("input")?.focus();
  }

  done() {
    if (this.dialog.returnValue !== "pick") return;
    const users = [...this.list.querySelectorAll("input:checked")].map((box) => Number(box.value));
    this.chat.do("pick", { users });
  }
}
