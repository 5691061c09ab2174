// What pages gain by a script: buttons that copy, keys, and a request that follows itself. All works without it.
"use strict";
const html = window.trustedTypes ? trustedTypes.createPolicy("portal", { createHTML: (text) => text }) : { createHTML: (text) => text };

function dress(part) {
  for (const button of part.querySelectorAll("[data-copy]")) {
    button.hidden = !navigator.clipboard;
    button.onclick = async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      const before = button.textContent;
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = before; }, 1500);
    };
  }
}

// A request: the server answers as soon as it has moved on, with the part of the page that shows it.
async function follow(part) {
  for (let pause = 0; part.dataset.follow; ) {
    await new Promise((done) => setTimeout(done, pause));
    try {
      const answer = await fetch(part.dataset.follow, { headers: { "X-Part": "1" } });
      if (answer.redirected) { location.reload(); return; }
      pause = answer.ok ? 200 : 5000;
      if (answer.status !== 200) continue;
      const fresh = new DOMParser().parseFromString(html.createHTML(await answer.text()), "text/html").querySelector("#live");
      if (!fresh) { location.reload(); return; }
      if (part.contains(document.activeElement)) part.closest("main").focus();
      part.replaceWith(fresh);
      part = fresh;
      dress(part);
    } catch { pause = 5000; }
  }
}

const typing = (element) => element.matches("input, textarea, select, [contenteditable]");
const ways = { h: "/", r: "/requests", a: "/account" };
let before = "";
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  const field = document.querySelector(".search input");
  if (event.key === "/" && field) { event.preventDefault(); field.focus(); field.select(); }
  if (before === "g" && ways[event.key]) location.assign(ways[event.key]);
  before = event.key;
});

// A button that was pressed is pressed once; the server knows a second time as well.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) { event.preventDefault(); return; }
  if (event.target.method === "post") event.target.dataset.sent = "1";
});
addEventListener("pageshow", (event) => {
  for (const form of document.forms) delete form.dataset.sent;
  if (event.persisted) location.reload();
});

dress(document);
const live = document.querySelector("#live[data-follow]");
if (live) follow(live);
