// The search box. Whatever was found is shown as text: nothing here makes HTML of it.
"use strict";

const box = document.getElementById("search");
const list = document.getElementById("results");
const root = document.body.dataset.root;
const shown = 12;
const shownOfOnePage = 3;

const words = (text) => text.toLowerCase().normalize("NFKC").match(/[\p{L}\p{N}_]+/gu) || [];
const sections = window.searchIndex.map((section) => ({
  ...section,
  inPage: section.page.toLowerCase(),
  inHeading: section.heading.toLowerCase(),
  inText: section.text.toLowerCase().normalize("NFKC"),
}));

function score(section, wanted) {
  let sum = 0;
  for (const word of wanted) {
    const found =
      (section.inPage === word ? 60 : section.inPage.includes(word) ? 12 : 0) +
      (section.inHeading.includes(word) ? 20 : 0) +
      Math.min(section.inText.split(word).length - 1, 5);
    if (!found) return 0;
    sum += found;
  }
  return sum + (section.url.includes("#") ? 0 : 1);
}

// The text around the first word that was found, the words in it marked.
function excerpt(section, wanted) {
  const place = Math.max(0, ...wanted.slice(0, 1).map((word) => section.text.toLowerCase().indexOf(word)));
  const start = Math.max(0, place - 40);
  const text = (start ? "…" : "") + section.text.slice(start, start + 140) + (start + 140 < section.text.length ? "…" : "");
  const line = document.createElement("span");
  const pattern = new RegExp(`(${wanted.join("|")})`, "iu");
  text.split(pattern).forEach((piece, index) => {
    const part = index % 2 ? document.createElement("mark") : document.createTextNode("");
    part.textContent = piece;
    line.append(part);
  });
  return line;
}

function result(section, wanted) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  const title = document.createElement("strong");
  title.textContent = section.heading === section.page ? section.page : `${section.page} › ${section.heading}`;
  link.href = `${root}/${section.url}`;
  link.append(title, excerpt(section, wanted));
  item.append(link);
  return item;
}

// The best first, and not all of one page.
function best(wanted) {
  const ofPage = {};
  return sections
    .map((section) => [score(section, wanted), section])
    .filter(([points]) => points > 0)
    .sort((a, b) => b[0] - a[0])
    .map(([, section]) => section)
    .filter((section) => (ofPage[section.page] = (ofPage[section.page] || 0) + 1) <= shownOfOnePage)
    .slice(0, shown);
}

function search() {
  const wanted = words(box.value);
  const found = best(wanted).map((section) => result(section, wanted));
  if (!found.length) {
    const none = document.createElement("li");
    none.className = "none";
    none.textContent = "Nothing was found.";
    found.push(none);
  }
  list.replaceChildren(...found);
  list.hidden = !wanted.length;
}

box.addEventListener("input", search);
box.addEventListener("focus", search);
document.addEventListener("click", (event) => {
  if (!event.target.closest(".search")) list.hidden = true;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== box) {
    event.preventDefault();
    box.focus();
  }
  if (event.key === "Escape") list.hidden = true;
  const links = [...list.querySelectorAll("a")];
  const place = links.indexOf(document.activeElement);
  if (!list.hidden && links.length && ["ArrowDown", "ArrowUp"].includes(event.key)) {
    event.preventDefault();
    const next = place + (event.key === "ArrowDown" ? 1 : -1);
    (links[next] || box).focus();
  }
  if (event.key === "Enter" && document.activeElement === box && links.length) links[0].click();
});

// On a narrow screen the list of pages begins closed.
if (window.matchMedia("(max-width: 56rem)").matches) document.querySelector(".contents details").open = false;
