// TrackLayer in a web page: finds the Microsoft click id with which a visitor landed, keeps it until
// the visitor consents, and sends it to capture. RECIPES.md says how a page uses it.
//
// It is served minified (see build.rs). Nothing is thrown into the page:
// what the page, a listener or a timer calls goes through `safely`.
(() => {
  const first = document.querySelector('script[src*="/ms-attribution.js"]');
  const script = document.currentScript || first;
  if (!script) return;

  // Two copies in a page run in any order. What the first one of the page says counts.
  const options = (first || script).dataset;
  const endpoint = script.src.replace(/\.js([?#].*)?$/, "");
  const needsConsent = options.consent !== "none";
  const safely = (action) => (...given) => {
    try {
      return action(...given);
    } catch {}
  };

  // --- What the browser keeps. Storage may be blocked or full: then this page's memory has to do.
  const tab = "sessionStorage", browser = "localStorage";
  const read = safely((area, name) => JSON.parse(window[area]["tl_" + name]));
  const write = safely((area, name, value) => {
    delete window[area]["tl_" + name];
    if (value && value.length !== 0) window[area]["tl_" + name] = JSON.stringify(value);
  });
  const list = (area, name) => [].concat(read(area, name) || []);
  const cookie = safely((name) => decodeURIComponent(document.cookie.match(`(?:^|; *)${name}=([^;]*)`)[1]));

  // The reference under which this browser's clicks are stored: in a cookie of the widest domain that
  // takes one, so that a shop and its checkout share it.
  let unkept = "";
  const own = () => (/^tl\.[0-9a-f]{32}$/.exec(cookie("tl_session")) || [unkept])[0];
  const keep = safely((reference) => {
    unkept = reference;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    const set = (value, age) => (_, at, names) => {
      const domain = names[at + 1] && "; Domain=" + names.slice(-at - 2).join(".");
      document.cookie = `tl_session=${value}; Path=/; SameSite=Lax; Max-Age=${age}${domain || ""}${secure}`;
      return cookie("tl_session");
    };
    const names = location.hostname.split(".");
    names.forEach(set("", 0));
    // A cookie can be ended by other tabs and pages, unlike what only this page knows.
    if (reference && names.find(set(reference, 7776000))) unkept = "";
  });
  const random = () =>
    "tl." + [...crypto.getRandomValues(new Uint8Array(32))].map((byte) => (byte % 16).toString(16)).join("");

  // --- The click.
  const decoded = safely(decodeURIComponent);
  // A click id in any of the forms that capture takes; of `M1,M1` and `M1?utm_source=bing` it is M1.
  const clean = (text) => {
    const found = /^\s*(?:_uet)?([0-9a-z-]{16,72})(?=[,?&\s]|$)/i.exec(decoded(text) || text);
    return found && found[1].replace(/-[01]N?$/, "");
  };
  const navigation = () => performance.getEntriesByType("navigation")[0] || {};
  // A page that was prerendered is seen later than it was loaded.
  const landedAt = () =>
    new Date(Date.now() - performance.now() + (navigation().activationStart || 0)).toISOString();
  const clickIn = safely((address) => {
    const { origin, pathname, searchParams } = new URL(address);
    // The page before may be of another site.
    if (origin !== location.origin) return;
    const named = (pattern) => [...searchParams].filter(([name]) => pattern.test(name));
    const msclkid = named(/^msclkid$/i).map(([, value]) => clean(value)).find(Boolean);
    const landingUrl = `${origin}${pathname}?${new URLSearchParams(named(/^utm_/))}`.replace(/\?$/, "").slice(0, 2048);
    return msclkid && { msclkid, landingUrl, landedAt: landedAt() };
  });
  let landed;

  // --- Delivery. What failed is sent once more at the next page, a withdrawal until it arrives. It is
  // kept before it is sent: the page may be gone when the answer comes, or never hear of it.
  const drop = (name, isGone) => write(browser, name, list(browser, name).filter((body) => !isGone(body)));
  const post = safely((body, isAgain) => {
    const name = body.consent === "denied" ? "owed" : "failed";
    const text = JSON.stringify(body);
    const done = () => drop(name, (other) => JSON.stringify(other) === text);
    if (!isAgain) write(browser, name, [...list(browser, name), body]);
    // As text/plain neither needs a preflight.
    if ("keepalive" in Request.prototype) {
      return fetch(endpoint, { method: "POST", body: text, keepalive: true, credentials: "include" })
        .then(({ status }) => status === 429 || status > 499 || done(), () => {});
    }
    if (navigator.sendBeacon(endpoint, text)) done();
  });
  // One tab at a time, where the browser can tell: two that land with the same click would both post
  // it, and a tab that opens while another waits for an answer would take that for a failure. A tab
  // that is frozen stops no other one for long; so an action must bear being done twice.
  const alone = (action) => {
    const { locks } = navigator;
    if (!locks) return action();
    setTimeout(action, 3000);
    // What was written here, other tabs learn a moment later.
    const moment = () => new Promise((resolve) => setTimeout(resolve, 300));
    locks.request("tracklayer", () => Promise.all(action() || []).then(moment)).catch(action);
  };

  let session = options.session;
  const reference = () => session || own();
  // The last click, for as long as the cookie lives: one of any age would pass for one of today.
  const kept = () => own() && read(browser, "click");
  // What waits for consent: clicks, and ties of records.
  let held = list(tab, "held").map(({ by, ...body }) => body);
  const hold = (body) => {
    const same = ({ landedAt, landingUrl, ...ids }) => JSON.stringify(ids);
    if (body && !held.some((other) => same(other) === same(body))) held.push(body);
    write(tab, "held", held.slice(-20));
  };
  // Marks of what was sent; other tabs write them too.
  let sent = [];
  // Tabs that land at one instant may each make a reference: the one that was posted first stays.
  let isMade;
  const send = ({ by, ...body }) => {
    sent = list(browser, "sent").concat(sent);
    const first = !by && sent.find((mark) => /^tl\./.test(mark) && mark.split(" ")[1] === body.msclkid);
    if (first) return isMade && keep(first.split(" ")[0]);
    const sessionId = by || reference();
    // Who never clicked an ad has nothing to tie.
    if (!sessionId) return;
    const mark = [sessionId, body.msclkid, body.leadId, body.cartId, body.orderId].join(" ");
    if (sent.includes(mark)) return;
    sent = [mark, ...sent].slice(0, 20);
    write(browser, "sent", sent);
    if (body.msclkid) {
      write(browser, "click", body);
      keep(own());
    }
    // This grant is newer than a withdrawal that has not arrived.
    drop("owed", (owed) => owed.sessionId === sessionId);
    return post({ ...body, sessionId, consent: needsConsent ? "granted" : undefined });
  };
  // What an earlier page could not send.
  let due;
  const isDue = (body) => due.includes(JSON.stringify(body));
  const flush = () => {
    due = due || list(browser, "failed").map((body) => JSON.stringify(body));
    // UET's cookies are read where the address has no click id, and never written.
    const msclkid = landed ? "" : clean(cookie("uet_msclkid")) || clean(cookie("_uetmsclkid"));
    if (msclkid) hold({ msclkid, landedAt: landedAt() });
    const clicks = held.filter((body) => body.msclkid), ties = held.filter((body) => !body.msclkid);
    if (!held[0] && !due[0]) return;
    // The page may ask for the reference at once.
    if (clicks[0] && !own()) {
      keep(random());
      isMade = true;
    }
    // Who ties a record may leave the page with the next line. Clicks are kept until they are posted.
    const posts = ties.map(send);
    held = clicks.map((click) => ({ by: session, ...click }));
    hold();
    alone(safely(() => {
      if (!isGranted()) return;
      posts.push(...held.splice(0).map(send), ...list(browser, "failed").filter(isDue).map((body) => post(body, true)));
      drop("failed", isDue);
      due = [];
      hold();
      fill();
      return posts;
    }));
  };
  const withdraw = () => {
    // The marks begin with the references under which they were sent: a banner may delete the cookie
    // first, and the site may give the visitor several sessions.
    const marks = list(browser, "sent").concat(sent, own() || []);
    keep("");
    sent = [];
    ["sent", "click", "failed"].forEach((name) => write(browser, name));
    write(tab, "held");
    write(browser, "denied", true);
    new Set(marks.map((mark) => mark.split(" ")[0])).forEach((sessionId) => post({ sessionId, consent: "denied" }));
    // If the visitor agrees again on this page.
    if (landed) held = [landed];
  };

  // --- Consent: what each source has answered, and the default of a banner nobody has answered yet.
  const answers = {};
  // `isMode`: a consent mode has spoken, or the page itself.
  let isHeard, isMode;
  const layer = options.dataLayer || "dataLayer";
  let preset = needsConsent ? "" : "granted";
  const answer = () => answers.page || answers.uetq || answers[layer] || answers.tcf;
  // A withdrawal, on another page perhaps, ends what was granted before it.
  const isGranted = () => (answer() || preset) === "granted" && !read(browser, "denied");
  const settle = safely(() => {
    const isDenied = answer() === "denied" || read(browser, "denied");
    // What was heard before may be older than a grant on another page.
    if (isGranted()) flush();
    else if (answer() === "denied" && isHeard) withdraw();
    isHeard = false;
    fill(isDenied);
  });
  const hear = (source, command, change) => {
    const answer = change && change.ad_storage;
    if (!/^(granted|denied)$/.test(answer)) return;
    isMode = isMode || source !== "tcf";
    if (command === "update") {
      answers[source] = answer;
      isHeard = true;
      if (answer === "granted") write(browser, "denied");
    }
    // The visitor's region is not known here, so a default that denies somewhere counts.
    else if (answer === "denied" || !(preset || change.region)) preset = answer;
    // Several commands of one task are one answer.
    Promise.resolve().then(settle);
  };

  const word = (isGiven) => ({ ad_storage: isGiven ? "granted" : "denied" });
  const watched = {};
  const watch = safely((name) => {
    const queue = window[name];
    if (watched[name] === queue) return;
    watched[name] = queue;
    // UET's queue is flat (`push("consent", "update", {…})`), Google's has an entry for each command.
    const take = safely((...items) =>
      items.forEach((item, at) => {
        const call = item === "consent" ? items.slice(at) : item;
        if (call && call[0] === "consent") hear(name, call[1], call[2]);
      }),
    );
    const push = queue.push;
    queue.push = (...items) => {
      take(...items);
      return push.apply(queue, items);
    };
    if (queue.forEach) take(...queue);
    // UET's script has taken the queue over and keeps only what became of it.
    const { enabled, adStorageUpdated, adStorageAllowed } = queue.uetConfig.consent;
    if (enabled) hear(name, adStorageUpdated ? "update" : "default", word(adStorageAllowed));
  });
  // Purpose 1: store information on a device. 1126 is Microsoft Advertising:
  // https://learn.microsoft.com/en-us/advertising/msa-help/hlp_ba_conc_uet_tcf
  // While the banner is shown, nothing is decided. A list that lacks 1126 refuses for whoever agrees: a
  // consent mode, which is asked first, may say so a moment later, and its queue may not be there yet.
  // So a refusal that takes nothing back from the same banner counts at a later `look`.
  let refusal;
  const hearTcf = safely(({ eventStatus, gdprApplies, purpose, vendor }) => {
    const isShown = eventStatus === "cmpuishown";
    const isGiven = !isShown && (gdprApplies === false || (purpose.consents[1] && vendor.consents[1126]));
    const isNow = isGiven || (answers.tcf && !isShown);
    refusal = isShown || isNow ? 0 : 2;
    hear("tcf", isNow ? "update" : "default", word(isGiven));
  });
  const look = safely(() => {
    ["uetq", layer].forEach(watch);
    if (refusal && document.readyState === "complete" && !--refusal && !isMode) hear("tcf", "update", word());
    if (!watched.tcf && window.__tcfapi) {
      watched.tcf = true;
      window.__tcfapi("addEventListener", 2, hearTcf);
    }
  });

  // --- Hidden fields: `tl_session`, `attributes[tl_session]`, `0-1/tl_session`, the same of `msclkid`,
  // or any name with data-tracklayer="tl_session".
  const valueOf = (name) => {
    const field = (/\b(tl_session|msclkid)\]?$/.exec(name) || [])[1];
    return field && ((field === "msclkid" ? own() && (kept() || landed || {}).msclkid : reference()) || "");
  };
  const fill = safely((isDenied) => {
    document.querySelectorAll("input[type=hidden]").forEach((input) => {
      const value = valueOf(input.dataset.tracklayer || input.name);
      if (value === undefined || value === input.value || !(value || isDenied === true)) return;
      input.value = value;
      // For the page's own listeners. Forms that keep their values to themselves need `reference()`.
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
  });

  // --- What the page may call.
  const link = safely((ids) => {
    const body = {};
    const given = ["leadId", "cartId", "orderId"].filter((name) => ids[name] && (body[name] = String(ids[name])));
    if (given[0]) hold(body);
    settle();
  });
  const api = {
    link,
    consent: safely((answer) => {
      hear("page", "update", { ad_storage: answer });
      settle();
    }),
    session: safely((id) => {
      session = id && String(id);
      hold(kept() || landed);
      settle();
    }),
    reference,
    push: (...calls) => calls.forEach(safely(([name, ...given]) => api[name](...given))),
  };
  const start = safely(() => {
    // Calls made before: `(window.tracklayer = window.tracklayer || []).push(["link", {…}])`.
    const early = window.tracklayer || [];
    // A second copy of this script leaves everything to the first one, but for its records.
    if (early.reference) return early.link(script.dataset);
    window.tracklayer = api;
    // The address with which the document was fetched stays known when a router has changed it; the
    // page before may have been a landing page without this script.
    landed = [navigation().name, location.href, document.referrer].map(clickIn).find(Boolean);
    if (landed) hold(landed);
    list(browser, "owed").forEach((body) => post(body, true));
    if (needsConsent) {
      look();
      setInterval(look, 1000);
    }
    api.push(...[].concat(early));
    // The site may have given the visitor another session since.
    if (session) hold(kept());
    link(options);
    link(script.dataset);
    ["focusin", "submit", "DOMContentLoaded"].forEach((type) => document.addEventListener(type, fill, true));
    // A page that is left may have waited for another tab.
    window.addEventListener("pagehide", safely(() => isGranted() && held.splice(0).forEach(send)));
    // A page that comes back from the back-forward cache may have missed another page's withdrawal.
    window.addEventListener("pageshow", settle);
  });
  // Nobody sees a page that is prerendered.
  if (document.prerendering) document.addEventListener("prerenderingchange", start);
  else start();
})();
