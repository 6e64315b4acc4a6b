// Choose some of many words, by typing: what is chosen stands below as buttons that take it away again.

import { el } from "./dom.js";
import { change, state, subscribe, toggled } from "./state.js";
import { count, t } from "./words.js";

/**
 * @param {string} key the set in the state
 * @param {string} title
 * @param {() => Map<string, number>} counts words and their numbers now
 * @param {(word: string) => string} say the word for people
 */
export function chooser(key, title, counts, say = (word) => word) {
  const list = el("datalist", { id: `${key}-list` });
  const input = el("input", {
    id: `${key}-input`,
    list: `${key}-list`,
    placeholder: t("choose.any"),
    autocomplete: "off",
    onchange: ({ target }) => {
      const typed = target.value.trim().toLowerCase();
      const words = [...counts().keys()].filter(Boolean);
      const fits = (test) => words.filter((word) => test(say(word).toLowerCase()) || test(word.toLowerCase()));
      const word = fits((text) => text === typed)[0] ?? onlyOne(fits((text) => text.startsWith(typed)));
      if (!typed || word === undefined) return;
      target.value = "";
      change({ [key]: toggled(state[key], word, true) });
    },
  });
  const chips = el("ul", { class: "chosen" });
  const update = () => {
    const now = counts();
    list.replaceChildren(
      ...[...now].filter(([word]) => word).map(([word, n]) => el("option", { value: say(word) }, count(n))),
    );
    chips.replaceChildren(
      ...[...state[key]].map((word) => {
        const onclick = () => {
          change({ [key]: toggled(state[key], word, false) });
          input.focus();
        };
        const label = t("choose.remove", { name: say(word) });
        return el(
          "li",
          {},
          el(
            "button",
            { type: "button", onclick, "aria-label": label },
            el("bdi", {}, say(word)),
            el("span", { "aria-hidden": "true" }, " ×"),
          ),
        );
      }),
    );
  };
  let drawn = false;
  input.addEventListener("focus", update);
  subscribe((changed) => {
    if (changed.has(key) || !drawn) update();
    drawn = true;
  });
  update();
  return el("div", { class: "chooser" }, el("label", { for: `${key}-input` }, title), input, list, chips);
}

const onlyOne = (words) => (words.length === 1 ? words[0] : undefined);
