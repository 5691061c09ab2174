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

// Passkeys: they sign the digest of a statement, as its text stands in the form (docs/reference/proofs.md).
const written = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

async function sign(part, block) {
  const field = (name) => part.querySelector(`[name="${part.dataset.sign}-${name}"]`);
  const challenge = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(field("statement").value));
  const { passkey: rpId, credential: id } = block.dataset;
  const allowCredentials = id ? [{ type: "public-key", id: bytes(id) }] : [];
  const found = await navigator.credentials.get({ publicKey: { challenge, rpId, allowCredentials, userVerification: "required" } });
  const { clientDataJSON, authenticatorData, signature } = found.response;
  field("passkey").value = JSON.stringify({ id: written(found.rawId), client_data: written(clientDataJSON), authenticator_data: written(authenticatorData), signature: written(signature) });
  if (field("signature")) field("signature").required = false;
  const form = part.closest("form");
  const open = [...form.querySelectorAll("[data-sign]")].filter((one) => !["passkey", "signature"].some((name) => one.querySelector(`[name="${one.dataset.sign}-${name}"]`)?.value));
  if (!open.length) form.requestSubmit();
}

async function create(form) {
  const { create: id, person, fullName } = form.dataset;
  const challenge = crypto.getRandomValues(new Uint8Array(32));
  const user = { id: new TextEncoder().encode(person), name: person, displayName: fullName };
  const pubKeyCredParams = [-7, -8, -257].map((alg) => ({ type: "public-key", alg }));
  const authenticatorSelection = { residentKey: "required", userVerification: "required" };
  const made = await navigator.credentials.create({ publicKey: { challenge, rp: { id, name: "My Ringmaster" }, user, pubKeyCredParams, authenticatorSelection } });
  const data = new Uint8Array(made.response.getAuthenticatorData());
  form.elements.passkey_id.value = written(made.rawId);
  // Behind 37 bytes: 16 of the model, 2 of the length of the id, the id, and the key.
  form.elements.passkey_key.value = written(data.slice(55 + made.rawId.byteLength));
}

for (const block of window.PublicKeyCredential ? document.querySelectorAll("[data-passkey]") : []) {
  block.hidden = false;
  const told = block.querySelector("[role=status]");
  block.querySelector("button").onclick = () => sign(block.closest("[data-sign]"), block).then(
    () => { told.textContent = "Signed."; },
    () => { told.textContent = "The passkey did not sign. Try again, or use your SSH key."; },
  );
}
for (const form of window.PublicKeyCredential ? document.querySelectorAll("[data-create]") : []) {
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    if (form.elements.passkey_key.value) return;
    event.preventDefault();
    event.stopPropagation();
    create(form).then(() => form.requestSubmit(), () => { form.querySelector("[role=status]").textContent = "No passkey was made. Try again."; });
  });
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
