// The panel that makes Telegram bad, and the badge in the header that says so.

const SWITCHES = [
  ["too_many", "429 Too Many Requests", "retry after 3 s"],
  ["server_error", "500 Internal Server Error", "the call has no effect"],
  ["bad_gateway", "502 Bad Gateway", "the call has no effect"],
  ["hang", "Hangs until time-out", "no answer and no effect"],
  ["drop_before", "Drops the connection", "before the call took effect"],
  ["drop_after", "Drops the answer", "the connection ends after the call took effect"],
  ["refuse", "Refuses connections", "nothing gets through to Telegram"],
  ["second_poller", "A second poller appears", "409 to each poll for 10 s"],
  ["away", "A lost hour", "Telegram is away while this is on; then an hour has passed, and taps "
    + "from before are too old"],
];
const WITHOUT_CHOICES = new Set(["second_poller", "away"]);

export class TroublePanel {
  constructor(order) {
    this.order = order;
    this.badge = document.querySelector(".troubled");
    this.words = this.badge.querySelector("span");
    this.sheet = document.querySelector(".trouble-sheet");
    this.allOff = this.sheet.querySelector(".all-off");
    this.problem = this.sheet.querySelector(".problem");
    this.summary = document.querySelector(".trouble summary");
    this.rows = new Map();
    for (const [kind, name, effect] of SWITCHES) this.add(kind, name, effect);
    for (const button of [this.allOff, this.badge.querySelector("button")]) {
      button.addEventListener("click", () => this.calm());
    }
  }

  add(kind, name, effect) {
    const row = document.getElementById("switch").content.cloneNode(true).firstElementChild;
    row.dataset.kind = kind;
    row.querySelector("b").textContent = name;
    row.querySelector("small").textContent = effect;
    for (const choice of row.querySelectorAll("[type=radio]")) {
      choice.name = `${kind}-${choice.name}`;
    }
    for (const group of row.querySelectorAll("fieldset")) {
      group.setAttribute("aria-label", `${name}: ${group.getAttribute("aria-label")}`);
    }
    row.addEventListener("change", () => this.set(kind));
    this.sheet.querySelector(".switches").append(row);
    this.rows.set(kind, row);
  }

  async set(kind) {
    const row = this.rows.get(kind);
    const order = { kind, on: row.querySelector("[role=switch]").checked };
    if (!WITHOUT_CHOICES.has(kind)) {
      order.often = this.chosen(row, "often");
      order.calls = this.chosen(row, "calls");
    }
    this.tell(await this.order("trouble", order));
  }

  chosen(row, choice) {
    return row.querySelector(`[data-choice=${choice}] :checked`).value;
  }

  // The button that was pressed goes away: the focus must not go with it.
  async calm() {
    if (document.activeElement?.closest(".troubled, .all-off")) this.summary.focus();
    this.tell(await this.order("calm", {}));
  }

  tell(error) {
    this.problem.textContent = error;
    this.problem.hidden = !error;
    if (error) this.show(this.trouble);
  }

  // A switch that went off by itself keeps its choices for the next time.
  show(trouble) {
    this.trouble = trouble;
    for (const [kind, row] of this.rows) {
      const setting = trouble.on[kind];
      row.querySelector("[role=switch]").checked = Boolean(setting);
      const choices = row.querySelector(".choices");
      if (!setting && choices.contains(document.activeElement)) {
        row.querySelector("[role=switch]").focus();
      }
      choices.hidden = !setting || WITHOUT_CHOICES.has(kind);
      if (setting && !WITHOUT_CHOICES.has(kind)) {
        for (const [choice, value] of Object.entries(setting)) {
          row.querySelector(`[data-choice=${choice}] [value=${value}]`).checked = true;
        }
      }
    }
    this.words.textContent = trouble.badge;
    this.badge.title = trouble.lines.join("\n");
    this.badge.hidden = !trouble.badge;
    this.allOff.disabled = !trouble.badge;
    this.summary.classList.toggle("lit", Boolean(trouble.badge));
  }
}
